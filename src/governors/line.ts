/** The line of requests that wait for a permit: first come, first served. A waiter that gives up leaves no trace. */
import {onAbort} from '../platform/shared-listener.js'
import {releasePermit, unused} from '../task.js'
import type {Permit} from './governor.js'

/** A waiting request. A node of a doubly linked list, so that leaving the middle of a long line is cheap. */
export interface Waiter<A, P> {
  readonly ask: A
  readonly signal: AbortSignal | undefined
  readonly resolve: (permit: P) => void
  readonly reject: (reason: unknown) => void
  previous: Waiter<A, P> | undefined
  next: Waiter<A, P> | undefined
  isWaiting: boolean
  /** Removes the listener from the waiter's signal, if it has a signal. */
  unlisten: (() => void) | undefined
}

export class WaitingLine<A, P extends Permit> {
  readonly #take: (ask: A) => P | undefined
  readonly #changed: () => void
  #first: Waiter<A, P> | undefined
  #last: Waiter<A, P> | undefined
  /** Set while waiters are being served: a permit that is given back meanwhile starts no second loop. */
  #isServing = false

  /**
   * @param take Gives a permit for the request of the first waiter, or `undefined` if there is none now.
   * @param changed Called when the first waiter has changed or left, and when there was no permit for the first waiter.
   */
  constructor(take: (ask: A) => P | undefined, changed: () => void = nothing) {
    this.#take = take
    this.#changed = changed
  }

  get first(): Waiter<A, P> | undefined {
    return this.#first
  }

  /** Waits for a permit that is not free now. */
  wait(ask: A, signal: AbortSignal | undefined): Promise<P> {
    return new Promise((resolve, reject) => this.#add(ask, signal, resolve, reject))
  }

  /** The same by callbacks. `resolve` and `reject` may be called before this method returns. */
  join(ask: A, signal: AbortSignal | undefined, resolve: (permit: P) => void, reject: (reason: unknown) => void): void {
    if (this.#add(ask, signal, resolve, reject)) this.serve()
  }

  /** Returns whether the request waits. */
  #add(
    ask: A,
    signal: AbortSignal | undefined,
    resolve: (permit: P) => void,
    reject: (reason: unknown) => void,
  ): boolean {
    if (signal?.aborted) {
      reject(signal.reason)
      return false
    }
    const waiter: Waiter<A, P> = {
      ask,
      signal,
      resolve,
      reject,
      previous: this.#last,
      next: undefined,
      isWaiting: true,
      unlisten: undefined,
    }
    if (signal) waiter.unlisten = onAbort(signal, () => this.fail(waiter, signal.reason))
    if (this.#last) this.#last.next = waiter
    else this.#first = waiter
    this.#last = waiter
    if (waiter.previous === undefined) this.#changed()
    return true
  }

  /** Serves as many waiters as possible. Call it whenever there may be more permits. */
  serve(): void {
    // If a waiter gives its permit back at once, the running loop offers it to the next waiter.
    if (this.#first === undefined || this.#isServing) return
    this.#isServing = true
    try {
      for (let waiter: Waiter<A, P> | undefined = this.#first; waiter; waiter = this.#first)
        if (!this.#serveFirst(waiter)) break
    } finally {
      this.#isServing = false
      this.#changed()
    }
  }

  /** Serves the first waiter if it can. Returns whether the waiter has left the line. */
  #serveFirst(waiter: Waiter<A, P>): boolean {
    const {ask, signal} = waiter
    if (signal?.aborted) return false // `fail` is called soon: a signal tells its waiters one after the other
    let permit: P | undefined
    try {
      permit = this.#take(ask)
    } catch (error) {
      this.#remove(waiter)
      waiter.reject(error)
      return true
    }
    // A function of the user that `#take` calls may abort the signal.
    if (permit !== undefined && signal?.aborted) {
      releasePermit(permit, unused)
      permit = undefined
    }
    if (permit === undefined) return !waiter.isWaiting
    this.#remove(waiter)
    waiter.resolve(permit)
    return true
  }

  /** Takes a waiter out of the line, and rejects its request with the reason. */
  fail(waiter: Waiter<A, P>, reason: unknown): void {
    const wasFirst = this.#first === waiter
    this.#remove(waiter)
    waiter.reject(reason)
    if (this.#first === undefined) this.#changed()
    else if (wasFirst) this.serve() // the next waiter may ask for less
  }

  #remove(waiter: Waiter<A, P>): void {
    if (!waiter.isWaiting) return
    waiter.isWaiting = false
    const {previous, next} = waiter
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    waiter.unlisten?.()
  }
}

function nothing(): void {}
