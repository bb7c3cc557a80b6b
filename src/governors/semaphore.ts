/** A limit that any number of runners can share. */
import {checkNumber, isCount} from '../checks.js'
import {costOf} from './cost.js'
import {type DisposablePermit, joins, type LocalGovernor, type Outcome, type Request} from './governor.js'
import {WaitingLine} from './line.js'

/**
 * Lets at most `capacity` tasks run at once in all runners that share it, first come, first served. A request with a
 * cost takes that number of places; a cost above the capacity takes all places.
 *
 * @example
 * ```ts
 * const connections = new Semaphore(10)
 * connections.capacity = 20
 *
 * async function query(url: string, signal: AbortSignal): Promise<string> {
 *   using permit = await connections.acquire({signal})
 *   return await load(url, {signal})
 * }
 * ```
 */
export class Semaphore implements LocalGovernor {
  readonly #places: Places

  /**
   * @param capacity How many tasks may run at once: an integer ≥ 1, or `Infinity`.
   * @throws A `TypeError` or `RangeError` for any other value.
   */
  constructor(capacity: number) {
    this.#places = new Places(checkCapacity(capacity))
    const {line} = this.#places
    joins.set(this, (request, resolve, reject) => line.join(costOf(request), request.signal, resolve, reject))
  }

  /**
   * How many tasks may run at once: an integer ≥ 1, or `Infinity`. It can be set. A higher capacity lets waiters start
   * at once. With a lower capacity no task starts until enough permits have been released.
   */
  get capacity(): number {
    return this.#places.capacity
  }

  set capacity(capacity: number) {
    this.#places.capacity = checkCapacity(capacity)
    this.#places.line.serve()
  }

  /**
   * Takes a place, at once if a place is free and no request waits.
   *
   * @param request `cost`: how many places, default 1. `signal`: ends the wait.
   * @returns A permit, or a promise that rejects with the signal's reason when the signal aborts.
   * @throws A `TypeError` or `RangeError` for a cost that is no finite number ≥ 0.
   */
  acquire(request?: Request): DisposablePermit | Promise<DisposablePermit> {
    const signal = request?.signal
    if (signal?.aborted) return Promise.reject(signal.reason)
    const cost = costOf(request)
    return this.#places.tryTake(cost) ?? this.#places.line.wait(cost, signal)
  }

  /**
   * Takes a place if a place is free and no request waits.
   *
   * @param request `cost`: how many places, default 1.
   * @throws A `TypeError` or `RangeError` for a cost that is no finite number ≥ 0.
   */
  tryAcquire(request?: Request): DisposablePermit | undefined {
    return this.#places.tryTake(costOf(request))
  }

  /** Whether no permit is held, and so no request waits. */
  get isIdle(): boolean {
    return this.#places.permits === 0
  }
}

/** The places that are taken. */
class Places {
  capacity: number
  /** Sum of the costs of the permits that are not released. */
  taken = 0
  /** How many permits are not released. */
  permits = 0
  readonly line: WaitingLine<number, DisposablePermit> = new WaitingLine((cost) => this.#take(cost))

  constructor(capacity: number) {
    this.capacity = capacity
  }

  tryTake(cost: number): DisposablePermit | undefined {
    return this.line.first === undefined ? this.#take(cost) : undefined
  }

  #take(cost: number): DisposablePermit | undefined {
    const charged = Math.min(cost, this.capacity)
    if (this.taken + charged > this.capacity) return undefined
    this.taken += charged
    this.permits++
    return new Place(this, charged)
  }

  free(cost: number): void {
    // Sums of fractions may not return to exactly 0.
    this.taken = --this.permits === 0 ? 0 : this.taken - cost
    this.line.serve()
  }
}

class Place implements DisposablePermit {
  #places: Places | undefined
  readonly #cost: number

  constructor(places: Places, cost: number) {
    this.#places = places
    this.#cost = cost
  }

  release(_outcome?: Outcome): void {
    const places = this.#places
    if (places === undefined) return
    this.#places = undefined
    places.free(this.#cost)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

function checkCapacity(capacity: number): number {
  const expected = 'an integer >= 1, or Infinity for no limit'
  return checkNumber('capacity', capacity, expected, (value) => value === Infinity || isCount(value))
}
