/** What a governor of a runner is: types only. `aio-tasks/governors` has some to use. */
import type {TaskContext} from './types.js'

/**
 * What a governor is asked. Every field may be left out.
 *
 * @example
 * ```ts
 * const request: PermitRequest = {cost: 1200, signal: AbortSignal.timeout(60_000)}
 * ```
 */
export interface PermitRequest {
  /** How much is asked for, in the governor's own unit: a finite number ≥ 0. Default: 1. */
  readonly cost?: number | undefined
  /** The task that asks, if a runner does. */
  readonly context?: TaskContext | undefined
  /** Ends the wait when it aborts: the promise rejects with the signal's reason, and nothing is charged. */
  readonly signal?: AbortSignal | undefined
}

/**
 * How what was allowed went:
 * - `ok`: it succeeded, with this value;
 * - `failed`: it failed, with this error;
 * - `aborted`: it was told to give up;
 * - `unused`: it never began, and the governor takes back what it has charged.
 *
 * @example
 * ```ts
 * const outcome: PermitOutcome = {status: 'failed', error: new Error('HTTP 429')}
 * ```
 */
export type PermitOutcome =
  | {readonly status: 'ok'; readonly value: unknown}
  | {readonly status: 'failed'; readonly error: unknown}
  | {readonly status: 'aborted' | 'unused'}

/**
 * The right to start one thing now. It must be released once that thing has settled.
 *
 * @example
 * ```ts
 * const permit: Permit = {release: (outcome) => console.log(outcome?.status ?? 'ok')}
 * ```
 */
export interface Permit {
  /**
   * Gives the permit back. Only the first call counts.
   *
   * @param outcome How it went. Default: `ok`.
   */
  release(outcome?: PermitOutcome): void
  /**
   * Replaces the cost that was asked for by the true one, once that is known. Only governors that count costs over
   * time have it. Without effect after the release.
   *
   * @param cost A finite number ≥ 0.
   */
  correct?(cost: number): void
  /** The same as `release()`, for `using`. */
  [Symbol.dispose]?(): void
}

/**
 * Decides when things may start. Anything with `acquire` can govern a runner. The shape is that of TC39's proposal
 * for concurrency control.
 *
 * @example
 * ```ts
 * const oddDays: Governor = {
 *   acquire() {
 *     if (new Date().getDate() % 2 === 0) throw new Error('Closed today')
 *     return {release() {}}
 *   },
 * }
 * ```
 */
export interface Governor {
  /**
   * Gives a permit, at once or by a promise. What it throws or rejects with fails the task that asked, for good.
   *
   * @param request What is asked for. Default: a cost of 1, and a wait without end.
   */
  acquire(request?: PermitRequest): Permit | PromiseLike<Permit>
  /**
   * Gives a permit if one can be had now; `undefined` only where `acquire` would have to wait.
   *
   * @param request What is asked for; its signal is not looked at. Default: a cost of 1.
   */
  tryAcquire?(request?: PermitRequest): Permit | undefined
  /** Whether the state equals that of a fresh governor, so that nothing is lost when this one is forgotten. */
  readonly isIdle?: boolean
}

/**
 * Bounds how many retries wait or run at once. Any number of runners may share one.
 *
 * @example
 * ```ts
 * let left = 100
 * const atMostHundred: Budget = {take: () => left-- > 0, give() {}}
 * ```
 */
export interface Budget {
  /** Called when a task has failed and would be tried again, before its delay. `false`: the failure is final. */
  take(): boolean
  /** Called once for each `take` that gave `true`: when that retry has settled, or will never start. */
  give(): void
  /** Called when an attempt starts to run, first attempts and retries alike. */
  enter?(): void
  /** Called when an attempt that was entered does not run any more; before the `take` for its retry. */
  leave?(): void
}
