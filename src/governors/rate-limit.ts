/** A limit on how much may start in any window of time. */
import {checkCost, checkNumber, checkOptions, costOf, longestDelay} from './check.js'
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
 * What may start in which time.
 *
 * @example
 * ```ts
 * const options: RateLimitOptions = {amount: 90_000, per: 60_000}
 * ```
 */
export interface RateLimitOptions {
  /** How much may start in any `per` milliseconds, in whatever unit costs have: a finite number > 0. */
  readonly amount: number
  /** The length of the window in milliseconds: a finite number > 0. */
  readonly per: number
}

/**
 * Lets starts cost at most `amount` in any window of `per` milliseconds, wherever the window begins: a sliding window,
 * without the double burst around the edge of a fixed one. Costs are charged when something starts, so how long it
 * runs does not matter. A cost above `amount` starts when the window is empty, and is charged as `amount`. Permits that
 * are released as `unused` cost nothing.
 *
 * It waits with one timer, and with none while nobody waits.
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
   * @param options `amount` in any `per` milliseconds.
   * @throws A `TypeError` or `RangeError` that names the option, what was expected and what came.
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
   * Charges a start, at once if there is room in the window and nobody waits.
   *
   * @param request `cost`: how much, default 1. `signal`: ends the wait.
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
   * Charges a start if there is room in the window and nobody waits.
   *
   * @param request `cost`: how much, default 1.
   * @throws A `TypeError` or `RangeError` for a cost that is no finite number ≥ 0.
   */
  tryAcquire(request?: Request): DisposablePermit | undefined {
    return this.#window.tryTake(costOf(request))
  }

  /**
   * Lets nobody start for so long, as a `Retry-After` in seconds asks. It never shortens a longer hold.
   *
   * @param ms Milliseconds: a finite number ≥ 0.
   * @throws A `TypeError` or `RangeError` for anything else.
   */
  holdFor(ms: number): void {
    const isDuration = (value: number): boolean => value >= 0 && value < Infinity
    this.#window.hold(checkNumber('ms', ms, 'a finite number of milliseconds ≥ 0', isDuration))
  }

  /**
   * Lets nobody start before a moment, as a `Retry-After` with a date asks. The moment is measured from now by the
   * monotonic clock, so later changes of the system's time do not matter. One in the past changes nothing.
   *
   * @param moment Milliseconds since 1970, or a `Date`.
   * @throws A `TypeError` or `RangeError` for anything else, an invalid date included.
   */
  holdUntil(moment: number | Date): void {
    const epoch = typeof moment === 'number' ? moment : dateOf(moment)
    checkNumber('moment', epoch, 'a valid Date, or a finite number of milliseconds since 1970', Number.isFinite)
    this.holdFor(Math.max(0, epoch - Date.now()))
  }

  /** Whether the window is empty, nobody waits and nothing is held. */
  get isIdle(): boolean {
    return this.#window.isIdle
  }
}

/** What has started in the last `per` milliseconds: a list of charges, oldest first. */
class Window {
  readonly amount: number
  readonly per: number
  readonly line: WaitingLine<number, Charge> = new WaitingLine(
    (cost) => this.#take(cost),
    () => this.#setTimer(),
  )
  /** Sum of the costs in the list. */
  #spent = 0
  #oldest: Charge | undefined
  #newest: Charge | undefined
  /** Nobody starts before this moment. */
  #heldUntil = -Infinity
  /** Set exactly while somebody waits. */
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(amount: number, per: number) {
    this.amount = amount
    this.per = per
  }

  get isIdle(): boolean {
    const now = performance.now()
    this.#expire(now)
    return this.#oldest === undefined && this.line.first === undefined && now >= this.#heldUntil
  }

  tryTake(cost: number): Charge | undefined {
    return this.line.first === undefined ? this.#take(cost) : undefined
  }

  hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + ms)
    this.#setTimer()
  }

  /** Takes a charge out, as if it had never been made. */
  refund(charge: Charge): void {
    this.#remove(charge)
    this.line.serve()
  }

  correct(charge: Charge, cost: number): void {
    if (!charge.isListed) return
    const corrected = Math.min(cost, this.amount)
    this.#spent += corrected - charge.cost
    charge.cost = corrected
    this.line.serve()
  }

  /** Charges now what was charged before and kept. */
  renew(charge: Charge): boolean {
    const now = performance.now()
    if (now < this.#heldUntil) return false
    this.#remove(charge)
    charge.isKept = false
    charge.at = now
    this.#add(charge)
    this.#setTimer()
    return true
  }

  #take(cost: number): Charge | undefined {
    const now = performance.now()
    if (now < this.#heldUntil) return undefined
    this.#expire(now)
    const charged = Math.min(cost, this.amount)
    if (this.#spent + charged > this.amount) return undefined
    const charge = new Charge(this, now, charged)
    this.#add(charge)
    return charge
  }

  #expire(now: number): void {
    for (let oldest = this.#oldest; oldest !== undefined && oldest.at + this.per <= now; oldest = this.#oldest) {
      this.#remove(oldest)
      if (!oldest.isKept) continue
      oldest.at = now // it starts nothing before now
      this.#add(oldest)
    }
  }

  #add(charge: Charge): void {
    charge.isListed = true
    charge.previous = this.#newest
    if (this.#newest) this.#newest.next = charge
    else this.#oldest = charge
    this.#newest = charge
    this.#spent += charge.cost
  }

  #remove(charge: Charge): void {
    if (!charge.isListed) return
    const {previous, next} = charge
    if (previous) previous.next = next
    else this.#oldest = next
    if (next) next.previous = previous
    else this.#newest = previous
    charge.previous = undefined
    charge.next = undefined
    charge.isListed = false
    // Fractions do not always add up to nothing again.
    this.#spent = this.#oldest === undefined ? 0 : this.#spent - charge.cost
  }

  /** Sets the one timer for the moment at which the first waiter can start, if there is one. */
  #setTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#timer = undefined
    const waiter = this.line.first
    if (waiter === undefined) return
    const wait = Math.max(this.#heldUntil, this.#roomAt(waiter.ask)) - performance.now()
    // Timers take whole milliseconds and may be early; then `serve` finds no room yet, and sets the timer again.
    const delay = Math.min(Math.max(Math.ceil(wait), 1), longestDelay)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.line.serve()
    }, delay)
  }

  /** When enough charges will have left the window for a cost to fit in. */
  #roomAt(cost: number): number {
    let missing = this.#spent + Math.min(cost, this.amount) - this.amount
    let at = -Infinity
    for (let charge = this.#oldest; charge !== undefined && missing > 0; charge = charge.next) {
      missing -= charge.cost
      at = charge.at + this.per
    }
    return at
  }
}

/** A permit, and the charge for it: a node of the window's list. */
class Charge implements DisposablePermit, RenewablePermit {
  readonly #window: Window
  #isReleased = false
  at: number
  cost: number
  isListed = false
  /** Nothing has started with it yet. */
  isKept = false
  previous: Charge | undefined = undefined
  next: Charge | undefined = undefined

  constructor(window: Window, at: number, cost: number) {
    this.#window = window
    this.at = at
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
    this.isKept = true
  }

  [renew](): boolean {
    return this.#window.renew(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

// By shape and not by class: dates come from other realms too.
function dateOf(moment: Date): number {
  return typeof moment?.getTime === 'function' ? moment.getTime() : (moment as never)
}
