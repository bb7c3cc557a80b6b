/** The peers. Each imports its package only when it is measured. */
import {Readable} from 'node:stream'
import type {Contender, Open} from './contender.js'
import {type Task, tallyArray, tallyStream} from './work.js'

interface Adds {
  add(task: Task): Promise<number>
}

function opensPQueue(PQueue: new (options: {concurrency: number}) => Adds): Open {
  return (concurrency) => {
    const queue = new PQueue({concurrency})
    return {push: (task) => queue.add(task)}
  }
}

export const peers: ReadonlyArray<Omit<Contender, 'kind'>> = [
  {
    id: 'p-map',
    call: 'pMap',
    run: async () => {
      const {default: pMap} = await import('p-map')
      return async (tasks, concurrency) => tallyArray(await pMap(tasks, (task) => task(), {concurrency}))
    },
    map: async () => {
      const {default: pMap} = await import('p-map')
      return (items, mapper, concurrency) => pMap(items, mapper, {concurrency})
    },
  },
  {
    id: 'async',
    call: 'mapLimit',
    run: async () => {
      const {mapLimit} = await import('async')
      // It tells an async function from one with a callback by its kind, so it must be one.
      return async (tasks, limit) =>
        tallyArray(await mapLimit<Task, number>(tasks, limit, async (task: Task) => task()))
    },
    map: async () => {
      const {mapLimit} = await import('async')
      return (items, mapper, limit) => mapLimit<number, number>(items, limit, async (item: number) => mapper(item))
    },
  },
  {
    id: '@supercharge/promise-pool',
    call: 'process',
    run: async () => {
      const {PromisePool} = await import('@supercharge/promise-pool')
      return async (tasks, limit) => {
        const pool = PromisePool.for(tasks).withConcurrency(limit)
        const {results} = await pool.process((task) => task())
        return tallyArray(results)
      }
    },
  },
  {
    id: 'pMapIterable',
    package: 'p-map',
    call: 'pMapIterable',
    streams: true,
    run: async () => {
      const {pMapIterable} = await import('p-map')
      return (tasks, concurrency) => tallyStream(pMapIterable(tasks, (task) => task(), {concurrency}))
    },
  },
  {
    id: 'streaming-iterables',
    call: 'transform',
    streams: true,
    run: async () => {
      const {transform} = await import('streaming-iterables')
      return (tasks, limit) => tallyStream(transform(limit, (task: Task) => task(), tasks))
    },
  },
  {
    id: 'it-parallel',
    call: 'parallel',
    streams: true,
    run: async () => {
      const {default: parallel} = await import('it-parallel')
      return (tasks, concurrency) => tallyStream(parallel(tasks, {concurrency}))
    },
  },
  {
    id: 'rxjs',
    fewer: 20_000,
    call: 'mergeMap',
    streams: true,
    run: async () => {
      const {from, mergeMap} = await import('rxjs')
      return (tasks, limit) =>
        new Promise((resolve, reject) => {
          let [count, sum] = [0, 0]
          from(tasks)
            .pipe(mergeMap((task) => task(), limit))
            .subscribe({
              next: (result) => {
                count++
                sum += result
              },
              error: reject,
              complete: () => resolve({count, sum}),
            })
        })
    },
  },
  {
    id: 'Readable.map',
    package: 'node',
    call: 'Readable.map',
    streams: true,
    run: async () => (tasks, concurrency) =>
      tallyStream(Readable.from(tasks).map((task: Task) => task(), {concurrency})),
  },
  {
    id: 'effect stream',
    package: 'effect',
    call: 'Stream.mapEffect',
    streams: true,
    run: async () => {
      const {Effect, Stream} = await import('effect')
      return async (tasks, concurrency) => {
        let count = 0
        const sum = await Stream.fromIterable(tasks).pipe(
          Stream.mapEffect((task) => Effect.promise(task), {concurrency, unordered: true}),
          Stream.runFold(
            () => 0,
            (total, result) => {
              count++
              return total + result
            },
          ),
          Effect.runPromise,
        )
        return {count, sum}
      }
    },
  },
  {
    id: 'effect semaphore',
    package: 'effect',
    call: 'Semaphore.withPermit',
    fewer: 5000,
    queue: async () => {
      const {Effect, Semaphore} = await import('effect')
      return (limit) => {
        const semaphore = Semaphore.makeUnsafe(limit)
        return {push: (task) => Effect.runPromise(semaphore.withPermit(Effect.promise(task)))}
      }
    },
  },
  {
    id: '@henrygd/queue',
    call: 'add',
    queue: async () => {
      const {newQueue} = await import('@henrygd/queue')
      return (limit) => {
        const queue = newQueue(limit)
        return {push: (task) => queue.add(task)}
      }
    },
  },
  {
    id: 'p-queue',
    call: 'add',
    queue: async () => opensPQueue((await import('p-queue')).default),
  },
  {
    id: 'p-queue-9', // the newest version that says that it supports Node 20
    call: 'add',
    queue: async () => opensPQueue((await import('p-queue-9')).default),
  },
  {
    id: 'p-limit',
    call: 'limit',
    queue: async () => {
      const {default: pLimit} = await import('p-limit')
      return (limit) => ({push: pLimit(limit)})
    },
  },
  {
    id: 'fastq',
    call: 'promise().push',
    queue: async () => {
      const {promise} = await import('fastq')
      return (limit) => {
        const queue = promise<unknown, Task, number>((task) => task(), limit)
        return {push: (task) => queue.push(task)}
      }
    },
  },
  {
    id: 'es-toolkit',
    call: 'limitAsync',
    queue: async () => {
      const {limitAsync} = await import('es-toolkit')
      return (limit) => ({push: limitAsync((task: Task) => task(), limit)})
    },
  },
  {
    id: 'bottleneck',
    call: 'schedule',
    queue: async () => {
      const {default: Bottleneck} = await import('bottleneck')
      return (maxConcurrent) => {
        const limiter = new Bottleneck({maxConcurrent})
        return {push: (task) => limiter.schedule(task)}
      }
    },
  },
]
