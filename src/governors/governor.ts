/** The contract between code that asks to start a task and the governors that allow it. */
import type {Governor, Permit, PermitRequest as Request} from 'aio-tasks'

export type {Budget, Governor, Permit, PermitOutcome as Outcome, PermitRequest as Request} from 'aio-tasks'

/**
 * A permit for `using`. Every governor of this module gives such permits.
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
  /**
   * The same as `release()`. An error that leaves the block is not reported, so a governor that learns counts it as
   * `ok`.
   */
  [Symbol.dispose](): void
}

/**
 * A governor whose permits work with `using`.
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
   * @param request The request. Default: a cost of 1, and a wait without an end.
   * @returns A permit, or a promise that rejects with the signal's reason when the signal aborts.
   */
  acquire(request?: Request): DisposablePermit | PromiseLike<DisposablePermit>
  /**
   * Gives a permit if there is a permit now and no other request waits.
   *
   * @param request The request; its signal is ignored. Default: a cost of 1.
   */
  tryAcquire?(request?: Request): DisposablePermit | undefined
  /** Whether the state equals that of a new governor, so that nothing is lost if this governor is forgotten. */
  readonly isIdle: boolean
}

/**
 * Key of a permit's method that marks the permit as not used yet: its charge stays until `renew`, or until a release as
 * unused.
 */
export const keep: unique symbol = Symbol('keep')

/** Key of a permit's method that moves its charge to the present. It returns `false` if no task may start now. */
export const renew: unique symbol = Symbol('renew')

/** A permit of a rate. It counts in the moment in which a task starts with it. */
export interface RenewablePermit extends Permit {
  [keep]?(): void
  [renew]?(): boolean
}

/**
 * Waits in a governor's line. When a permit is free, `resolve` uses it or releases it as unused at once. Nothing is
 * held in between, so two waiters that need each other's permits cannot pass them back and forth for ever.
 */
export type Join = (
  request: Request,
  resolve: (permit: DisposablePermit) => void,
  reject: (reason: unknown) => void,
) => void

/** How `all` waits for the governors of this module: by callbacks and not by promises. */
export const joins: WeakMap<Governor, Join> = new WeakMap()
