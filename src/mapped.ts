/** Makes a source of tasks from plain items and what to do with each. */
import {checkItems, handleRejections, isAsyncIterable, openIterator, unopenedIterator} from './iterable.js'
import {checkFunction} from './options.js'
import type {Items, Mapper, Source, TaskContext, TaskFunction} from './types.js'

/** Items and what to do with each, of a source that {@link mapped} made. */
export interface Mapping {
  readonly items: Iterable<unknown> | AsyncIterable<unknown>
  readonly mapper: Mapper<unknown, unknown>
}

/** Under this key a mapped source keeps its parts: the runner reads the items itself, without a function for each. */
export const mapping: unique symbol = Symbol('mapping')

/**
 * A source of one task for each item, as lazy as the items are and closed as they would be: what `map` runs, for
 * subclasses with options of their own.
 *
 * @param items Any iterable or async iterable, or a function that makes one when the run starts.
 * @param mapper What to do with an item; gets the task's context too.
 * @returns A source for one runner.
 * @throws TypeError if the items cannot be read or the mapper is no function.
 * @example
 * ```ts
 * class Named<T> extends ConcurrentRunner<T> {
 *   constructor(source: Source<T>, options: RunnerOptions<false> & {readonly name: string}) {
 *     const {name, ...rest} = options
 *     super(source, rest)
 *     this.on('drain', () => console.log(`${name} is done`))
 *   }
 * }
 * const named = new Named(mapped(urls, load), {name: 'pages', limit: 4})
 * ```
 */
export function mapped<Item, T>(items: Items<Item>, mapper: Mapper<Item, T>): Source<T>
/**
 * The same where the mapper gives a value or a promise of another type.
 *
 * @param items Any iterable or async iterable, or a function that makes one when the run starts.
 * @param mapper What to do with an item; gets the task's context too.
 * @returns A source for one runner.
 * @throws TypeError if the items cannot be read or the mapper is no function.
 * @example
 * ```ts
 * const found: Source<number | string> = mapped(urls, (url) => (url === '' ? 0 : load(url)))
 * ```
 */
export function mapped<Item, Result>(
  items: Items<Item>,
  mapper: (item: Item, context: TaskContext<Item>) => Result,
): Source<Awaited<Result>>
export function mapped<Item, T>(items: Items<Item>, mapper: Mapper<Item, T>): Source<T> {
  checkItems('items', items)
  checkFunction('mapper', mapper)
  return typeof items === 'function' ? (signal) => mapIterable(items(signal), mapper) : mapIterable(items, mapper)
}

/** The parts of a mapped source; `undefined` for any other. */
export function mappingOf(source: object): Mapping | undefined {
  return (source as {readonly [mapping]?: Mapping})[mapping]
}

function mapIterable<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  mapper: Mapper<I, T>,
): Iterable<TaskFunction<T>> | AsyncIterable<TaskFunction<T>> {
  checkItems('items', items)
  handleRejections(items)
  return isAsyncIterable(items) ? new AsyncMapped(items, mapper) : new SyncMapped(items, mapper)
}

// Iterators written by hand and not generators: a generator could not be closed while it waits for an item.

class SyncMapped<I, T> implements Iterable<TaskFunction<T>> {
  readonly [mapping]: {readonly items: Iterable<I>; readonly mapper: Mapper<I, T>}

  constructor(items: Iterable<I>, mapper: Mapper<I, T>) {
    this[mapping] = {items, mapper}
  }

  [Symbol.iterator](): Iterator<TaskFunction<T>, undefined> {
    const {items, mapper} = this[mapping]
    let iterator: Iterator<I> | undefined
    return {
      next: () => toTask((iterator ??= items[Symbol.iterator]()).next(), mapper),
      return: () => {
        const opened = iterator ?? (unopenedIterator(items) as Iterator<I> | undefined)
        opened?.return?.()
        return {done: true, value: undefined}
      },
    }
  }
}

class AsyncMapped<I, T> implements AsyncIterable<TaskFunction<T>> {
  readonly [mapping]: {readonly items: AsyncIterable<I>; readonly mapper: Mapper<I, T>}

  constructor(items: AsyncIterable<I>, mapper: Mapper<I, T>) {
    this[mapping] = {items, mapper}
  }

  [Symbol.asyncIterator](): AsyncIterator<TaskFunction<T>, undefined> {
    const {items, mapper} = this[mapping]
    let iterator: Iterator<I> | AsyncIterator<I> | undefined
    return {
      next: async () => toTask(await (iterator ??= openIterator(items)).next(), mapper),
      return: async () => {
        await (iterator ?? unopenedIterator(items))?.return?.()
        return {done: true, value: undefined}
      },
    }
  }
}

function toTask<I, T>(result: IteratorResult<I>, mapper: Mapper<I, T>): IteratorResult<TaskFunction<T>, undefined> {
  if (result.done) return {done: true, value: undefined}
  const {value} = result
  return {done: false, value: (context) => mapper(value, withItem(context, value))}
}

/** The context of a caller that does not know the item. */
function withItem<I>(context: TaskContext, item: I): TaskContext<I> {
  const {index, attempt} = context
  return {
    index,
    item,
    attempt,
    get signal() {
      return context.signal
    },
  }
}
