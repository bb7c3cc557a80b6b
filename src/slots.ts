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
  /** Given up while its task goes on. */
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
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** Idle slots beyond these are not kept when nothing runs. */
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
    const slot = this.#idle.pop() ?? this.#make()
    slot.context = context
    this.#taken++
    return slot
  }

  /** Gives a slot back whose task has settled. */
  release(slot: Slot): void {
    slot.context = undefined
    this.#idle.push(slot)
    if (--this.#taken === 0) this.#trim()
  }

  /** Takes a slot out of the count whose task goes on. It is never used again. */
  abandon(slot: Slot): void {
    slot.isAbandoned = true
    this.#slots.delete(slot)
    this.#taken--
  }

  /** Aborts the signals of all tasks whose outcome is still open. */
  abort(reason: unknown): void {
    for (const slot of this.#slots) slot.context?.abort(reason)
  }

  #make(): Slot {
    const slot = new Slot(this.#owner)
    this.#slots.add(slot)
    return slot
  }

  #trim(): void {
    while (this.#idle.length > mostIdle) {
      const slot = this.#idle.pop()
      if (slot !== undefined) this.#slots.delete(slot)
    }
  }
}
