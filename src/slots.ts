/** Counts the slots that running tasks take, and hears how each task settles. */
import type {Context} from './context.js'
import type {Receipt} from './tasks.js'

/** What happens to the tasks in slots. */
export interface SlotOwner {
  fulfilled(slot: Slot, value: unknown): void
  rejected(slot: Slot, reason: unknown): void
  timedOut(slot: Slot): void
}

/**
 * A place for one running task. Slots are used again and again, and with them their callbacks: a task
 * costs no closure of its own.
 */
export class Slot {
  /** The task in the slot; `undefined` when there is none, or its outcome has been delivered already. */
  context: Context | undefined
  /** Who wants to know what becomes of the task. */
  receipt: Receipt | undefined
  /** Given up while its task still runs: it is out of the count and never used again. */
  isAbandoned = false
  readonly onFulfilled: (value: unknown) => void
  readonly onRejected: (reason: unknown) => void
  readonly #onTimeout: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(owner: SlotOwner) {
    this.onFulfilled = (value) => owner.fulfilled(this, value)
    this.onRejected = (reason) => owner.rejected(this, reason)
    this.#onTimeout = () => owner.timedOut(this)
  }

  startTimer(ms: number): void {
    this.#timer = setTimeout(this.#onTimeout, ms)
  }

  stopTimer(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** Idle slots beyond these are not kept for later. */
const mostIdle = 1024

export class Slots {
  /** How many slots may be taken at once. May be changed at any time; lowering it takes no slot away. */
  limit: number
  readonly #owner: SlotOwner
  /** All slots that hold a task or may soon. */
  readonly #slots = new Set<Slot>()
  readonly #idle: Slot[] = []
  #taken = 0

  constructor(limit: number, owner: SlotOwner) {
    this.limit = limit
    this.#owner = owner
  }

  get taken(): number {
    return this.#taken
  }

  get hasFree(): boolean {
    return this.#taken < this.limit
  }

  take(context: Context): Slot {
    let slot = this.#idle.pop()
    if (slot === undefined) {
      slot = new Slot(this.#owner)
      this.#slots.add(slot)
    }
    slot.context = context
    this.#taken++
    return slot
  }

  /** Gives a slot back whose task has settled. */
  release(slot: Slot): void {
    slot.context = undefined
    slot.receipt = undefined
    if (slot.isAbandoned) return
    this.#taken--
    if (this.#idle.length < mostIdle) this.#idle.push(slot)
    else this.#slots.delete(slot)
  }

  /** Takes a slot out of the count whose task goes on. */
  abandon(slot: Slot): void {
    slot.isAbandoned = true
    this.#slots.delete(slot)
    this.#taken--
  }

  /** Aborts the signals of all tasks whose outcome is still open. */
  abort(reason: unknown): void {
    for (const slot of this.#slots) slot.context?.abort(reason)
  }
}
