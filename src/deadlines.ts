/** Times tasks out: each slot has its own deadline, and one timer is set for the earliest of them. */

import {turnTime} from './event-loop.js'
import {nextTurn} from './platform/runtime.js'
import {Slot} from './slots.js'

/** A timer that fires more than this many milliseconds late was held up by a blocked event loop. */
const tolerance = 50

/**
 * When the timer fires, all slots are looked at. It is set at least a millisecond ahead for this many slots, so that at a
 * limit of 1,000,000 that takes little of the time.
 */
const slotsPerMillisecond = 5000

export class Deadlines {
  readonly #slots: readonly Slot[]
  readonly #onExpired: (slot: Slot, timeout: number) => void
  /** How many slots have a deadline. */
  #size = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** When the timer is to fire; `Infinity` while there is none. What the timer says counts, even if the clock says less. */
  #due = Infinity
  #isHolding = true
  /** Whether the timer is looked at after this turn of the event loop: a timer for each task would cost more. */
  #isChecking = false

  /**
   * @param slots All slots of the run, now and later.
   * @param onExpired Called when the task in a slot has had its time.
   */
  constructor(slots: readonly Slot[], onExpired: (slot: Slot, timeout: number) => void) {
    this.#slots = slots
    this.#onExpired = onExpired
  }

  /** Gives the task in a slot `timeout` milliseconds. */
  add(slot: Slot, timeout: number): void {
    const now = turnTime()
    slot.timeout = timeout
    slot.isExtended = false
    slot.deadline = now + timeout
    this.#size++
    const ms = Math.max(timeout, this.#leastAhead)
    if (now + ms < this.#due) this.#arm(now + ms, ms)
  }

  /** Takes that back. */
  remove(slot: Slot): void {
    slot.timeout = undefined
    if (--this.#size === 0 && !this.#isChecking) this.#checkLater()
  }

  /** Sets whether the timer keeps the process alive from now on. */
  hold(isHolding: boolean): void {
    this.#isHolding = isHolding
    reference(this.#timer, isHolding ? 'ref' : 'unref')
  }

  /** No task times out any more, unless it is added later. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = Infinity
  }

  #arm(at: number, ms: number): void {
    this.stop()
    this.#due = at
    // Looked up at each call, and not once: tests may replace it.
    this.#timer = setTimeout(this.#fired, ms)
    if (!this.#isHolding) reference(this.#timer, 'unref')
  }

  readonly #fired = (): void => {
    const now = Math.max(performance.now(), this.#due)
    const late = now - this.#due
    this.stop()
    for (const slot of this.#expired(now)) {
      const {timeout} = slot
      if (timeout === undefined) continue // it was removed meanwhile
      if (late > tolerance && !slot.isExtended) {
        // The event loop was blocked. A task that started after the block has a deadline from before it.
        slot.isExtended = true
        slot.deadline = now + Math.min(late, timeout)
      } else {
        this.remove(slot)
        this.#onExpired(slot, timeout)
      }
    }
    this.#armForEarliest()
  }

  /** The slots whose tasks have had their time, in the order of their deadlines. */
  #expired(now: number): Slot[] {
    return this.#slots
      .filter(({timeout, deadline}) => timeout !== undefined && deadline <= now)
      .sort((a, b) => a.deadline - b.deadline || indexOf(a) - indexOf(b))
  }

  #armForEarliest(): void {
    let earliest = Infinity
    for (const {timeout, deadline} of this.#slots) if (timeout !== undefined && deadline < earliest) earliest = deadline
    const now = performance.now()
    const at = Math.max(earliest, now + this.#leastAhead)
    if (at < this.#due) this.#arm(at, at - now) // a task that started meanwhile may have armed the timer
  }

  get #leastAhead(): number {
    return this.#slots.length / slotsPerMillisecond
  }

  #checkLater(): void {
    this.#isChecking = true
    nextTurn(() => {
      this.#isChecking = false
      if (this.#size === 0) this.stop()
    })
  }
}

/** Deadlines that were used once, and have no timer: for the specimen of a run, see `keepSpecimen`. */
export function usedDeadlines(): object[] {
  const slot = new Slot({fulfilled() {}, rejected() {}})
  const deadlines = new Deadlines([slot], () => {})
  deadlines.add(slot, 1)
  deadlines.stop()
  return [slot, deadlines]
}

function indexOf({context}: Slot): number {
  return context?.index ?? 0
}

/** Only Node's timers keep a process alive, and have a method that ends that. */
function reference(timer: unknown, how: 'ref' | 'unref'): void {
  ;(timer as Partial<Record<typeof how, () => void>> | undefined)?.[how]?.()
}
