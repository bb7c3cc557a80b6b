/** Times tasks out. All tasks with the same timeout stand in one line, in the order of their deadlines, with one timer. */

import {turnTime} from './event-loop.js'
import {nextTurn} from './platform/runtime.js'
import {Slot} from './slots.js'

/** A timer that fires more than this many milliseconds late was held up by a blocked event loop. */
const tolerance = 50

export class Deadlines {
  readonly #host: (slot: Slot, timeout: number) => void
  readonly #lines = new Map<number, DeadlineLine>()
  /** The line that was used last: most tasks of a run have the same timeout. */
  #usual: DeadlineLine | undefined
  #isHolding = true

  /** @param onExpired Called when the task in a slot has had its time. */
  constructor(onExpired: (slot: Slot, timeout: number) => void) {
    this.#host = onExpired
  }

  /** Gives the task in a slot `timeout` milliseconds. `slot.line?.remove(slot)` takes that back. */
  add(slot: Slot, timeout: number): void {
    if (this.#usual?.timeout !== timeout) this.#usual = this.#lines.get(timeout) ?? this.#newLine(timeout)
    this.#usual.add(slot)
  }

  /** Sets whether the timers keep the process alive from now on. */
  hold(isHolding: boolean): void {
    this.#isHolding = isHolding
    for (const line of this.#lines.values()) line.hold(isHolding)
  }

  /** No task will time out any more. */
  stop(): void {
    for (const line of this.#lines.values()) line.stop()
  }

  #newLine(timeout: number): DeadlineLine {
    const onEmpty = (): void => {
      this.#lines.delete(timeout)
      if (this.#usual === line) this.#usual = undefined
    }
    const line = new DeadlineLine(timeout, this.#isHolding, (slot) => this.#host(slot, timeout), onEmpty)
    this.#lines.set(timeout, line)
    return line
  }
}

/** The slots whose tasks have the same timeout: a linked list, so that each leaves in constant time. */
export class DeadlineLine {
  readonly timeout: number
  readonly #onExpired: (slot: Slot) => void
  readonly #onEmpty: () => void
  #first: Slot | undefined
  #last: Slot | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The deadline that the timer is for. What the timer says counts, even if the clock says less. */
  #due = 0
  /** The timer was late, and tasks have been given that time again. */
  #isLenient = false
  #isHolding: boolean
  /** An empty line is looked at again after a turn of the event loop: a timer for each task would cost more. */
  #isChecking = false

  constructor(timeout: number, isHolding: boolean, onExpired: (slot: Slot) => void, onEmpty: () => void) {
    this.timeout = timeout
    this.#isHolding = isHolding
    this.#onExpired = onExpired
    this.#onEmpty = onEmpty
  }

  add(slot: Slot): void {
    slot.deadline = turnTime() + this.timeout
    slot.line = this
    slot.previous = this.#last
    if (this.#last === undefined) this.#first = slot
    else this.#last.next = slot
    this.#last = slot
    if (this.#timer === undefined) this.#arm(slot.deadline, this.timeout)
  }

  remove(slot: Slot): void {
    const {previous, next} = slot
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    slot.line = slot.previous = slot.next = undefined
    if (this.#first === undefined && !this.#isChecking) this.#checkLater()
  }

  hold(isHolding: boolean): void {
    this.#isHolding = isHolding
    if (isHolding) reference(this.#timer, 'ref')
    else reference(this.#timer, 'unref')
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(deadline: number, ms: number): void {
    this.#due = deadline
    // Looked up at each call, and not once: tests may replace it.
    this.#timer = setTimeout(this.#fired, ms)
    if (!this.#isHolding) reference(this.#timer, 'unref')
  }

  readonly #fired = (): void => {
    this.#timer = undefined
    const late = performance.now() - this.#due
    if (late > tolerance && !this.#isLenient) {
      // The event loop was blocked. A task that started after the block has a deadline from before it.
      this.#isLenient = true
      this.#arm(this.#due, Math.min(late, this.timeout))
      return
    }
    this.#isLenient = false
    const now = Math.max(performance.now(), this.#due)
    const last = this.#last // a task that starts meanwhile has its time before it
    for (let slot = this.#first; slot !== undefined && slot.deadline <= now; slot = this.#first) {
      this.remove(slot)
      this.#onExpired(slot)
      if (slot === last) break
    }
    // A task that started meanwhile may have armed the timer.
    if (this.#first === undefined || this.#timer !== undefined) return
    const {deadline} = this.#first
    this.#arm(deadline, Math.max(1, deadline - performance.now()))
  }

  #checkLater(): void {
    this.#isChecking = true
    nextTurn(() => {
      this.#isChecking = false
      if (this.#first !== undefined) return
      this.stop()
      this.#onEmpty()
    })
  }
}

/** Deadlines that were used once, and have no timer: for the specimen of a run, see `keepSpecimen`. */
export function usedDeadlines(): object[] {
  const slot = new Slot({fulfilled() {}, rejected() {}})
  const deadlines = new Deadlines(() => {})
  deadlines.add(slot, 1)
  deadlines.stop()
  return [slot, deadlines]
}

/** Only Node's timers keep a process alive, and have a method that ends that. */
function reference(timer: unknown, how: 'ref' | 'unref'): void {
  ;(timer as Partial<Record<typeof how, () => void>> | undefined)?.[how]?.()
}
