/** A limit that finds by itself how much the other side can take. */
import {checkFunction, checkNumber, checkOptions, isCount} from './check.js'
import {type DisposablePermit, joins, type LocalGovernor, type Outcome, type Request} from './governor.js'
import {WaitingLine} from './line.js'

/**
 * How the limit is sought. Every option may be left out.
 *
 * @example
 * ```ts
 * const options: AdaptiveLimitOptions = {max: 200, isOverload: (outcome) => outcome.status === 'failed'}
 * ```
 */
export interface AdaptiveLimitOptions {
  /** The limit never falls below it: an integer ≥ 1. Default: 1. */
  readonly min?: number | undefined
  /** The limit never rises above it: an integer ≥ `min`, or `Infinity`. Default: 1000, or `min` if that is more. */
  readonly max?: number | undefined
  /** The first limit: an integer from `min` to `max`. Default: 4, or the nearest to it that fits. */
  readonly start?: number | undefined
  /**
   * Whether an outcome, `ok` or `failed`, says that the other side has too much to do. Default: if a value or an
   * error, or its `cause` or `response`, has the `status` or `statusCode` 429, 502, 503 or 504; or if an error is
   * a `TimeoutError` or has the `code` `ETIMEDOUT`, `ECONNREFUSED` or `ECONNRESET`.
   */
  readonly isOverload?: ((outcome: Outcome) => boolean) | undefined
}

/**
 * Finds by itself how many may run at once, from how the other side answers. At first the limit doubles each round
 * trip. An overload makes it a tenth smaller, once for each round trip, however many fail in it; or, while it grows by
 * more than one in each, brings it back to what it was when the round trip began, if that is less. After that it grows
 * by one for each limit's worth of successes, and only while at least half of it is in use; and when there was no
 * overload for ten round trips, by 2, 4, 8 and so on. Attempts that were aborted or did not begin do not count, nor do
 * failures that are no overload. A request takes one place, whatever its cost.
 *
 * A round trip is over when something that was started in it succeeds, so no clock is needed.
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
   * @param options Bounds, the first limit, and what an overload is.
   * @throws A `TypeError` or `RangeError` that names the option, what was expected and what came.
   */
  constructor(options: AdaptiveLimitOptions = {}) {
    checkOptions(options, ['min', 'max', 'start', 'isOverload'])
    const {min = 1, isOverload = isOverloadByDefault} = options
    checkNumber('min', min, 'an integer ≥ 1', isCount)
    const {max = Math.max(min, 1000)} = options
    const isMax = (value: number): boolean => value === Infinity || (isCount(value) && value >= min)
    checkNumber('max', max, `an integer ≥ min (${min}), or Infinity for no bound`, isMax)
    const {start = Math.max(min, Math.min(max, 4))} = options
    const isStart = (value: number): boolean => isCount(value) && value >= min && value <= max
    checkNumber('start', start, `an integer from min (${min}) to max (${max})`, isStart)
    checkFunction('isOverload', isOverload)
    this.#search = new Search(min, max, start, isOverload)
    const {line} = this.#search
    joins.set(this, ({signal}, resolve, reject) => line.join(undefined, signal, resolve, reject))
  }

  /** How many may run at once now: an integer from `min` to `max`. */
  get limit(): number {
    return Math.floor(this.#search.limit)
  }

  /**
   * Takes a place, at once if one is free and nobody waits.
   *
   * @param request `signal`: ends the wait.
   * @returns A permit, or a promise that rejects with the signal's reason when the signal aborts.
   */
  acquire(request?: Request): DisposablePermit | Promise<DisposablePermit> {
    const signal = request?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    return this.#search.tryTake() ?? this.#search.line.wait(undefined, signal)
  }

  /** Takes a place if one is free and nobody waits. */
  tryAcquire(_request?: Request): DisposablePermit | undefined {
    return this.#search.tryTake()
  }

  /**
   * Whether nothing runs or waits, and nothing has been learned: the limit that was found is kept for ten minutes after
   * this was first asked of a governor that nobody uses, and is then forgotten. Until then a group of a queue that has
   * this governor is remembered.
   */
  get isIdle(): boolean {
    return this.#search.isIdle
  }
}

const quietRounds = 10

/** What was learned holds for so long, in milliseconds, when nobody asks any more. */
const memory = 600_000

/** The search for the limit. */
class Search {
  readonly line: WaitingLine<undefined, Place> = new WaitingLine(() => this.#take())
  readonly #min: number
  readonly #max: number
  readonly #start: number
  readonly #isOverload: (outcome: Outcome) => boolean
  /** With its fraction: successes add up to one more. */
  limit: number
  #running = 0
  /** How much a limit's worth of successes adds; the limit itself, which doubles it, until the first overload. */
  #step = Infinity
  /** How many permits have been given. */
  #given = 0
  /** The round trip ends with the first success of a permit from here on. */
  #roundStart = 0
  /** Overloads of earlier permits are told of by the cut that was made here. */
  #cutAt = 0
  /** Round trips since the last overload. */
  #quiet = 0
  /** The limit at the start of this round trip. */
  #roundLimit = Infinity
  /** When it was first seen that nobody uses it, and how many permits had been given by then. */
  #unused: {readonly since: number; readonly given: number} | undefined

  constructor(min: number, max: number, start: number, isOverload: (outcome: Outcome) => boolean) {
    this.#min = min
    this.#max = max
    this.#start = start
    this.#isOverload = isOverload
    this.limit = start
  }

  get isIdle(): boolean {
    if (this.#running > 0 || this.line.first !== undefined) return false
    if (this.limit === this.#start && this.#step === Infinity) return true
    const now = performance.now()
    if (this.#unused?.given !== this.#given) this.#unused = {since: now, given: this.#given}
    if (now - this.#unused.since < memory) return false
    this.#forget()
    return true
  }

  /** As if nothing had been learned. */
  #forget(): void {
    this.limit = this.#start
    this.#step = this.#roundLimit = Infinity
    this.#quiet = 0
    this.#roundStart = this.#cutAt = this.#given
  }

  tryTake(): Place | undefined {
    return this.line.first === undefined ? this.#take() : undefined
  }

  #take(): Place | undefined {
    if (this.#running + 1 > this.limit) return undefined
    this.#running++
    return new Place(this, this.#given++, this.#roundLimit)
  }

  /** Called once for each permit. */
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
    // When it grew by more than one, the last limit that may not have been too high is that at the start of the round
    // trip in which this permit was given.
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
  /** Its number among all that were given. */
  readonly #permit: number
  /** The limit at the start of the round trip in which it was given. */
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
  return depth < 4 && isAnswer(cause) && tellsOverload(cause, depth + 1) // a chain of causes may be a circle
}

function hasBusyStatus({status, statusCode}: Answer): boolean {
  return busyStatuses.has(status) || busyStatuses.has(statusCode)
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null
}
