/** Reads a source of any kind: one item at a time, and closes it at most once. */
import {describe} from './errors.js'
import {handleRejection, isThenable, whenSettled} from './tasks.js'
import type {Items} from './types.js'

/** What a reader tells whoever reads. */
export interface SourceSink<I> {
  /** An item that was asked for comes only now; the reader may have been closed since. */
  arrived(item: I): void
  /** The source has no more items. */
  exhausted(): void
  /** The source threw or broke the protocol, and is over. */
  sourceFailed(cause: unknown): void
  /** Closing the source went wrong. */
  closeFailed(cause: unknown): void
  /** A collection that was closed still held this item. */
  left(item: I): void
}

/** What `pull` returns when there is no item now: one will arrive, or the source is over. */
export const nothing: unique symbol = Symbol('nothing')

/**
 * The `next` of a queue's iterator has this method, which gives an item that is there already: that saves promises.
 * Whoever puts a `next` of their own in its place is asked alone.
 */
export const takeNow: unique symbol = Symbol('takeNow')

interface Prompt<I> {
  [takeNow](): I | typeof nothing
}

/** Advances only. Over is exhausted, failed or closed: no `next()` and no `return()` any more. */
type State = 'unopened' | 'open' | 'over'

export class SourceReader<I> {
  readonly #sink: SourceSink<I>
  #state: State = 'unopened'
  /** Let go of once opened or closed. */
  #source: Items<I> | undefined
  /** Let go of once over. */
  #iterator: Iterator<I> | AsyncIterator<I> | undefined
  /** Of an iterator that may have an item already. */
  #takeNow: (() => I | typeof nothing) | undefined
  #isAsync = false
  #isPulling = false
  /** In the midst of a call of the source's code, when a generator cannot be closed: it is closed after it. */
  #isCalling = false
  /** Set once closing was asked for; called once that is done. */
  #onClosed: (() => void) | undefined

  constructor(source: Items<I>, sink: SourceSink<I>) {
    checkSource('source', source)
    handleRejections(source)
    this.#source = source
    this.#sink = sink
  }

  /** Whether the source is an async one. Known once opened. */
  get isAsync(): boolean {
    return this.#isAsync
  }

  /** Whether the source is a queue as it is, which may get its items back. */
  get isPrompt(): boolean {
    return this.#takeNow !== undefined
  }

  /** Whether an item has been asked for and is not here yet. There is never more than one. */
  get isPulling(): boolean {
    return this.#isPulling
  }

  /** Calls the source if it is a function, and gets its iterator. */
  open(signal: () => AbortSignal): void {
    let source = this.#source
    if (this.#state !== 'unopened' || source === undefined) return
    this.#source = undefined
    this.#isCalling = true
    try {
      if (typeof source === 'function') {
        source = source(signal())
        checkIterable('what the source function returns', source, 'an iterable or an async iterable')
      }
      // A collection's iterator hides promises that are running already.
      if (isCollectionIterator(source)) source = [...source]
      handleRejections(source)
      this.#isAsync = isAsyncIterable(source)
      this.#iterator = isAsyncIterable(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
      this.#takeNow = (this.#iterator.next as Partial<Prompt<I>> | undefined)?.[takeNow]
      this.#state = 'open'
    } catch (cause) {
      this.#fail(cause)
    }
    this.#called()
  }

  /** The next item, or `nothing`: then it arrives later, or the sink has been told why there is none. */
  pull(): I | typeof nothing {
    if (this.#state !== 'open' || this.#isPulling) return nothing
    const item = this.#takeNow === undefined ? nothing : this.#takeNow()
    if (item !== nothing) return item
    this.#isPulling = true
    this.#isCalling = true
    try {
      const result = (this.#iterator as Iterator<I>).next()
      if (this.#isAsync) whenSettled(result, this.#onResult, this.#onRejection)
      else if (typeof result === 'object' && result !== null && !result.done) {
        const {value} = result
        if (value === undefined) checkSynchronous(result)
        this.#isPulling = false
        if (this.#onClosed === undefined) {
          this.#isCalling = false
          return value
        }
        this.#sink.arrived(value)
      } else {
        checkResult(result)
        this.#finish()
      }
    } catch (cause) {
      this.#onRejection(cause)
    }
    this.#called()
    return nothing
  }

  /**
   * Lets the source clean up; not if it is over already, and once at most. An iterator that is still
   * producing an item is told at once, too: one that can be interrupted then ends early, and an async
   * generator, which cannot, closes when it comes back.
   *
   * @param onClosed Called when that is done, which may be before this returns.
   */
  close(onClosed: () => void): void {
    if (this.#state === 'over') return onClosed()
    this.#onClosed = onClosed
    if (!this.#isCalling) this.#return(onClosed)
  }

  readonly #onResult: {call(result: IteratorResult<I>): void}['call'] = (result) => {
    let item: I
    try {
      checkResult(result)
      if (result.done) {
        this.#finish()
        return
      }
      item = result.value
    } catch (cause) {
      this.#onRejection(cause)
      return
    }
    this.#isPulling = false
    this.#sink.arrived(item)
  }

  readonly #onRejection = (cause: unknown): void => {
    this.#isPulling = false
    this.#fail(cause)
  }

  #finish(): void {
    this.#isPulling = false
    if (this.#state === 'over') return // it has been closed since
    this.#end()
    this.#sink.exhausted()
  }

  #fail(cause: unknown): void {
    this.#end()
    this.#sink.sourceFailed(cause)
  }

  #end(): void {
    this.#state = 'over'
    this.#iterator = this.#takeNow = undefined
  }

  /** Closes what could not be closed while its own code was being called. */
  #called(): void {
    this.#isCalling = false
    const onClosed = this.#onClosed
    if (onClosed === undefined) return
    if (this.#state === 'over') onClosed()
    else this.#return(onClosed)
  }

  #return(onClosed: () => void): void {
    const iterator = this.#iterator ?? iteratorToClose(this.#source)
    this.#end()
    this.#source = undefined
    try {
      const method = iterator?.return
      if (method == null) this.#leave(iterator)
      else {
        const result: unknown = (method as () => unknown).call(iterator)
        if (isThenable(result)) {
          whenSettled(result, onClosed, (cause) => {
            this.#sink.closeFailed(cause)
            onClosed()
          })
          return
        }
      }
    } catch (cause) {
      this.#sink.closeFailed(cause)
    }
    onClosed()
  }

  /** Hands over what is left in a collection. Other iterators without `return` may go on for ever. */
  #leave(iterator: Iterator<I> | AsyncIterator<I> | undefined): void {
    if (isCollectionIterator(iterator)) for (const item of iterator) this.#sink.left(item)
  }
}

// By tag and not by class: collections come from other realms too.
const collectionIterators = new Set(['[object Array Iterator]', '[object Set Iterator]', '[object Map Iterator]'])

function isCollectionIterator(value: unknown): value is IterableIterator<never> {
  return collectionIterators.has(tagOf(value))
}

function isSet(value: unknown): value is Set<unknown> {
  return tagOf(value) === '[object Set]'
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value)
}

/** What of an unopened source must be closed: an iterator that is its own iterable, such as a generator, or a collection. */
export function iteratorToClose<I>(source: Items<I> | undefined): Iterator<I> | AsyncIterator<I> | undefined {
  if (typeof source !== 'object') return undefined
  if (Array.isArray(source) || isSet(source)) return source[Symbol.iterator]() as Iterator<I>
  return 'next' in source && typeof source.next === 'function' ? (source as unknown as Iterator<I>) : undefined
}

/** A collection's promises are running already, and may reject long before they are pulled. */
export function handleRejections(source: unknown): void {
  if (Array.isArray(source)) for (let index = 0; index < source.length; index++) handleRejection(source[index])
  else if (isSet(source)) for (const item of source) handleRejection(item)
}

/** Throws a `TypeError` unless `source` is something that can be read. */
export function checkSource(name: string, source: unknown): void {
  if (typeof source !== 'function')
    checkIterable(name, source, 'an iterable, an async iterable or a function that returns one')
}

export function checkIterable(name: string, value: unknown, expected: string): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (isAsyncIterable(value) || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
  if (!isIterable) throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
}

export function isAsyncIterable<I>(source: Iterable<I> | AsyncIterable<I> | object): source is AsyncIterable<I> {
  return typeof (source as Partial<AsyncIterable<I>>)[Symbol.asyncIterator] === 'function'
}

function checkResult(result: unknown): void {
  if (typeof result !== 'object' || result === null)
    throw new TypeError(`next() of the source must give an object; got ${describe(result)}`)
}

function checkSynchronous(result: unknown): void {
  if (!isThenable(result)) return
  handleRejection(result)
  throw new TypeError('next() of the source gave a promise; an async iterator is found under Symbol.asyncIterator')
}
