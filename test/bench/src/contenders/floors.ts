/** What the work costs without any library. */
import type {Tally, Task, TaskSource} from '../work.js'
import {type Contender, isAsync, tallyStream} from './contender.js'

/** The pool that everybody writes by hand: workers that share one iterator. */
async function loop(source: TaskSource, limit: number): Promise<Tally> {
  let count = 0
  let sum = 0
  const worker = isAsync(source) ? asyncWorker(source) : syncWorker(source)
  await Promise.all(Array.from({length: limit}, worker))
  return {count, sum}

  function syncWorker(tasks: Iterable<Task>): () => Promise<void> {
    const iterator = tasks[Symbol.iterator]()
    return async () => {
      for (let next = iterator.next(); !next.done; next = iterator.next()) {
        const result = await next.value()
        count++
        sum += result
      }
    }
  }

  function asyncWorker(tasks: AsyncIterable<Task>): () => Promise<void> {
    const iterator = tasks[Symbol.asyncIterator]()
    return async () => {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        const result = await next.value()
        count++
        sum += result
      }
    }
  }
}

async function* oneByOne(source: TaskSource): AsyncGenerator<number, void, undefined> {
  if (isAsync(source)) for await (const task of source) yield await task()
  else for (const task of source) yield await task()
}

export const floors: readonly Contender[] = [
  {
    id: 'loop',
    kind: 'floor',
    call: 'loop: workers that share an iterator',
    takes: 'any source',
    cannot: (source, limit) =>
      source === 'async' && limit > 10_000
        ? 'so many workers that call next() at once take a generator minutes: it walks through all calls for each'
        : undefined,
    run: loop,
  },
  {
    id: 'sequential',
    kind: 'floor',
    call: 'sequential: for await, one by one',
    takes: 'any source',
    run: (source) => tallyStream(oneByOne(source)),
  },
]
