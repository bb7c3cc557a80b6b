/** The contract between those who ask to start something and the governors that allow it. */
import type {Governor, Permit, PermitRequest as Request} from 'aio-tasks'

export type {Budget, Governor, Permit, PermitOutcome as Outcome, PermitRequest as Request} from 'aio-tasks'

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

/** Key of a permit's method that says that it is not used yet: its charge stays until `renew`, or a release as unused. */
export const keep: unique symbol = Symbol('keep')

/** Key of a permit's method that moves its charge to the present, or tells by `false` that nobody may start now. */
export const renew: unique symbol = Symbol('renew')

/** A permit of a rate, which counts in the moment in which something starts with it. */
export interface RenewablePermit extends Permit {
  [keep]?(): void
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
