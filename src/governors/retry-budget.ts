/**
 * Limits retries in proportion to the running attempts, so that retries do not multiply the load of a failing service.
 */
import {checkNumber, checkOptions} from '../checks.js'
import type {Budget} from './governor.js'

/**
 * How many retries there may be. Every option may be left out.
 *
 * @example
 * ```ts
 * const options: RetryBudgetOptions = {ratio: 0.1, min: 5}
 * ```
 */
export interface RetryBudgetOptions {
  /** How many retries are allowed for each running attempt: a finite number ≥ 0. Default: 0.2. */
  readonly ratio?: number | undefined
  /** How many retries are always allowed: an integer ≥ 0. Default: 3. */
  readonly min?: number | undefined
}

/**
 * Lets a retry begin only while fewer than `max(min, ratio × running)` retries wait or run. `running` counts the
 * running attempts of all runners that share the budget. The defaults are those of Envoy's retry budget.
 *
 * A runner calls `enter` and `leave` for each attempt. Code that retries by hand does the same.
 *
 * @example
 * ```ts
 * const budget = new RetryBudget({ratio: 0.1, min: 5})
 *
 * async function attempt(url: string): Promise<string> {
 *   budget.enter()
 *   try {
 *     return await load(url)
 *   } finally {
 *     budget.leave()
 *   }
 * }
 *
 * async function get(url: string): Promise<string> {
 *   try {
 *     return await attempt(url)
 *   } catch (error) {
 *     if (!budget.take()) throw error
 *     try {
 *       return await sleep(1000).then(() => attempt(url))
 *     } finally {
 *       budget.give()
 *     }
 *   }
 * }
 * ```
 */
export class RetryBudget implements Budget {
  readonly #ratio: number
  readonly #min: number
  /** How many attempts run. */
  #running = 0
  /** How many retries wait or run. */
  #retries = 0

  /**
   * @param options The ratio, and the number of retries that is always allowed.
   * @throws A `TypeError` or `RangeError` that names the option, the expected value and the given value.
   */
  constructor(options: RetryBudgetOptions = {}) {
    checkOptions(options, ['ratio', 'min'])
    const {ratio = 0.2, min = 3} = options
    this.#ratio = checkNumber('ratio', ratio, 'a finite number >= 0', (value) => value >= 0 && value < Infinity)
    this.#min = checkNumber('min', min, 'an integer >= 0', (value) => Number.isSafeInteger(value) && value >= 0)
  }

  /**
   * Asks for a retry, before its delay begins.
   *
   * @returns Whether the retry may begin. If `true`, call `give` when the retry has settled, or when it will never
   * start.
   */
  take(): boolean {
    if (this.#retries + 1 > Math.max(this.#min, this.#ratio * this.#running)) return false
    this.#retries++
    return true
  }

  /** Ends a retry for which `take` returned `true`. */
  give(): void {
    if (this.#retries > 0) this.#retries--
  }

  /** Counts an attempt that begins to run, a first attempt or a retry. */
  enter(): void {
    this.#running++
  }

  /** Counts down when an attempt runs no more. */
  leave(): void {
    if (this.#running > 0) this.#running--
  }
}
