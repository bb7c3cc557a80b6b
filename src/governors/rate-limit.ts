/** A limit on how much may start within any window of time. */
import {checkNumber, checkOptions, longestDelay} from '../checks.js'
import {checkCost, costOf} from './cost.js'
import {
  type DisposablePermit,
  joins,
  keep,
  type LocalGovernor,
  type Outcome,
  type RenewablePermit,
  type Request,
  renew,
} from './governor.js'
import {WaitingLine} from './line.js'

/**
 * The amount, and the length of the window.
 *
 * @example
 * ```ts
 * const options: RateLimitOptions = {amount: 90_000, per: 60_000}
 * ```
 */
export interface RateLimitOptions {
  /** How much may start in any `per` milliseconds, in the same unit as the costs: a finite number > 0. */
  readonly amount: number
  /** The length of the window in milliseconds: a finite number > 0. */
  readonly per: number
}

/**
 * Lets tasks with a total cost of at most `amount` start in any window of `per` milliseconds, wherever the window
 * begins. This is a sliding window, without the double burst around the edge of a fixed window. A cost is charged when
 * a task starts, so the time that the task runs does not matter. A cost above `amount` starts when the window is empty,
 * and is charged as `amount`. A permit that is released as `unused` costs nothing.
 *
 * It uses one timer while a request waits, and no timer otherwise. Its clock is `performance.now()`: fake timers of a
 * test must replace that too, or the window does not move.
 *
 * @example
 * ```ts
 * const perSecond = new RateLimit({amount: 50, per: 1000})
 *
 * async function get(url: string, signal: AbortSignal): Promise<Response> {
 *   using permit = await perSecond.acquire({signal})
 *   const response = await fetch(url, {signal})
 *   if (response.status === 429) perSecond.holdFor(1000 * Number(response.headers.get('retry-after') ?? 1))
 *   return response
 * }
 * ```
 */
export class RateLimit implements LocalGovernor {
  readonly #window: Window

  /**
   * @param options See {@link RateLimitOptions}.
   * @throws A `TypeError` or `RangeError` that names the option, the expected value and the given value.
   */
  constructor(options: RateLimitOptions) {
    checkOptions(options, ['amount', 'per'])
    const isAmount = (value: number): boolean => value > 0 && value < Infinity
    const amount = checkNumber('amount', options.amount, 'a finite number > 0', isAmount)
    this.#window = new Window(amount, checkNumber('per', options.per, 'a finite number of milliseconds > 0', isAmount))
    const {line} = this.#window
    joins.set(this, (request, resolve, reject) => line.join(costOf(request), request.signal, resolve, reject))
  }

  /** How much may start in any `per` milliseconds. */
  get amount(): number {
    return this.#window.amount
  }

  /** The length of the window in milliseconds. */
  get per(): number {
    return this.#window.per
  }

  /**
   * Charges a start, at once if the window has room and no request waits.
   *
   * @param request `cost`: the cost of the start, default 1. `signal`: ends the wait.
   * @returns A permit, or a promise that rejects with the signal's reason when the signal aborts.
   * @throws A `TypeError` or `RangeError` for a cost that is no finite number ≥ 0.
   */
  acquire(request?: Request): DisposablePermit | Promise<DisposablePermit> {
    const signal = request?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const cost = costOf(request)
    return this.#window.tryTake(cost) ?? this.#window.line.wait(cost, signal)
  }

  /**
   * Charges a start if the window has room and no request waits.
   *
   * @param request `cost`: the cost of the start, default 1.
   * @throws A `TypeError` or `RangeError` for a cost that is no finite number ≥ 0.
   */
  tryAcquire(request?: Request): DisposablePermit | undefined {
    return this.#window.tryTake(costOf(request))
  }

  /**
   * Lets nothing start for a time, as a `Retry-After` in seconds asks. It never shortens a longer hold.
   *
   * @param ms Milliseconds: a finite number ≥ 0.
   * @throws A `TypeError` or `RangeError` for anything else.
   */
  holdFor(ms: number): void {
    const isDuration = (value: number): boolean => value >= 0 && value < Infinity
    this.#window.hold(checkNumber('ms', ms, 'a finite number of milliseconds >= 0', isDuration))
  }

  /**
   * Lets nothing start before a moment, as a `Retry-After` with a date asks. The moment is converted to the monotonic
   * clock at once, so later changes of the system's time do not matter. A moment in the past changes nothing.
   *
   * @param moment Milliseconds since 1970, or a `Date`.
   * @throws A `TypeError` or `RangeError` for any other value, an invalid date included.
   */
  holdUntil(moment: number | Date): void {
    const epoch = epochOf(moment)
    checkNumber('moment', epoch, 'a valid Date, or a finite number of milliseconds since 1970', Number.isFinite)
    this.holdFor(Math.max(0, epoch - Date.now()))
  }

  /** Whether the window is empty, no request waits and no hold lasts. */
  get isIdle(): boolean {
    return this.#window.isIdle
  }
}

/** The starts of the last `per` milliseconds. */
class Window {
  readonly amount: number
  readonly per: number
  readonly line: WaitingLine<number, Charge> = new WaitingLine(
    (cost) => this.#take(cost),
    () => this.#setTimer(),
  )
  readonly #charges = new Charges()
  /** Sum of the costs of all charges, with and without a date. */
  #spent = 0
  /** Charges without a date: no task has started with them yet. */
  #kept = 0
  /** Nothing starts before this moment. */
  #heldUntil = -Infinity
  /** Set exactly while a request waits. */
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(amount: number, per: number) {
    this.amount = amount
    this.per = per
  }

  get isIdle(): boolean {
    const now = performance.now()
    this.#expire(now)
    return this.#isEmpty && this.line.first === undefined && now >= this.#heldUntil
  }

  get #isEmpty(): boolean {
    return this.#charges.size === 0 && this.#kept === 0
  }

  tryTake(cost: number): Charge | undefined {
    return this.line.first === undefined ? this.#take(cost) : undefined
  }

  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + ms)
    this.#setTimer()
  }

  /** Removes a charge, as if it had never been made. */
  refund(charge: Charge): void {
    if (charge.isKept) this.#kept--
    else if (this.#charges.has(charge.number)) this.#charges.remove(charge.number)
    else return
    this.#spend(-charge.cost)
    this.line.serve()
  }

  /** Replaces the cost of a charge with which a task has started. */
  correct(charge: Charge, cost: number): void {
    if (!this.#charges.has(charge.number)) return
    const corrected = Math.min(cost, this.amount)
    this.#charges.set(charge.number, corrected)
    this.#spend(corrected - charge.cost)
    charge.cost = corrected
    this.line.serve()
  }

  /** Makes a charge count until it is used, however long that takes. */
  keep(charge: Charge): void {
    if (charge.isKept) return
    charge.isKept = true
    this.#kept++
    if (this.#charges.has(charge.number)) this.#charges.remove(charge.number)
    else this.#spend(charge.cost)
  }

  /** Dates a charge now that had no date. */
  renew(charge: Charge): boolean {
    const now = performance.now()
    if (now < this.#heldUntil) return false
    if (!charge.isKept) return true
    charge.isKept = false
    this.#kept--
    charge.number = this.#charges.add(now, charge.cost)
    this.#setTimer()
    return true
  }

  #take(cost: number): Charge | undefined {
    const now = performance.now()
    if (now < this.#heldUntil) return undefined
    this.#expire(now)
    const charged = Math.min(cost, this.amount)
    if (this.#spent + charged > this.amount) return undefined
    this.#spent += charged
    return new Charge(this, this.#charges.add(now, charged), charged)
  }

  #spend(cost: number): void {
    this.#spent = this.#isEmpty ? 0 : this.#spent + cost // sums of fractions may not return to exactly 0
  }

  #expire(now: number): void {
    const charges = this.#charges
    while (charges.oldestAt + this.per <= now) this.#spend(-charges.shift())
  }

  /** Sets the one timer for the moment at which the first waiter can start, if a request waits. */
  #setTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiter = this.line.first
    if (waiter === undefined) return
    const wait = Math.max(this.#heldUntil, this.#roomAt(waiter.ask)) - performance.now()
    // Timers take whole milliseconds and may fire early. Then `serve` finds no room yet, and sets the timer again.
    const delay = Math.min(Math.max(Math.ceil(wait), 1), longestDelay)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.line.serve()
    }, delay)
  }

  /** When enough charges will have left the window for a cost to fit. */
  #roomAt(cost: number): number {
    const missing = this.#spent + Math.min(cost, this.amount) - this.amount
    return missing > 0 ? this.#charges.timeOf(missing) + this.per : -Infinity
  }
}

/** Marks the cost of a removed charge. */
const removed = -1

/**
 * Moments and costs of charges, oldest first, in a ring buffer: sixteen bytes for each start, and no object that the
 * garbage collector has to follow.
 */
class Charges {
  #times = new Float64Array(8)
  #costs = new Float64Array(8)
  /** The number of the oldest charge, and the number of the next charge. */
  #first = 0
  #next = 0
  /** How many charges there are, without the removed ones. */
  size = 0

  /** When the oldest charge was made; `Infinity` if there is none. */
  get oldestAt(): number {
    return this.#first === this.#next ? Infinity : (this.#times[this.#first & (this.#times.length - 1)] ?? 0)
  }

  /** Whether a charge is still in the ring and was not removed. */
  has(number: number): boolean {
    return number >= this.#first
  }

  /** Adds a charge, and returns its number. */
  add(at: number, cost: number): number {
    if (this.#next - this.#first === this.#times.length) this.#grow()
    const place = this.#next & (this.#times.length - 1)
    this.#times[place] = at
    this.#costs[place] = cost
    this.size++
    return this.#next++
  }

  set(number: number, cost: number): void {
    this.#costs[number & (this.#costs.length - 1)] = cost
  }

  remove(number: number): void {
    this.set(number, removed)
    this.size--
  }

  /** Takes out the oldest charge, and returns its cost. */
  shift(): number {
    const cost = this.#costs[this.#first++ & (this.#costs.length - 1)] ?? 0
    if (cost === removed) return 0
    this.size--
    return cost
  }

  /**
   * When the charge was made with which the oldest charges reach a sum; if they never reach it, when the newest was
   * made.
   */
  timeOf(sum: number): number {
    const mask = this.#times.length - 1
    let missing = sum
    let at = Infinity
    for (let number = this.#first; number < this.#next && missing > 0; number++) {
      missing -= Math.max(0, this.#costs[number & mask] ?? 0)
      at = this.#times[number & mask] ?? 0
    }
    return at
  }

  #grow(): void {
    const [times, costs, mask] = [this.#times, this.#costs, this.#times.length - 1]
    this.#times = new Float64Array(2 * times.length)
    this.#costs = new Float64Array(2 * times.length)
    for (let number = this.#first; number < this.#next; number++) {
      const place = number & (this.#times.length - 1)
      this.#times[place] = times[number & mask] ?? 0
      this.#costs[place] = costs[number & mask] ?? 0
    }
  }
}

/** A permit, and its charge. */
class Charge implements DisposablePermit, RenewablePermit {
  readonly #window: Window
  #isReleased = false
  /** The number of its charge. */
  number: number
  cost: number
  /** Whether no task has started with it yet. */
  isKept = false

  constructor(window: Window, number: number, cost: number) {
    this.#window = window
    this.number = number
    this.cost = cost
  }

  release(outcome?: Outcome): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (outcome?.status === 'unused') this.#window.refund(this)
  }

  correct(cost: number): void {
    if (!this.#isReleased) this.#window.correct(this, checkCost(cost))
  }

  [keep](): void {
    this.#window.keep(this)
  }

  [renew](): boolean {
    return this.#window.renew(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

// Checked by shape and not by class: a date may come from another realm.
function epochOf(moment: number | Date): number {
  return typeof (moment as Date | null)?.getTime === 'function' ? (moment as Date).getTime() : (moment as number)
}
