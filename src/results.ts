/** Holds results until the consumer takes them, in the order of completion or of the source. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {Fifo} from './fifo.js'

/** Marks a place whose task has not settled, and one whose result nobody wanted. */
const empty: unique symbol = Symbol('empty')
const dropped: unique symbol = Symbol('dropped')

type Ring<R> = Array<R | typeof empty | typeof dropped>

const smallest = 16
/** A ring of this size or more is given back once it has run empty. */
const large = 1024

/** Where results go that no `next()` waits for: kept for later, collected by `toArray()`, or dropped by `run()`. */
type Mode = 'keep' | 'collect' | 'discard'

export class Results<R> {
  /** How many results may wait before no more tasks start. */
  highWaterMark: number
  readonly #isOrdered: boolean
  #mode: Mode = 'keep'
  #collected: R[] | undefined
  /**
   * A ring: place p is at `p & mask`. It costs half of a list of objects. Places from `#head` up to `#tail` may be in
   * use; without `ordered` all of them are, with it some are `empty` until their task has settled.
   */
  #ring: Ring<R> | undefined
  #mask = -1
  #head = 0
  #tail = 0
  #size = 0
  readonly #waiters = new Fifo<DeferredPromise<IteratorResult<R, undefined>>>()
  #isHeld = false
  #hasEnded = false
  /** The consumer has heard that nothing more will come: an error would come too late. */
  #hasToldEnd = false
  #failure: {readonly error: unknown} | undefined

  constructor(isOrdered: boolean, highWaterMark: number) {
    this.#isOrdered = isOrdered
    this.highWaterMark = highWaterMark
  }

  /** Results waiting for the consumer. */
  get size(): number {
    return this.#size
  }

  /** Whether results are dropped that no consumer waits for. */
  get isDiscarding(): boolean {
    return this.#mode === 'discard'
  }

  /** Whether a consumer is waiting for a result. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0
  }

  /** Whether so many results wait that no more tasks should start. */
  get isFull(): boolean {
    if (this.#size < this.highWaterMark || this.#mode === 'discard') return false
    // With a mark of 0 a task starts only for a consumer that has nothing to take.
    return this.#size > 0 || (this.#mode === 'keep' && !this.isAwaited)
  }

  /** With `ordered`, the place in the source of the result for which those that wait here are kept back, if any is. */
  get awaitedPlace(): number | undefined {
    return this.#size > 0 && this.#ring?.[this.#head & this.#mask] === empty ? this.#head : undefined
  }

  /** Takes in the result of the task at `index`. */
  put(result: R, index: number): void {
    if (!this.#isOrdered && !this.#isHeld) {
      // Nothing waits while a consumer does, so this result is the next.
      if (this.isAwaited) return this.#answer(result)
      if (this.#mode !== 'keep') return this.#consume(result)
    }
    const place = this.#isOrdered ? index : this.#tail
    while (place - this.#head > this.#mask) this.#grow()
    const isKept = this.#mode !== 'discard' || this.isAwaited
    ;(this.#ring as Ring<R>)[place & this.#mask] = isKept ? result : dropped
    if (place >= this.#tail) this.#tail = place + 1
    if (isKept) this.#size++
    this.#serve()
  }

  /** The next result; at the end the failure, once, and then `done`. */
  next(): Promise<IteratorResult<R, undefined>> {
    if (!this.#isHeld) {
      const result = this.#take()
      if (result !== empty) return Promise.resolve({value: result, done: false})
      if (this.#hasEnded) {
        const failure = this.#takeFailure()
        this.#hasToldEnd = true
        return failure === undefined ? Promise.resolve({value: undefined, done: true}) : Promise.reject(failure.error)
      }
    }
    const waiter = pDefer<IteratorResult<R, undefined>>()
    this.#waiters.push(waiter)
    return waiter.promise
  }

  /** Takes up to `most` results whose turn it is. */
  takeReady(most: number): R[] {
    const taken: R[] = []
    if (this.#isHeld) return taken
    while (taken.length < most) {
      const result = this.#take()
      if (result === empty) break
      taken.push(result)
    }
    return taken
  }

  /** From now on a result that no `next()` waits for is dropped. */
  discard(): void {
    this.#mode = 'discard'
    this.#serve()
  }

  /** From now on a result that no `next()` waits for is put into an array. */
  collect(): R[] {
    this.#mode = 'collect'
    this.#collected = []
    const collected = this.#collected
    this.#serve()
    return collected
  }

  /** While results are held, a consumer that wants them waits. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#serve()
  }

  /** Nothing more will come. What is ready is still handed over, then `failure`, if there is one. */
  end(failure?: {readonly error: unknown}): void {
    this.#hasEnded = true
    this.#failure = this.#hasToldEnd ? undefined : failure
    this.#serve()
    this.#collected = undefined // the array is the consumer's alone
  }

  /** Drops what waits. */
  clear(): void {
    this.#ring = undefined
    this.#mask = -1
    this.#head = this.#tail
    this.#size = 0
  }

  /** Drops what waits at `index` of the source and behind it. */
  clearFrom(index: number): void {
    for (let place = Math.max(index, this.#head); place < this.#tail; place++) {
      const ring = this.#ring as Ring<R>
      const at = place & this.#mask
      if (ring[at] === empty) continue
      if (ring[at] !== dropped) this.#size--
      ring[at] = empty
    }
  }

  #answer(result: R): void {
    this.#waiters.shift()?.resolve({value: result, done: false})
  }

  #consume(result: R): void {
    this.#collected?.push(result)
  }

  #serve(): void {
    if (this.#isHeld) return
    while (this.isAwaited || this.#mode !== 'keep') {
      const result = this.#take()
      if (result === empty) break
      if (this.isAwaited) this.#answer(result)
      else this.#consume(result)
    }
    if (!this.#hasEnded) return
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      const failure = this.#takeFailure()
      this.#hasToldEnd = true
      if (failure === undefined) waiter.resolve({value: undefined, done: true})
      else waiter.reject(failure.error)
    }
  }

  /** The result whose turn it is; `empty` if it is not ready. */
  #take(): R | typeof empty {
    const ring = this.#ring
    if (ring === undefined) return empty
    let at = this.#head & this.#mask
    for (; ring[at] === dropped; at = this.#head & this.#mask) {
      ring[at] = empty
      this.#head++
    }
    const result = ring[at] as R | typeof empty
    if (result === empty) return empty
    ring[at] = empty
    this.#head++
    // With `ordered`, an empty place before the tail may still be filled.
    if (--this.#size === 0 && this.#head === this.#tail && this.#mask >= large) this.clear()
    return result
  }

  /** The failure, the first time it is asked for. */
  #takeFailure(): {readonly error: unknown} | undefined {
    // After a failure, what is left in the ring waits behind a place that will never be filled.
    this.clear()
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  #grow(): void {
    const ring: Ring<R> = new Array(this.#ring === undefined ? smallest : this.#ring.length * 2).fill(empty)
    const mask = ring.length - 1
    if (this.#ring !== undefined)
      for (let place = this.#head; place < this.#tail; place++)
        ring[place & mask] = this.#ring[place & this.#mask] ?? (undefined as R)
    this.#ring = ring
    this.#mask = mask
  }
}
