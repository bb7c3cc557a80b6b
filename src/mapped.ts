/** Makes a source of tasks from plain items and what to do with each. */
import {checkFunction, isAsyncIterable} from './checks.js'
import {checkItems, handleRejections, openIterator, unopenedIterator} from './iterable.js'
import {type Grouping, resolveMapping} from './options.js'
import type {Items, MapOptions, Mapper, Source, TaskContext, TaskFunction} from './types.js'

/** Items and what to do with each, of a source that {@link mapped} made. */
export interface Mapping {
  readonly items: Iterable<unknown> | AsyncIterable<unknown>
  readonly mapper: Mapper<unknown, unknown>
  /** `undefined` where no option was given. */
  readonly grouping: Grouping | undefined
}

/** Under this key a mapped source keeps its parts: the runner reads the items itself, without a function for each. */
export const mapping: unique symbol = Symbol('mapping')

/**
 * A source of one task for each item, as lazy as the items are and closed as they would be: what `map` runs, for
 * subclasses with options of their own.
 *
 * @param items Any iterable or async iterable, or a function that makes one when the run starts.
 * @param mapper What to do with an item; gets the task's context too.
 * @param options See {@link MapOptions}; all are optional. Only a runner uses them.
 * @returns A source for one runner.
 * @throws TypeError or RangeError if the items cannot be read, the mapper is no function, or an option is wrong.
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
export function mapped<Item, T, Group = unknown>(
  items: Items<Item>,
  mapper: Mapper<Item, T>,
  options?: MapOptions<Item, Group>,
): Source<T>
/**
 * The same where the mapper gives a value or a promise of another type.
 *
 * @param items Any iterable or async iterable, or a function that makes one when the run starts.
 * @param mapper What to do with an item; gets the task's context too.
 * @param options See {@link MapOptions}; all are optional. Only a runner uses them.
 * @returns A source for one runner.
 * @throws TypeError or RangeError if the items cannot be read, the mapper is no function, or an option is wrong.
 * @example
 * ```ts
 * const found: Source<number | string> = mapped(urls, (url) => (url === '' ? 0 : load(url)))
 * ```
 */
export function mapped<Item, Result, Group = unknown>(
  items: Items<Item>,
  mapper: (item: Item, context: TaskContext<Item>) => Result,
  options?: MapOptions<Item, Group>,
): Source<Awaited<Result>>
export function mapped<Item, T>(items: Items<Item>, mapper: Mapper<Item, T>, options?: MapOptions<Item>): Source<T> {
  checkItems('items', items)
  checkFunction('mapper', mapper)
  const grouping = options === undefined ? undefined : resolveMapping(options)
  return typeof items === 'function'
    ? (signal) => mapIterable(items(signal), mapper, grouping)
    : mapIterable(items, mapper, grouping)
}

/** The parts of a mapped source; `undefined` for any other. */
export function mappingOf(source: object): Mapping | undefined {
  return (source as {readonly [mapping]?: Mapping})[mapping]
}

function mapIterable<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  mapper: Mapper<I, T>,
  grouping: Grouping | undefined,
): Iterable<TaskFunction<T>> | AsyncIterable<TaskFunction<T>> {
  checkItems('items', items)
  handleRejections(items)
  return isAsyncIterable(items) ? new AsyncMapped(items, mapper, grouping) : new SyncMapped(items, mapper, grouping)
}

// Iterators written by hand and not generators: a generator could not be closed while it waits for an item.

class SyncMapped<I, T> implements Iterable<TaskFunction<T>> {
  readonly [mapping]: {
    readonly items: Iterable<I>
    readonly mapper: Mapper<I, T>
    readonly grouping: Grouping | undefined
  }

  constructor(items: Iterable<I>, mapper: Mapper<I, T>, grouping: Grouping | undefined) {
    this[mapping] = {items, mapper, grouping}
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
  readonly [mapping]: {
    readonly items: AsyncIterable<I>
    readonly mapper: Mapper<I, T>
    readonly grouping: Grouping | undefined
  }

  constructor(items: AsyncIterable<I>, mapper: Mapper<I, T>, grouping: Grouping | undefined) {
    this[mapping] = {items, mapper, grouping}
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
