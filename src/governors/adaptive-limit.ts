/** A limit that learns by itself how much load the other side can take. */
import {checkFunction, checkNumber, checkOptions, isCount} from '../checks.js'
import {type DisposablePermit, joins, type LocalGovernor, type Outcome, type Request} from './governor.js'
import {WaitingLine} from './line.js'

/**
 * Options of an {@link AdaptiveLimit}. Every option may be left out.
 *
 * @example
 * ```ts
 * const options: AdaptiveLimitOptions = {max: 200, isOverload: (outcome) => outcome.status === 'failed'}
 * ```
 */
export interface AdaptiveLimitOptions {
  /** The lowest limit: an integer ≥ 1. Default: 1. */
  readonly min?: number | undefined
  /** The highest limit: an integer ≥ `min`, or `Infinity`. Default: 1000, or `min` if `min` is more. */
  readonly max?: number | undefined
  /** The first limit: an integer from `min` to `max`. Default: 4, or the nearest number from `min` to `max`. */
  readonly start?: number | undefined
  /**
   * Whether an outcome, `ok` or `failed`, says that the other side is overloaded. Default: `true` if a value or an
   * error, or its `cause` or `response`, has the `status` or `statusCode` 429, 502, 503 or 504; or if an error is a
   * `TimeoutError` or has the `code` `ETIMEDOUT`, `ECONNREFUSED` or `ECONNRESET`.
   */
  readonly isOverload?: ((outcome: Outcome) => boolean) | undefined
}

/**
 * Learns from the outcomes of attempts how many of them may run at once. At first the limit doubles in each round trip.
 * An overload makes the limit a tenth smaller, once for each round trip, however many attempts fail in that round trip.
 * If the limit was growing by more than one in each round trip, an overload sets it back to its value at the start of
 * the round trip in which the failed attempt began, if that value is smaller. After the first overload the limit grows
 * by one for each limit's worth of successes, and only while at least half of the limit is in use. After ten round
 * trips without an overload it grows by 2, then 4, 8 and so on. Attempts that were aborted or did not begin do not
 * count, and failures that are no overload do not count either. A request takes one place, whatever its cost.
 *
 * A round trip ends when an attempt succeeds that was started in this round trip, so no clock is needed.
 *
 * @example
 * ```ts
 * const adaptive = new AdaptiveLimit({max: 100})
 *
 * async function get(url: string): Promise<Response> {
 *   const permit = await adaptive.acquire()
 *   try {
 *     const response = await fetch(url)
 *     permit.release({status: 'ok', value: response}) // its status tells of an overload
 *     return response
 *   } catch (error) {
 *     permit.release({status: 'failed', error})
 *     throw error
 *   }
 * }
 * ```
 */
export class AdaptiveLimit implements LocalGovernor {
  readonly #search: Search

  /**
   * @param options The bounds of the limit, the first limit, and which outcomes are an overload.
   * @throws A `TypeError` or `RangeError` that names the option, the expected value and the given value.
   */
  constructor(options: AdaptiveLimitOptions = {}) {
    checkOptions(options, ['min', 'max', 'start', 'isOverload'])
    const {min = 1, isOverload = isOverloadByDefault} = options
    checkNumber('min', min, 'an integer >= 1', isCount)
    const {max = Math.max(min, 1000)} = options
    const isMax = (value: number): boolean => value === Infinity || (isCount(value) && value >= min)
    checkNumber('max', max, `an integer >= min (${min}), or Infinity for no bound`, isMax)
    const {start = Math.max(min, Math.min(max, 4))} = options
    const isStart = (value: number): boolean => isCount(value) && value >= min && value <= max
    checkNumber('start', start, `an integer from min (${min}) to max (${max})`, isStart)
    checkFunction('isOverload', isOverload)
    this.#search = new Search(min, max, start, isOverload)
    const {line} = this.#search
    joins.set(this, ({signal}, resolve, reject) => line.join(undefined, signal, resolve, reject))
  }

  /** How many attempts may run at once now: an integer from `min` to `max`. */
  get limit(): number {
    return Math.floor(this.#search.limit)
  }

  /**
   * Takes a place, at once if a place is free and no request waits.
   *
   * @param request `signal`: ends the wait.
   * @returns A permit, or a promise that rejects with the signal's reason when the signal aborts.
   */
  acquire(request?: Request): DisposablePermit | Promise<DisposablePermit> {
    const signal = request?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#search.take() ?? this.#search.line.wait(undefined, signal)
  }

  /** Takes a place if a place is free and no request waits. */
  tryAcquire(_request?: Request): DisposablePermit | undefined {
    return this.#search.take()
  }

  /**
   * Whether no attempt runs, no request waits, and nothing learned would be lost. A learned limit is kept for ten
   * minutes after `isIdle` was first read of an unused governor, and is then forgotten. Until then a queue remembers a
   * group that has this governor.
   */
  get isIdle(): boolean {
    return this.#search.isIdle
  }
}

const quietRounds = 10

/** A learned limit is kept for this time, in milliseconds, while the governor is not used. */
const memory = 600_000

/** Learns the limit. */
class Search {
  readonly line: WaitingLine<undefined, Place> = new WaitingLine(() => this.take())
  readonly #min: number
  readonly #max: number
  readonly #start: number
  readonly #isOverload: (outcome: Outcome) => boolean
  /** The limit with its fraction: several successes together add one. */
  limit: number
  #running = 0
  /**
   * How much a limit's worth of successes adds. Until the first overload this is the limit itself, so that the limit
   * doubles.
   */
  #step = Infinity
  /** How many permits have been given. */
  #given = 0
  /** The round trip ends with the first success of a permit that has this number or a higher one. */
  #roundStart = 0
  /** An overload of a permit with a lower number changes nothing: the last decrease has already taken account of it. */
  #cutAt = 0
  /** How many round trips have ended since the last overload. */
  #quiet = 0
  /** The limit at the start of this round trip. */
  #roundLimit = Infinity
  /** When `isIdle` first found the governor unused, and how many permits had been given by then. */
  #unused: {readonly since: number; readonly given: number} | undefined

  constructor(min: number, max: number, start: number, isOverload: (outcome: Outcome) => boolean) {
    this.#min = min
    this.#max = max
    this.#start = start
    this.#isOverload = isOverload
    this.limit = start
  }

  get isIdle(): boolean {
    if (this.#running > 0) return false // so no request waits
    if (this.limit === this.#start && this.#step === Infinity) return true
    const now = performance.now()
    if (this.#unused?.given !== this.#given) this.#unused = {since: now, given: this.#given}
    if (now - this.#unused.since < memory) return false
    this.#forget()
    return true
  }

  /** Forgets everything that was learned. */
  #forget(): void {
    this.limit = this.#start
    this.#step = this.#roundLimit = Infinity
    this.#quiet = 0
    this.#roundStart = this.#cutAt = this.#given
  }

  /** A place, if there is one: then no request waits. */
  take(): Place | undefined {
    if (this.#running + 1 > this.limit) return undefined
    this.#running++
    return new Place(this, this.#given++, this.#roundLimit)
  }

  /** Takes account of an outcome. Called once for each permit. */
  settle(permit: number, roundLimit: number, outcome: Outcome): void {
    const isBusy = this.#running >= this.limit / 2
    this.#running--
    try {
      if (outcome.status === 'ok' || outcome.status === 'failed') {
        if (this.#isOverload(outcome)) this.#cut(permit, roundLimit)
        else if (outcome.status === 'ok' && isBusy) this.#grow(permit)
      }
    } finally {
      this.line.serve()
    }
  }

  #cut(permit: number, roundLimit: number): void {
    if (permit < this.#cutAt) return
    // While the limit grows by more than one, the last limit that may have been right is the limit at the start of the
    // round trip in which this permit was given.
    const known = this.#step > 1 ? roundLimit : Infinity
    this.limit = Math.max(this.#min, Math.min(this.limit * 0.9, known))
    this.#roundLimit = this.limit
    this.#cutAt = this.#given
    this.#roundStart = this.#given
    this.#quiet = 0
    this.#step = 1
  }

  #grow(permit: number): void {
    this.limit = Math.min(this.#max, this.limit + Math.min(this.#step, this.limit) / this.limit)
    if (permit < this.#roundStart) return
    this.#roundStart = this.#given
    this.#roundLimit = this.limit
    if (++this.#quiet > quietRounds) this.#step *= 2
  }
}

class Place implements DisposablePermit {
  #search: Search | undefined
  /** The number of this permit among all permits. */
  readonly #permit: number
  /** The limit at the start of the round trip in which this permit was given. */
  readonly #roundLimit: number

  constructor(search: Search, permit: number, roundLimit: number) {
    this.#search = search
    this.#permit = permit
    this.#roundLimit = roundLimit
  }

  release(outcome: Outcome = succeeded): void {
    const search = this.#search
    if (search === undefined) return
    this.#search = undefined
    search.settle(this.#permit, this.#roundLimit, outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

const succeeded: Outcome = {status: 'ok', value: undefined}
const busyStatuses: ReadonlySet<unknown> = new Set([429, 502, 503, 504])
const busyCodes: ReadonlySet<unknown> = new Set(['ETIMEDOUT', 'ECONNREFUSED', 'ECONNRESET'])

interface Answer {
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly code?: unknown
  readonly name?: unknown
  readonly cause?: unknown
  readonly response?: unknown
}

function isOverloadByDefault(outcome: Outcome): boolean {
  if (outcome.status === 'ok') return isAnswer(outcome.value) && hasBusyStatus(outcome.value)
  return outcome.status === 'failed' && isAnswer(outcome.error) && tellsOverload(outcome.error)
}

function tellsOverload(error: Answer, depth = 0): boolean {
  if (hasBusyStatus(error) || busyCodes.has(error.code) || error.name === 'TimeoutError') return true
  const {cause, response} = error
  if (isAnswer(response) && hasBusyStatus(response)) return true
  return depth < 4 && isAnswer(cause) && tellsOverload(cause, depth + 1) // causes may form a circle
}

function hasBusyStatus({status, statusCode}: Answer): boolean {
  return busyStatuses.has(status) || busyStatuses.has(statusCode)
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null
}
