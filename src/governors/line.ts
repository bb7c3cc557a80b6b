/** The line of those who wait for a permit: first come, first served, and whoever gives up leaves no trace. */
import {onAbort} from './shared-listener.js'

/** One who waits. A node of a doubly linked list, so that leaving the middle of a long line is cheap. */
export interface Waiter<A, P> {
  readonly ask: A
  readonly resolve: (permit: P) => void
  readonly reject: (reason: unknown) => void
  previous: Waiter<A, P> | undefined
  next: Waiter<A, P> | undefined
  /** Takes back the listener on the waiter's signal, if it has one. */
  unlisten: (() => void) | undefined
}

export class Line<A, P> {
  readonly #take: (ask: A) => P | undefined
  readonly #changed: () => void
  #first: Waiter<A, P> | undefined
  #last: Waiter<A, P> | undefined

  /**
   * @param take Gives a permit for what the first waiter asks, or `undefined` if there is none now.
   * @param changed Called when there is another first waiter or none, and when the first was asked for in vain.
   */
  constructor(take: (ask: A) => P | undefined, changed: () => void = nothing) {
    this.#take = take
    this.#changed = changed
  }

  get first(): Waiter<A, P> | undefined {
    return this.#first
  }

  /** Waits for a permit that cannot be had now. */
  join(ask: A, signal: AbortSignal | undefined): Promise<P> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<A, P> = {ask, resolve, reject, previous: this.#last, next: undefined, unlisten: undefined}
      if (signal) waiter.unlisten = onAbort(signal, () => this.fail(waiter, signal.reason))
      if (this.#last) this.#last.next = waiter
      else this.#first = waiter
      this.#last = waiter
      if (waiter.previous === undefined) this.#changed()
    })
  }

  /** Serves as many as can be served now. To be called when there may be more to give. */
  serve(): void {
    if (this.#first === undefined) return
    for (let waiter: Waiter<A, P> | undefined = this.#first; waiter; waiter = this.#first) {
      try {
        const permit = this.#take(waiter.ask)
        if (permit === undefined) break
        this.#remove(waiter)
        waiter.resolve(permit)
      } catch (error) {
        this.#remove(waiter)
        waiter.reject(error)
      }
    }
    this.#changed()
  }

  /** Takes a waiter out of the line, with the reason why it gets nothing. */
  fail(waiter: Waiter<A, P>, reason: unknown): void {
    const wasFirst = this.#first === waiter
    this.#remove(waiter)
    waiter.reject(reason)
    if (this.#first === undefined) this.#changed()
    else if (wasFirst) this.serve() // the next one may ask for less
  }

  #remove(waiter: Waiter<A, P>): void {
    const {previous, next} = waiter
    if (previous) previous.next = next
    else this.#first = next
    if (next) next.previous = previous
    else this.#last = previous
    waiter.unlisten?.()
  }
}

function nothing(): void {}
