/** First in, first out, in constant time however long the line. */

export class Fifo<V> {
  #items: Array<V | undefined> = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: V): void {
    this.#items.push(item)
  }

  /** The oldest item, or `undefined` if there is none. */
  shift(): V | undefined {
    const items = this.#items
    if (this.#head === items.length) return undefined
    const item = items[this.#head]
    // Blanked so that what was handed out is not kept alive; cut off when half the array is blank.
    items[this.#head++] = undefined
    if (this.#head > 32 && this.#head * 2 > items.length) {
      this.#items = items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
