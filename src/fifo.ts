/** A first-in, first-out queue whose operations take constant time, however many items wait. */

export class Fifo<V> {
  #items: Array<V | undefined> = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: V): void {
    this.#items.push(item)
  }

  /** Puts an item in front of all others. */
  unshift(item: V): void {
    if (this.#head > 0) this.#items[--this.#head] = item
    else this.#items.unshift(item)
  }

  /** The oldest item, which stays; `undefined` if there is none. */
  peek(): V | undefined {
    return this.#items[this.#head]
  }

  /** The items, the oldest first. */
  *[Symbol.iterator](): Generator<V, void, undefined> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at] as V
  }

  /** Takes the oldest item; `undefined` if there is none. */
  shift(): V | undefined {
    const items = this.#items
    if (this.#head === items.length) return undefined
    const item = items[this.#head]
    items[this.#head++] = undefined // an item that was taken is not kept alive
    if (this.#head > 32 && this.#head * 2 > items.length) {
      this.#items = items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
