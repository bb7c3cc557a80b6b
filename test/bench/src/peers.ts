/** The peers. Each imports its package only when it is measured. */
import {Readable} from 'node:stream'
import type {Contender, MapAll, Open, Run} from './contender.js'
import {type Task, tallyArray, tallyStream} from './work.js'

type Load<T> = () => Promise<T>

const invoke = (task: Task): Promise<number> => task()

/** A peer that gives results while it runs. */
function streams(id: string, call: string, run: Load<Run>, more: Partial<Contender> = {}): Contender {
  return {id, kind: 'peer', package: id, call, streams: true, run, ...more}
}

/** A peer that gives all results at its end. */
function collects(id: string, call: string, run: Load<Run>, map?: Load<MapAll>): Contender {
  return {id, kind: 'peer', package: id, call, run, ...(map && {map})}
}

/** A peer whose tasks are pushed. */
function pushes(id: string, call: string, queue: Load<Open>, more: Partial<Contender> = {}): Contender {
  return {id, kind: 'peer', package: id, call, queue, ...more}
}

function opensPQueue(PQueue: new (options: {concurrency: number}) => {add: (task: Task) => Promise<number>}): Open {
  return (concurrency) => {
    const queue = new PQueue({concurrency})
    return {push: (task) => queue.add(task)}
  }
}

export const peers: readonly Contender[] = [
  collects(
    'p-map',
    'pMap',
    async () => {
      const {default: pMap} = await import('p-map')
      return async (tasks, concurrency) => tallyArray(await pMap(tasks, invoke, {concurrency}))
    },
    async () => {
      const {default: pMap} = await import('p-map')
      return (items, mapper, concurrency) => pMap(items, mapper, {concurrency})
    },
  ),
  collects('async', 'mapLimit', async () => {
    const {mapLimit} = await import('async')
    // It tells an async function from a function with a callback by its kind, so `invoke` does not do.
    return async (tasks, limit) => tallyArray(await mapLimit<Task, number>(tasks, limit, async (task: Task) => task()))
  }),
  collects('@supercharge/promise-pool', 'process', async () => {
    const {PromisePool} = await import('@supercharge/promise-pool')
    return async (tasks, limit) =>
      tallyArray((await PromisePool.for(tasks).withConcurrency(limit).process(invoke)).results)
  }),
  streams(
    'pMapIterable',
    'pMapIterable',
    async () => {
      const {pMapIterable} = await import('p-map')
      return (tasks, concurrency) => tallyStream(pMapIterable(tasks, invoke, {concurrency}))
    },
    {package: 'p-map'},
  ),
  streams('streaming-iterables', 'transform', async () => {
    const {transform} = await import('streaming-iterables')
    return (tasks, limit) => tallyStream(transform(limit, invoke, tasks))
  }),
  streams('it-parallel', 'parallel', async () => {
    const {default: parallel} = await import('it-parallel')
    return (tasks, concurrency) => tallyStream(parallel(tasks, {concurrency}))
  }),
  streams(
    'rxjs',
    'mergeMap',
    async () => {
      const {from, lastValueFrom, mergeMap, reduce} = await import('rxjs')
      const tally = reduce(({count, sum}, result: number) => ({count: count + 1, sum: sum + result}), {
        count: 0,
        sum: 0,
      })
      return (tasks, limit) => lastValueFrom(from(tasks).pipe(mergeMap(invoke, limit), tally))
    },
    {fewer: 20_000},
  ),
  streams(
    'Readable.map',
    'Readable.map',
    async () => (tasks, concurrency) => tallyStream(Readable.from(tasks).map(invoke, {concurrency})),
    {package: 'node'},
  ),
  streams(
    'effect stream',
    'Stream.mapEffect',
    async () => {
      const {Effect, Stream} = await import('effect')
      return (tasks, concurrency) =>
        Stream.fromIterable(tasks).pipe(
          Stream.mapEffect((task) => Effect.promise(task), {concurrency, unordered: true}),
          Stream.runFold(
            () => ({count: 0, sum: 0}),
            ({count, sum}, result) => ({count: count + 1, sum: sum + result}),
          ),
          Effect.runPromise,
        )
    },
    {package: 'effect'},
  ),
  pushes(
    'effect',
    'Semaphore.withPermit',
    async () => {
      const {Effect, Semaphore} = await import('effect')
      return (limit) => {
        const semaphore = Semaphore.makeUnsafe(limit)
        return {push: (task) => Effect.runPromise(semaphore.withPermit(Effect.promise(task)))}
      }
    },
    {fewer: 5000},
  ),
  pushes('@henrygd/queue', 'add', async () => {
    const {newQueue} = await import('@henrygd/queue')
    return (limit) => {
      const queue = newQueue(limit)
      return {push: (task) => queue.add(task)}
    }
  }),
  pushes('p-queue', 'add', async () => opensPQueue((await import('p-queue')).default)),
  // The newest version that says that it supports Node 20.
  pushes('p-queue-9', 'add', async () => opensPQueue((await import('p-queue-9')).default)),
  pushes('p-limit', 'limit', async () => {
    const {default: pLimit} = await import('p-limit')
    return (limit) => ({push: pLimit(limit)})
  }),
  pushes('fastq', 'promise().push', async () => {
    const {promise} = await import('fastq')
    return (limit) => {
      const queue = promise<unknown, Task, number>(invoke, limit)
      return {push: (task) => queue.push(task)}
    }
  }),
  pushes('es-toolkit', 'limitAsync', async () => {
    const {limitAsync} = await import('es-toolkit')
    return (limit) => ({push: limitAsync(invoke, limit)})
  }),
  pushes(
    'bottleneck',
    'schedule',
    async () => {
      const {default: Bottleneck} = await import('bottleneck')
      return (maxConcurrent) => {
        const limiter = new Bottleneck({maxConcurrent})
        return {push: (task) => limiter.schedule(task)}
      }
    },
    {fewer: 500}, // it sets a timer for each
  ),
]
