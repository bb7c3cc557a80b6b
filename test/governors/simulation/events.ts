/** What happens when, in a simulation: a heap of callbacks by time, and among equals by their order. */

interface Event {
  readonly at: number
  readonly order: number
  readonly call: () => void
}

export class Events {
  now = 0
  #heap: Event[] = []
  #order = 0

  after(delay: number, call: () => void): void {
    const event = {at: this.now + delay, order: this.#order++, call}
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const other = heap[parent]
      if (other === undefined || !isBefore(event, other)) break
      heap[index] = other
      index = parent
    }
    heap[index] = event
  }

  /** Calls what is due until then, and goes there. */
  runUntil(end: number): void {
    for (let event = this.#heap[0]; event !== undefined && event.at <= end; event = this.#heap[0]) {
      this.#removeFirst()
      this.now = event.at
      event.call()
    }
    this.now = end
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      let least = left
      if (right !== undefined && isBefore(right, left)) {
        child++
        least = right
      }
      if (!isBefore(least, last)) break
      heap[index] = least
      index = child
    }
    heap[index] = last
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
