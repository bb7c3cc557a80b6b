/** What can be read: checks it, and gets an iterator of it that can be closed. */
import {checkIterable, isAsyncIterable} from './checks.js'
import {warn} from './platform/runtime.js'
import {handleRejection, ignore} from './task.js'
import type {Items} from './types.js'

/** What is left of an iterator when nothing is known of its protocol. */
export type AnyIterator<I> = Iterator<I> | AsyncIterator<I>

/** The parts of Node's `Readable` that are used here. */
interface NodeStream<I> extends AsyncIterable<I> {
  read(): unknown
  destroy(): unknown
  on?(event: 'error', listener: () => void): unknown
  off?(event: 'error', listener: () => void): unknown
}

interface WebStream<I> {
  getReader(): {
    read(): Promise<IteratorResult<I, undefined>>
    cancel(): Promise<void>
    releaseLock(): void
  }
}

/** Gets an iterator. Those of streams can be closed while they wait for a chunk. */
export function openIterator<I>(source: Iterable<I> | AsyncIterable<I>): AnyIterator<I> {
  if (!isAsyncIterable(source)) return source[Symbol.iterator]()
  if (isNodeStream(source)) return nodeStreamIterator(source)
  if (isWebStream<I>(source)) return webStreamIterator(source)
  return source[Symbol.asyncIterator]()
}

/** `destroy()` ends a pending `next()`, which rejects then; the stream's own iterator would wait for the next chunk. */
function nodeStreamIterator<I>(stream: NodeStream<I>): AsyncIterator<I> {
  const iterator = stream[Symbol.asyncIterator]()
  // Until its first `next()` the stream's own iterator does not listen. That `next()` rejects with an error of before.
  stream.on?.('error', ignore)
  let isPulling = false
  const settled = (): void => {
    isPulling = false
  }
  return {
    next: () => {
      isPulling = true
      const result = iterator.next()
      stream.off?.('error', ignore)
      result.then(settled, settled)
      return result
    },
    return: async () => {
      if (!isPulling) await iterator.return?.()
      stream.destroy()
      return {done: true, value: undefined}
    },
  }
}

/** `cancel()` of a reader ends its pending `read()`; that of a locked stream would be refused. */
function webStreamIterator<I>(stream: WebStream<I>): AsyncIterator<I, undefined> {
  const reader = stream.getReader()
  let hasEnded = false
  return {
    next: async () => {
      const result = await reader.read()
      if (result.done) {
        hasEnded = true
        reader.releaseLock()
      }
      return result
    },
    return: async () => {
      if (!hasEnded) await reader.cancel() // else the runner is about to hear of the end
      reader.releaseLock()
      return {done: true, value: undefined}
    },
  }
}

// By shape and not by class: streams come from other realms and packages too.
function isNodeStream<I>(source: AsyncIterable<I>): source is NodeStream<I> {
  const {read, destroy} = source as Partial<NodeStream<I>>
  return typeof read === 'function' && typeof destroy === 'function'
}

function isWebStream<I>(source: object): source is WebStream<I> {
  return typeof (source as Partial<WebStream<I>>).getReader === 'function'
}

// By tag and not by class: collections come from other realms too.
const collectionIterators = new Set(['[object Array Iterator]', '[object Set Iterator]', '[object Map Iterator]'])

export function isCollectionIterator(value: unknown): value is IterableIterator<never> {
  return collectionIterators.has(tagOf(value))
}

function isSet(value: unknown): value is Set<unknown> {
  return tagOf(value) === '[object Set]'
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value)
}

/**
 * What must be closed of a source that was never opened: an iterator that is its own iterable, such as a generator; a
 * collection, for what is in it; a stream.
 */
export function unopenedIterator<I>(source: Items<I> | undefined): AnyIterator<I> | undefined {
  if (typeof source !== 'object') return undefined
  if (Array.isArray(source) || isSet(source)) return source[Symbol.iterator]() as Iterator<I>
  if (isAsyncIterable(source) && (isNodeStream(source) || isWebStream(source))) return openIterator(source)
  return 'next' in source && typeof source.next === 'function' ? (source as unknown as Iterator<I>) : undefined
}

/** Keeps the promises of a collection, which may reject long before they are pulled, from being unhandled rejections. */
export function handleRejections(source: unknown): void {
  if (Array.isArray(source)) for (let index = 0; index < source.length; index++) handleRejection(source[index])
  else if (isSet(source)) for (const item of source) handleRejection(item)
}

let hasWarned = false

/** Warns, once a process, of an array of more promises than a limit: all of them run already. */
export function warnOfPromises(source: unknown, limit: number): void {
  if (hasWarned || limit < 1 || !Array.isArray(source) || source.length <= limit) return
  const {length} = source.filter(isPromise)
  if (length <= limit) return
  hasWarned = true
  warn(`The source has ${length} promises, which run already: a limit of ${limit} cannot hold. Give functions instead.`)
}

function isPromise(item: unknown): boolean {
  try {
    return item instanceof Promise
  } catch {
    return false // a revoked proxy
  }
}

/** Throws a `TypeError` unless `source` is something that can be read. */
export function checkSource(name: string, source: unknown): void {
  if (typeof source !== 'function')
    checkIterable(name, source, 'an iterable, an async iterable or a function that returns one')
}

/** Throws a `TypeError` unless `items` can be read; a string is read character by character. */
export function checkItems(name: string, items: unknown): void {
  if (typeof items !== 'string') checkSource(name, items)
}
