/** Reads a source of any kind, one item at a time; keeps what was put back; closes the source at most once. */

import {checkIterable, describe, isAsyncIterable, isThenable} from './checks.js'
import {Fifo} from './fifo.js'
import {
  type AnyIterator,
  checkSource,
  handleRejections,
  isCollectionIterator,
  openIterator,
  unopenedIterator,
  warnOfPromises,
} from './iterable.js'
import {type Mapping, mappingOf} from './mapped.js'
import {handleRejection, type QueuedTask, whenSettled} from './task.js'
import type {Items} from './types.js'

/** Told what happens at the source that nobody waits for. */
export interface SourceHost {
  /** An item has come, or the source is over. */
  sourceChanged(): void
  /** An item will never run, as the source was closed before it came. */
  leftOver(item: unknown): void
}

/** Called when the source is closed, with what its cleanup has thrown, if that failed. */
type OnClosed = (failure?: {readonly cause: unknown}) => void

/** What `pull` returns when there is no item now. */
export const nothing: object = Object.freeze({})

/** The iterator of a TaskQueue, which gives a task without a promise, at the moment when it can start. */
export interface DirectIterator {
  tryTake(): QueuedTask | undefined
  /** Whether there will be no more tasks. */
  readonly isOver: boolean
  /** Calls back, once, when there may be a task or there will be no more. */
  whenAvailable(callback: () => void): void
  /** Calls back, once, when no task waits any more, unless the reader takes a task before that. */
  whenEmpty(callback: () => void): void
}

export class SourceReader {
  readonly #host: SourceHost
  readonly #limit: number
  #state: 'unopened' | 'open' | 'over' = 'unopened'
  /** Why the source is over, where it failed. */
  #failure: {readonly cause: unknown} | undefined
  /** Dropped once it is opened or closed. */
  #source: Items<unknown> | undefined
  /** Dropped once the source is over. */
  #iterator: AnyIterator<unknown> | undefined
  #direct: DirectIterator | undefined
  /** Stays when the source is over: a task may be on its way that was taken before. */
  #isQueue = false
  #mapping: Mapping | undefined
  #isAsync = false
  /** Items come from `next()`, one by one and at once, and none was put back. Kept here to save a task six questions. */
  #isPlain = false
  #isSync = false
  /** An iterator over a collection, such as `map.values()`: promises in it may reject before their turn. */
  #collection: IterableIterator<unknown> | undefined
  #isPulling = false
  /** Inside of the source's own code, when a generator cannot be closed: it is closed afterwards. */
  #isCalling = false
  /** Set when closing was asked for; called once that is done. */
  #onClosed: OnClosed | undefined
  /** Items that were pulled and could not start. */
  #putBack: Fifo<unknown> | undefined

  /** @param limit The limit that the caller has given, if one was given. */
  constructor(source: Items<unknown>, host: SourceHost, limit: number = Infinity) {
    checkSource('source', source)
    handleRejections(source)
    warnOfPromises(source, limit)
    this.#source = source
    this.#host = host
    this.#limit = limit
  }

  /** Whether the source is an async one. Known once opened, as are the next three. */
  get isAsync(): boolean {
    return this.#isAsync
  }

  /** Whether the items are tasks of a TaskQueue. */
  get isQueue(): boolean {
    return this.#isQueue
  }

  /** What to do with an item, where the items are no tasks. */
  get mapper(): Mapping['mapper'] | undefined {
    return this.#mapping?.mapper
  }

  /** What the items are grouped by, where they are mapped. */
  get grouping(): Mapping['grouping'] {
    return this.#mapping?.grouping
  }

  /** Whether an item was asked for and has not come. There is never more than one. */
  get isPulling(): boolean {
    return this.#isPulling
  }

  /** Whether there will be no more items. */
  get isOver(): boolean {
    return this.#state === 'over' && (this.#putBack === undefined || this.#putBack.size === 0)
  }

  get failure(): {readonly cause: unknown} | undefined {
    return this.#failure
  }

  /** Calls the source if it is a function, and gets its iterator. */
  open(signal: () => AbortSignal): void {
    let source = this.#source
    if (source === undefined) return // opened or closed already
    this.#source = undefined
    this.#isCalling = true
    try {
      if (typeof source === 'function') {
        source = source(signal())
        checkIterable('what the source function returns', source, 'an iterable or an async iterable')
        handleRejections(source)
        warnOfPromises(source, this.#limit)
      }
      this.#mapping = mappingOf(source)
      if (this.#mapping !== undefined) source = this.#mapping.items
      this.#isAsync = isAsyncIterable(source)
      if (isCollectionIterator(source)) this.#collection = source
      this.#iterator = openIterator(source)
      if (this.#mapping === undefined) this.#direct = directOf(this.#iterator)
      this.#isQueue = this.#direct !== undefined
      this.#state = 'open'
      this.#isSync = !this.#isAsync && this.#collection === undefined
      this.#isPlain = this.#isSync
    } catch (cause) {
      this.#fail(cause)
    }
    this.#called()
  }

  /** The next item; `nothing` if it comes later, or the source is over. */
  pull(): unknown {
    if (!this.#isPlain) return this.#pullSpecial()
    this.#isCalling = true
    try {
      const result = (this.#iterator as Iterator<unknown>).next()
      if (typeof result === 'object' && result !== null && !result.done) {
        const {value} = result
        if (value === undefined) checkSynchronous(result)
        if (this.#onClosed === undefined) {
          this.#isCalling = false
          return value
        }
        this.#host.leftOver(value)
      } else {
        checkResult(result)
        this.#finish()
      }
    } catch (cause) {
      this.#fail(cause)
    }
    this.#called()
    return nothing
  }

  #pullSpecial(): unknown {
    if (this.#putBack !== undefined && this.#putBack.size > 0) {
      const item = this.#putBack.shift()
      this.#isPlain = this.#isSync && this.#state === 'open' && this.#putBack.size === 0
      return item
    }
    if (this.#state !== 'open' || this.#isPulling) return nothing
    if (this.#direct !== undefined) return this.#take(this.#direct)
    if (this.#collection !== undefined) return this.#pullFromCollection(this.#collection)
    this.#isPulling = true
    this.#isCalling = true
    try {
      whenSettled((this.#iterator as AsyncIterator<unknown>).next(), this.#onResult, this.#onRejection)
    } catch (cause) {
      this.#fail(cause)
    }
    this.#called()
    return nothing
  }

  /** Calls back, once, when no task waits in the queue any more, unless an item is pulled before that. */
  whenEmpty(callback: () => void): void {
    this.#direct?.whenEmpty(callback)
  }

  /** Keeps an item that cannot start now. It comes again before all others. */
  putBack(item: unknown): void {
    handleRejection(item)
    this.#putBack ??= new Fifo()
    this.#putBack.unshift(item)
    this.#isPlain = false
  }

  /**
   * Lets the source clean up; at most once, and not if it is over. An iterator that is still producing an item is told
   * at once, too: one that can be interrupted ends early, and an async generator closes when it comes back.
   *
   * @param onClosed Called when that is done, which may be before this returns.
   */
  close(onClosed: OnClosed): void {
    const putBack = this.#putBack
    this.#putBack = undefined
    if (putBack !== undefined) for (const item of putBack) this.#host.leftOver(item)
    this.#onClosed = onClosed
    if (!this.#isCalling) this.#return(onClosed)
  }

  #take(direct: DirectIterator): unknown {
    const task = direct.tryTake()
    if (task !== undefined) return task
    if (direct.isOver) this.#finish()
    else {
      this.#isPulling = true
      direct.whenAvailable(this.#onAvailable)
    }
    return nothing
  }

  readonly #onAvailable = (): void => {
    this.#isPulling = false
    this.#host.sourceChanged()
  }

  readonly #onResult = (result: IteratorResult<unknown>): void => {
    this.#isPulling = false
    try {
      checkResult(result)
      if (result.done) this.#finish()
      else {
        const {value} = result
        if (this.#onClosed === undefined) this.putBack(value)
        else this.#host.leftOver(value)
      }
    } catch (cause) {
      this.#fail(cause)
    }
    this.#host.sourceChanged()
  }

  readonly #onRejection = (cause: unknown): void => {
    this.#fail(cause)
    this.#host.sourceChanged()
  }

  /** A collection of functions is read as it grows. One that has a promise may have more, which run already. */
  #pullFromCollection(collection: IterableIterator<unknown>): unknown {
    try {
      const {done, value} = collection.next()
      if (done) {
        this.#finish()
        return nothing
      }
      if (hasThen(value)) {
        const rest = [...collection]
        handleRejections(rest)
        this.#iterator = rest[Symbol.iterator]()
        this.#collection = undefined
        this.#isPlain = this.#isSync = true
      }
      return value
    } catch (cause) {
      this.#fail(cause) // an iterator that only has the tag of a collection's
      return nothing
    }
  }

  #finish(): void {
    this.#isPulling = false
    this.#state = 'over'
    this.#isPlain = false
    this.#iterator = this.#direct = this.#collection = undefined
  }

  #fail(cause: unknown): void {
    // What fails because it was closed is no failure of the run.
    if (this.#onClosed === undefined) this.#failure = {cause}
    this.#finish()
  }

  /** Closes what could not be closed while its own code was called. */
  #called(): void {
    this.#isCalling = false
    if (this.#onClosed !== undefined) this.#return(this.#onClosed)
  }

  #return(onClosed: OnClosed): void {
    let iterator = this.#iterator
    const {isPulling} = this
    try {
      iterator ??= unopenedIterator(itemsOf(this.#source))
      this.#finish()
      this.#isPulling = isPulling
      this.#source = undefined
      const method = iterator?.return
      if (method == null) this.#leave(iterator)
      else {
        const result: unknown = (method as () => unknown).call(iterator)
        if (isThenable(result)) {
          whenSettled(
            result,
            () => onClosed(),
            (cause) => onClosed({cause}),
          )
          return
        }
      }
    } catch (cause) {
      return onClosed({cause})
    }
    onClosed()
  }

  /** Hands over what is left in a collection. Other iterators without `return` may go on for ever. */
  #leave(iterator: AnyIterator<unknown> | undefined): void {
    if (isCollectionIterator(iterator)) for (const item of iterator) this.#host.leftOver(item)
  }
}

/** The iterator of a TaskQueue, unless somebody has put a `next` of their own into it. */
function directOf(iterator: AnyIterator<unknown>): DirectIterator | undefined {
  const direct = iterator as Partial<DirectIterator>
  const isDirect =
    typeof direct.tryTake === 'function' &&
    typeof direct.whenAvailable === 'function' &&
    typeof direct.whenEmpty === 'function' &&
    typeof direct.isOver === 'boolean' &&
    !Object.hasOwn(iterator, 'next')
  return isDirect ? (direct as DirectIterator) : undefined
}

/** What a source that was never opened reads: the items, where it is a mapped one. */
function itemsOf(source: Items<unknown> | undefined): Items<unknown> | undefined {
  return source && (mappingOf(source)?.items ?? source)
}

/** As {@link isThenable}, for an item whose own code may throw. Whether that item is a task is decided when it starts. */
function hasThen(item: unknown): boolean {
  try {
    return isThenable(item)
  } catch {
    return false
  }
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
