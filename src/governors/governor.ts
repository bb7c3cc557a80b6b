/** The contract between whoever asks to start something and the governors that allow it. */
import type {TaskContext} from 'aio-tasks'

/**
 * What a governor is asked. Every field may be left out.
 *
 * @example
 * ```ts
 * const request: Request = {cost: 1200, signal: AbortSignal.timeout(60_000)}
 * ```
 */
export interface Request {
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
 * const outcome: Outcome = {status: 'failed', error: new Error('HTTP 429')}
 * ```
 */
export type Outcome =
  | {readonly status: 'ok'; readonly value: unknown}
  | {readonly status: 'failed'; readonly error: unknown}
  | {readonly status: 'aborted' | 'unused'}

/**
 * The right to start one thing now. It must be released once that thing has settled.
 *
 * @example
 * ```ts
 * const permit: Permit = await new Semaphore(4).acquire()
 * try {
 *   await load(url)
 * } finally {
 *   permit.release()
 * }
 * ```
 */
export interface Permit {
  /**
   * Gives the permit back. Only the first call counts.
   *
   * @param outcome How it went. Default: `ok`.
   */
  release(outcome?: Outcome): void
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
 * A permit for `using`: the permits of every governor of this module are such ones.
 *
 * @example
 * ```ts
 * const semaphore = new Semaphore(4)
 * {
 *   using permit: DisposablePermit = await semaphore.acquire()
 *   await load(url)
 * }
 * ```
 */
export interface DisposablePermit extends Permit {
  /** The same as `release()`: an error that leaves the block is not told, so a governor that learns counts it as `ok`. */
  [Symbol.dispose](): void
}

/**
 * Decides when things may start. Anything with `acquire` can govern a runner.
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
   * Gives a permit, at once or by a promise. What it throws or rejects with fails the task that asked.
   *
   * @param request What is asked for. Default: a cost of 1, and a wait without end.
   */
  acquire(request?: Request): Permit | PromiseLike<Permit>
  /**
   * Gives a permit if one can be had now; `undefined` only where `acquire` would have to wait.
   *
   * @param request What is asked for; its signal is not looked at. Default: a cost of 1.
   */
  tryAcquire?(request?: Request): Permit | undefined
  /** Whether the state equals that of a fresh governor, so that nothing is lost when this one is forgotten. */
  readonly isIdle?: boolean
}

/**
 * A governor whose permits can be used with `using`.
 *
 * @example
 * ```ts
 * const governors: readonly LocalGovernor[] = [new Semaphore(4), new RateLimit({amount: 10, per: 1000})]
 * ```
 */
export interface LocalGovernor extends Governor {
  /**
   * Gives a permit, at once or by a promise. Waiters are served first come, first served.
   *
   * @param request What is asked for. Default: a cost of 1, and a wait without end.
   * @returns Rejects with the signal's reason when the signal aborts.
   */
  acquire(request?: Request): DisposablePermit | PromiseLike<DisposablePermit>
  /**
   * Gives a permit if one can be had now and nobody waits for one.
   *
   * @param request What is asked for; its signal is not looked at. Default: a cost of 1.
   */
  tryAcquire?(request?: Request): DisposablePermit | undefined
  /** Whether the state equals that of a fresh governor, so that nothing is lost when this one is forgotten. */
  readonly isIdle: boolean
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

/** Key of a permit's method that moves its charge to the present, or tells by `false` that there is no room now. */
export const renew: unique symbol = Symbol('renew')

/** A permit of a rate, which is worth something only in the moment in which it is given. */
export interface RenewablePermit extends Permit {
  [renew]?(): boolean
}

/**
 * Waits in a governor's line. In the moment in which there is a permit, `resolve` uses it or releases it as unused:
 * nothing is held in between, so that two who wait for each other's permits cannot pass them to and fro for ever.
 */
export type Join = (
  request: Request,
  resolve: (permit: DisposablePermit) => void,
  reject: (reason: unknown) => void,
) => void

/** How `all` waits for governors of this module, which are not asked by promises. */
export const joins: WeakMap<Governor, Join> = new WeakMap()
