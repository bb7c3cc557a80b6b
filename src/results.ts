/** Holds results until a consumer takes them, in order of completion or of the source. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {Fifo} from './fifo.js'

const empty: unique symbol = Symbol('empty')
const smallest = 16

export class Results<R> {
  /** How many results may wait before `isFull`. */
  highWaterMark: number
  readonly #isOrdered: boolean
  /**
   * A ring: the place p is at `p & mask`. Places from `#head` up to `#tail` may be in use; without
   * `ordered` all of them are, with it some are `empty` until their task has settled.
   */
  #ring: Array<R | typeof empty> = emptyRing(smallest)
  #mask = smallest - 1
  #head = 0
  #tail = 0
  #size = 0
  readonly #takers = new Fifo<DeferredPromise<IteratorResult<R, undefined>>>()
  #isDiscarding = false
  #isHeld = false
  #hasEnded = false
  #failure: {readonly error: unknown} | undefined

  constructor(isOrdered: boolean, highWaterMark: number) {
    this.#isOrdered = isOrdered
    this.highWaterMark = highWaterMark
  }

  /** Results waiting for the consumer. */
  get size(): number {
    return this.#size
  }

  /** Whether a consumer is waiting for a result. */
  get isAwaited(): boolean {
    return this.#takers.size > 0
  }

  /** Whether so many results wait that no more tasks should start. */
  get isFull(): boolean {
    if (this.#size < this.highWaterMark || this.#isDiscarding) return false
    // With a mark of 0 a task starts only for a consumer that has nothing to take.
    return this.#size > 0 || this.#takers.size === 0
  }

  /** Takes in the result of the task at `index`. */
  put(result: R, index: number): void {
    if (this.#isDiscarding) {
      if (this.#takers.size > 0) this.#takers.shift()?.resolve({value: result, done: false})
      return
    }
    const place = this.#isOrdered ? index : this.#tail
    while (place - this.#head > this.#mask) this.#grow()
    this.#ring[place & this.#mask] = result
    if (place >= this.#tail) this.#tail = place + 1
    this.#size++
    if (this.#takers.size > 0) this.#serve()
  }

  /** The next result; at the end the failure, once, and then `done`. */
  next(): Promise<IteratorResult<R, undefined>> {
    if (!this.#isHeld && this.#takers.size === 0) {
      const result = this.#take()
      if (result !== empty) return Promise.resolve({value: result, done: false})
      if (this.#hasEnded) {
        const failure = this.#finish()
        return failure === undefined ? Promise.resolve({value: undefined, done: true}) : Promise.reject(failure.error)
      }
    }
    const taker = pDefer<IteratorResult<R, undefined>>()
    this.#takers.push(taker)
    return taker.promise
  }

  /** From now on nothing is kept: a result goes to whoever is waiting for one already, or to nobody. */
  discard(): void {
    this.#isDiscarding = true
    this.#serve()
    this.clear()
  }

  /** While held, results wait even for a consumer that wants them. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#serve()
  }

  /** Nothing more will come. What is ready is still handed over, then `failure`, if there is one. */
  end(failure?: {readonly error: unknown}): void {
    this.#hasEnded = true
    this.#failure = failure
    this.#serve()
  }

  /** Forgets what waits. */
  clear(): void {
    this.#ring = emptyRing(smallest)
    this.#mask = smallest - 1
    this.#head = this.#tail
    this.#size = 0
  }

  #serve(): void {
    if (this.#isHeld) return
    while (this.#takers.size > 0) {
      const result = this.#take()
      if (result === empty) break
      this.#takers.shift()?.resolve({value: result, done: false})
    }
    if (!this.#hasEnded) return
    for (let taker = this.#takers.shift(); taker !== undefined; taker = this.#takers.shift()) {
      const failure = this.#finish()
      if (failure === undefined) taker.resolve({value: undefined, done: true})
      else taker.reject(failure.error)
    }
  }

  /** The result whose turn it is, or `empty` if that one is not ready. */
  #take(): R | typeof empty {
    const at = this.#head & this.#mask
    const result = this.#ring[at] as R | typeof empty
    if (result === empty) return empty
    this.#ring[at] = empty
    this.#head++
    // Gives a large ring back once it has run empty.
    if (--this.#size === 0 && this.#mask >= 1024) this.clear()
    return result
  }

  /** The failure, the first time it is asked for. */
  #finish(): {readonly error: unknown} | undefined {
    // After a failure, what is left in the ring waits behind a place that will never be filled.
    if (this.#size > 0) this.clear()
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  #grow(): void {
    const ring = emptyRing<R>(this.#ring.length * 2)
    const mask = ring.length - 1
    for (let place = this.#head; place < this.#tail; place++)
      ring[place & mask] = this.#ring[place & this.#mask] as R | typeof empty
    this.#ring = ring
    this.#mask = mask
  }
}

function emptyRing<R>(length: number): Array<R | typeof empty> {
  return new Array<R | typeof empty>(length).fill(empty)
}
