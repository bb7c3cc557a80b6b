/** Entries in order: the highest priority first, and first in, first out within one. */

/** What can stand in line. Owned by the line while it does. */
export interface Ranked {
  readonly priority: number
  /** Its number among all that were pushed, from the line. */
  order: number
  previous: this | undefined
  next: this | undefined
  /** The level it stands in; `undefined` when it stands in none. */
  level: Level<this> | undefined
}

/** All entries of one priority, as a linked list: any of them can leave at once, in constant time. */
export interface Level<E> {
  readonly priority: number
  /** Its place in the heap of levels. */
  at: number
  first: E | undefined
  last: E | undefined
}

/**
 * Pushing, taking and removing cost O(log p) with p different priorities waiting, whatever the number of
 * entries: O(1) while all have the same. Levels are kept in a binary heap and dropped when empty.
 */
export class Priorities<E extends Ranked> {
  readonly #levels = new Map<number, Level<E>>()
  readonly #heap: Array<Level<E>> = []
  #size = 0
  #pushed = 0

  get size(): number {
    return this.#size
  }

  /** Puts an entry behind those of its priority. */
  push(entry: E): void {
    entry.order = this.#pushed++
    const level = this.#level(entry)
    insert(entry, level.last, undefined, level)
  }

  /**
   * Puts an entry that was taken back where it stood. Passes only those that were put back too and stood
   * before it.
   */
  putBack(entry: E): void {
    const level = this.#level(entry)
    let next = level.first
    while (next && next.order < entry.order) next = next.next
    insert(entry, next ? next.previous : level.last, next, level)
  }

  /** Takes the entry whose turn it is, or `undefined` if there is none. */
  shift(): E | undefined {
    const entry = this.#heap[0]?.first
    if (entry) this.remove(entry)
    return entry
  }

  /** Takes an entry out of the line. `false` if it does not stand in it. */
  remove(entry: E): boolean {
    const {level, previous, next} = entry
    if (!level) return false
    if (previous) previous.next = next
    else level.first = next
    if (next) next.previous = previous
    else level.last = previous
    entry.level = entry.previous = entry.next = undefined
    this.#size--
    if (!level.first) this.#drop(level)
    return true
  }

  #level(entry: E): Level<E> {
    const {priority} = entry
    let level = this.#levels.get(priority)
    if (!level) {
      level = {priority, at: this.#heap.length, first: undefined, last: undefined}
      this.#levels.set(priority, level)
      this.#heap.push(level)
      this.#raise(level)
    }
    entry.level = level
    this.#size++
    return level
  }

  #drop(level: Level<E>): void {
    this.#levels.delete(level.priority)
    const last = this.#heap.pop()
    if (!last || last === level) return
    this.#place(last, level.at)
    this.#raise(last)
    this.#lower(last)
  }

  #raise(level: Level<E>): void {
    for (;;) {
      const above = this.#heap[(level.at - 1) >> 1]
      if (level.at === 0 || !above || above.priority > level.priority) return
      const {at} = above
      this.#place(above, level.at)
      this.#place(level, at)
    }
  }

  #lower(level: Level<E>): void {
    for (;;) {
      const left = this.#heap[level.at * 2 + 1]
      const right = this.#heap[level.at * 2 + 2]
      const below = right && left && right.priority > left.priority ? right : left
      if (!below || below.priority < level.priority) return
      const {at} = below
      this.#place(below, level.at)
      this.#place(level, at)
    }
  }

  #place(level: Level<E>, at: number): void {
    this.#heap[at] = level
    level.at = at
  }
}

function insert<E extends Ranked>(entry: E, previous: E | undefined, next: E | undefined, level: Level<E>): void {
  entry.previous = previous
  entry.next = next
  if (previous) previous.next = entry
  else level.first = entry
  if (next) next.previous = entry
  else level.last = entry
}
