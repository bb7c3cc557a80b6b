/** Counts the slots that running tasks take. A slot tells the run how its task has settled. */
import type {Context} from './context.js'
import type {QueuedTask} from './task.js'
import type {Permit, TaskTrace} from './types.js'

/** Called when the task in a slot settles. */
export interface SlotHost {
  fulfilled(slot: Slot, value: unknown): void
  rejected(slot: Slot, reason: unknown): void
}

/**
 * A place for one running task. Slots and their two callbacks are used again and again: with callbacks of its own, a
 * task costs twice as much, and ten times as much at a limit of 100,000.
 */
export class Slot {
  /** The context of the task in the slot; `undefined` while there is none. */
  context: Context | undefined
  /** The pushed task that is told how it went, where the source is a TaskQueue. */
  queued: QueuedTask | undefined
  /** The outcome was reported early: the attempt timed out, or was given up. It has not settled. */
  isLate = false
  hasTimedOut = false
  /** What the attempt was made of, and the retry that waits while an attempt that has timed out still runs. */
  item: unknown
  retry: {running: unknown} | undefined
  /** What subscribers to the attempt get. */
  trace: TaskTrace | undefined
  /** What the governor gave for the attempt. */
  permit: Permit | undefined
  /** The slot was given up while its task went on, and is never used again. */
  isAbandoned = false
  /** The milliseconds that the task has, if they count, and when they are over. Kept by `Deadlines`. */
  timeout: number | undefined
  deadline: number = Infinity
  /** The event loop was blocked, and the task has been given that time again. */
  isExtended = false
  /** Of an idle slot, the next idle one. */
  next: Slot | undefined
  /** Its place among all slots. Kept by `Slots`. */
  place = 0
  readonly onFulfilled: (value: unknown) => void
  readonly onRejected: (reason: unknown) => void

  constructor(host: SlotHost) {
    this.onFulfilled = (value) => host.fulfilled(this, value)
    this.onRejected = (reason) => host.rejected(this, reason)
  }
}

/** The number of slots that are kept when no task runs. */
const mostIdle = 1024

export class Slots {
  /** How many slots may be taken at once. May change at any time; lowering it takes no slot away. */
  limit: number
  readonly #host: SlotHost
  readonly all: Slot[] = []
  /** The idle slots, as a list: the last to be released is the first to be taken again. */
  #idle: Slot | undefined
  #taken = 0

  constructor(limit: number, host: SlotHost) {
    this.limit = limit
    this.#host = host
  }

  get taken(): number {
    return this.#taken
  }

  get hasFree(): boolean {
    return this.#taken < this.limit
  }

  take(context: Context): Slot {
    let slot = this.#idle
    if (slot === undefined) slot = this.#add()
    else {
      this.#idle = slot.next
      slot.next = undefined
    }
    slot.context = context
    this.#taken++
    return slot
  }

  /** Frees the slot of a task that has settled. */
  release(slot: Slot): void {
    slot.context = undefined
    slot.next = this.#idle
    this.#idle = slot
    if (--this.#taken === 0 && this.all.length > mostIdle) this.#forget()
  }

  /** Frees a slot whose task goes on. */
  abandon(slot: Slot): void {
    slot.isAbandoned = true
    const last = this.all.at(-1) ?? slot
    this.all[slot.place] = last
    last.place = slot.place
    this.all.pop()
    this.#taken--
  }

  /** The slots whose tasks have an outcome still to come. */
  open(): Slot[] {
    return this.all.filter((slot) => slot.context !== undefined && !slot.isLate)
  }

  /** The contexts of all tasks in slots. */
  get contexts(): Context[] {
    return this.all.flatMap(({context}) => context ?? [])
  }

  #forget(): void {
    this.all.length = 0
    this.#idle = undefined
  }

  #add(): Slot {
    const slot = new Slot(this.#host)
    slot.place = this.all.push(slot) - 1
    return slot
  }
}
