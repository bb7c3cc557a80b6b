/** Keeps entries in order: the highest priority first, and within one priority first in, first out. */
import {Fifo} from '../fifo.js'

/** What can wait here. */
export interface Waiting {
  readonly priority: number
  /** Its number among all that were pushed. */
  readonly sequence: number
  /** An entry that has been removed waits no longer, and is skipped when its turn comes. */
  readonly isWaiting: boolean
}

/** All entries of one priority. */
interface Level<E> {
  readonly priority: number
  readonly entries: Fifo<E>
  /** How many of them do not wait any more. */
  removed: number
  /** Its place in the heap of levels. */
  place: number
}

/**
 * Pushing, taking and removing cost O(log p) with p different priorities waiting, whatever the number of entries: O(1)
 * while all have the same. Levels are kept in a binary heap, and dropped when empty. An entry has no links: a million may
 * wait, and each field of each costs eight bytes.
 */
export class PriorityQueue<E extends Waiting> {
  readonly #levels = new Map<number, Level<E>>()
  readonly #heap: Array<Level<E>> = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Puts an entry behind those of its priority. */
  push(entry: E): void {
    this.#size++
    this.#level(entry.priority).entries.push(entry)
  }

  /**
   * Puts an entry that was taken by `shift` back where it stood. Takes longer the more older entries were put back before:
   * of several, put back the youngest first.
   */
  putBack(entry: E): void {
    this.#size++
    const {entries} = this.#level(entry.priority)
    // In front of it stand only those that were put back, too, and are older.
    const older: E[] = []
    for (let first = entries.peek(); first && first.sequence < entry.sequence; first = entries.peek()) {
      older.push(first)
      entries.shift()
    }
    entries.unshift(entry)
    for (const first of older.toReversed()) entries.unshift(first)
  }

  /** Takes the entry whose turn it is; `undefined` if none waits. */
  shift(): E | undefined {
    const level = this.#heap[0]
    if (level === undefined) return undefined
    let entry = level.entries.shift()
    while (entry && !entry.isWaiting) {
      level.removed--
      entry = level.entries.shift()
    }
    this.#size--
    if (level.entries.size === level.removed) this.#drop(level)
    return entry
  }

  /** Takes account of an entry that waits no longer, and never will again. */
  remove(entry: E): void {
    const level = this.#levels.get(entry.priority)
    if (level === undefined) return
    this.#size--
    level.removed++
    const {entries} = level
    if (entries.size === level.removed) this.#drop(level)
    else if (level.removed > 32 && level.removed * 2 > entries.size) {
      // Each entry is passed over once for each time that half of them have been removed.
      for (let left = entries.size; left > 0; left--) {
        const kept = entries.shift()
        if (kept?.isWaiting) entries.push(kept)
      }
      level.removed = 0
    }
  }

  /** All entries in order, which stay. */
  *[Symbol.iterator](): Generator<E, void, undefined> {
    const levels = [...this.#levels.values()].sort((a, b) => b.priority - a.priority)
    for (const {entries} of levels) for (const entry of entries) if (entry.isWaiting) yield entry
  }

  #level(priority: number): Level<E> {
    let level = this.#levels.get(priority)
    if (level === undefined) {
      level = {priority, entries: new Fifo(), removed: 0, place: this.#heap.length}
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
