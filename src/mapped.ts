/** Makes a source of tasks from plain items and what to do with each. */
import {checkFunction} from './options.js'
import {checkSource, handleRejections, isAsyncIterable, iteratorToClose} from './source.js'
import type {Items, Source, Task, TaskContext} from './types.js'

/** What is done with one item: gets the item and its task's context, and gives the result, or throws. */
export type Mapper<I, T> = (item: I, context: TaskContext) => T | PromiseLike<T>

/** A source of one task for each item: as lazy as the items, and closed as they would be. */
export function mapped<I, T>(items: Items<I>, mapper: Mapper<I, T>): Source<T> {
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
    return {done: false, value: (context) => mapper(value, context)}
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
