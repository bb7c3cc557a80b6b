/** Keeps entries in order: the highest priority first, and within one priority first in, first out. */

/** An entry that can wait in the queue. */
export interface Waiting {
  readonly priority: number
  /** The entry's number in the order of pushes. */
  readonly sequence: number
  /** `false` for a removed entry: it is skipped when its turn comes. */
  readonly isWaiting: boolean
  /** The next entry of the same priority. Set by the queue in which the entry waits. */
  next: this | undefined
}

/** All entries of one priority. */
interface Level<E extends Waiting> {
  readonly priority: number
  /**
   * A linked list: its links cost no more than the elements of an array, and nothing is copied while the list grows.
   */
  first: E | undefined
  last: E | undefined
  size: number
  /** How many of its entries wait no more. */
  removed: number
  /** Its index in the heap of levels. */
  place: number
}

/**
 * Pushing, taking and removing cost O(log p) with p different waiting priorities, whatever the number of entries, and
 * O(1) while all entries have the same priority. Levels are kept in a binary heap, and dropped when empty.
 */
export class PriorityQueue<E extends Waiting> {
  readonly #levels = new Map<number, Level<E>>()
  readonly #heap: Array<Level<E>> = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Whether an entry can be taken. */
  get isReady(): boolean {
    return this.#size > 0
  }

  /** The highest priority that waits; `undefined` if no entry waits. */
  get top(): number | undefined {
    return this.#heap[0]?.priority
  }

  /** Puts an entry behind the entries of the same priority. */
  push(entry: E): void {
    this.#size++
    const level = this.#level(entry.priority)
    if (level.last === undefined) level.first = entry
    else level.last.next = entry
    level.last = entry
    level.size++
  }

  /**
   * Puts an entry back where it stood before `shift`. This takes longer the more older entries were put back before: of
   * several entries, put back the youngest first.
   */
  putBack(entry: E): void {
    this.#size++
    const level = this.#level(entry.priority)
    // Only entries that were put back too, and are older, stand in front of it.
    let older: E | undefined
    let younger = level.first
    while (younger !== undefined && younger.sequence < entry.sequence) {
      older = younger
      younger = younger.next
    }
    entry.next = younger
    if (older === undefined) level.first = entry
    else older.next = entry
    if (younger === undefined) level.last = entry
    level.size++
  }

  /** Takes the entry whose turn it is; `undefined` if no entry waits. */
  shift(): E | undefined {
    const level = this.#heap[0]
    if (level === undefined) return undefined
    let entry = take(level)
    while (entry !== undefined && !entry.isWaiting) {
      level.removed--
      entry = take(level)
    }
    this.#size--
    if (level.size === level.removed) this.#drop(level)
    return entry
  }

  /** Takes account of an entry that stopped waiting for good. */
  remove(entry: E): void {
    const level = this.#levels.get(entry.priority)
    if (level === undefined) return
    this.#size--
    level.removed++
    if (level.size === level.removed) this.#drop(level)
    else if (level.removed > 32 && level.removed * 2 > level.size) {
      // Each time that half of the entries have been removed, each entry is visited once.
      for (let left = level.size; left > 0; left--) {
        const kept = take(level)
        if (!kept?.isWaiting) continue
        if (level.last === undefined) level.first = kept
        else level.last.next = kept
        level.last = kept
        level.size++
      }
      level.removed = 0
    }
  }

  /** All waiting entries in order. They stay in the queue. */
  *[Symbol.iterator](): Generator<E, void, undefined> {
    const levels = [...this.#levels.values()].sort((a, b) => b.priority - a.priority)
    for (const {first} of levels)
      for (let entry = first; entry !== undefined; entry = entry.next) if (entry.isWaiting) yield entry
  }

  #level(priority: number): Level<E> {
    let level = this.#levels.get(priority)
    if (level === undefined) {
      level = {priority, first: undefined, last: undefined, size: 0, removed: 0, place: this.#heap.length}
      this.#levels.set(priority, level)
      this.#heap.push(level)
      this.#raise(level)
    }
    return level
  }

  #drop(level: Level<E>): void {
    this.#levels.delete(level.priority)
    const last = this.#heap.pop()
    if (last === undefined || last === level) return
    this.#move(last, level.place)
    this.#raise(last)
    this.#lower(last)
  }

  #raise(level: Level<E>): void {
    for (;;) {
      const above = this.#heap[(level.place - 1) >> 1]
      if (level.place === 0 || !above || above.priority > level.priority) return
      const {place} = above
      this.#move(above, level.place)
      this.#move(level, place)
    }
  }

  #lower(level: Level<E>): void {
    for (;;) {
      const left = this.#heap[level.place * 2 + 1]
      const right = this.#heap[level.place * 2 + 2]
      const below = right && left && right.priority > left.priority ? right : left
      if (!below || below.priority < level.priority) return
      const {place} = below
      this.#move(below, level.place)
      this.#move(level, place)
    }
  }

  #move(level: Level<E>, place: number): void {
    this.#heap[place] = level
    level.place = place
  }
}

/** Takes the first entry of a level, whether it waits or not. The taken entry keeps no other entry alive. */
function take<E extends Waiting>(level: Level<E>): E | undefined {
  const {first} = level
  if (first === undefined) return undefined
  level.first = first.next
  if (first.next === undefined) level.last = undefined
  first.next = undefined
  level.size--
  return first
}
