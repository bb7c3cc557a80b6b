/** Makes a source of tasks from plain items and what to do with each. */
import {checkFunction} from './options.js'
import {checkSource, handleRejections, isAsyncIterable, iteratorToClose} from './source.js'
import type {Items, Mapper, Source, Task, TaskContext} from './types.js'

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
  checkSource('items', items)
  checkFunction('mapper', mapper)
  return typeof items === 'function' ? (signal) => mappedIterable(items(signal), mapper) : mappedIterable(items, mapper)
}

function mappedIterable<I, T>(
  items: Iterable<I> | AsyncIterable<I>,
  mapper: Mapper<I, T>,
): IterableIterator<Task<T>> | AsyncIterableIterator<Task<T>> {
  checkSource('items', items)
  handleRejections(items)
  let opened: Iterator<I> | AsyncIterator<I> | undefined

  const toTask = (result: IteratorResult<I>): IteratorResult<Task<T>> => {
    if (typeof result !== 'object' || result === null || result.done) return result // the reader knows what to do with it
    const {value} = result
    return {done: false, value: (context) => mapper(value, context as TaskContext<I>)}
  }
  // Written by hand and not as a generator: a generator could not be closed while it waits for an item.
  const close = (): IteratorResult<Task<T>> => {
    const iterator = opened ?? iteratorToClose(items)
    return (iterator?.return?.() ?? {done: true, value: undefined}) as IteratorResult<Task<T>>
  }

  if (isAsyncIterable(items)) {
    const tasks: AsyncIterableIterator<Task<T>> = {
      next: async () => toTask(await (opened ??= items[Symbol.asyncIterator]()).next()),
      return: async () => close(),
      [Symbol.asyncIterator]: () => tasks,
    }
    return tasks
  }
  const tasks: IterableIterator<Task<T>> = {
    next: () => toTask(((opened ??= items[Symbol.iterator]()) as Iterator<I>).next()),
    return: close,
    [Symbol.iterator]: () => tasks,
  }
  return tasks
}
