/** Bounds retries by how much runs, so that a service that fails is not asked many times more. */
import {checkNumber, checkOptions} from './check.js'
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
  /** Retries for each attempt that runs: a finite number ≥ 0. Default: 0.2. */
  readonly ratio?: number | undefined
  /** So many retries are always allowed: an integer ≥ 0. Default: 3. */
  readonly min?: number | undefined
}

/**
 * Lets a retry begin only while fewer than `max(min, ratio × running)` retries wait or run, where `running` counts
 * the attempts that run in all runners that share the budget. The defaults are those of Envoy's retry budget.
 *
 * A runner tells the budget of its attempts by `enter` and `leave`. Code that retries by hand does the same.
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
  /** Attempts that run. */
  #running = 0
  /** Retries that wait or run. */
  #retries = 0

  /**
   * @param options The ratio, and the least that is always allowed.
   * @throws A `TypeError` or `RangeError` that names the option, what was expected and what came.
   */
  constructor(options: RetryBudgetOptions = {}) {
    checkOptions(options, ['ratio', 'min'])
    const {ratio = 0.2, min = 3} = options
    this.#ratio = checkNumber('ratio', ratio, 'a finite number ≥ 0', (value) => value >= 0 && value < Infinity)
    this.#min = checkNumber('min', min, 'an integer ≥ 0', (value) => Number.isSafeInteger(value) && value >= 0)
  }

  /**
   * Asks for a retry, before its delay begins.
   *
   * @returns Whether it may begin. If so, `give` must be called when it has settled, or when it will never start.
   */
  take(): boolean {
    if (this.#retries + 1 > Math.max(this.#min, this.#ratio * this.#running)) return false
    this.#retries++
    return true
  }

  /** Ends a retry for which `take` gave `true`. */
  give(): void {
    if (this.#retries > 0) this.#retries--
  }

  /** Tells that an attempt runs, a first one or a retry. */
  enter(): void {
    this.#running++
  }

  /** Tells that an attempt which was entered does not run any more. */
  leave(): void {
    if (this.#running > 0) this.#running--
  }
}
