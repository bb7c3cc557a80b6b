/** aio-tasks itself, in each way of using it. */
import {AsyncLocalStorage} from 'node:async_hooks'
import {type Channel, channel} from 'node:diagnostics_channel'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type Contender, Missing} from './contender.js'
import {tallyArray, tallyStream} from './work.js'

type Library = typeof import('../../../dist/index.js')
type Load = NonNullable<Contender['run']>

export function addressOf(build: string): string {
  return pathToFileURL(join(build, 'index.js')).href
}

async function library(build: string): Promise<Library> {
  return (await import(addressOf(build))) as Library
}

function used(
  id: string,
  call: string,
  how: Pick<Contender, 'streams' | 'isHotOnly' | 'run' | 'queue' | 'map'>,
): Contender {
  return {id, kind: 'ours', package: 'aio-tasks', call, ...how}
}

function forAwait(options: {readonly ordered?: boolean; readonly timeout?: number} = {}): Load {
  return async (build) => {
    const {ConcurrentRunner} = await library(build)
    return (tasks, limit) => tallyStream(new ConcurrentRunner(tasks, {limit, ...options}))
  }
}

const run: Load = async (build) => {
  const {ConcurrentRunner} = await library(build)
  return async (tasks, limit) => ({count: (await new ConcurrentRunner(tasks, {limit}).run()).succeeded})
}

const runHeard: Load = async (build) => {
  const {ConcurrentRunner} = await library(build)
  return async (tasks, limit) => {
    let [starts, count, sum, errors, drains] = [0, 0, 0, 0, 0]
    const runner = new ConcurrentRunner(tasks, {limit})
    runner.on('start', () => starts++)
    runner.on('result', (result) => {
      count++
      sum += result
    })
    runner.on('error', () => errors++)
    runner.on('drain', () => drains++)
    await runner.run()
    if (starts !== count || errors !== 0 || drains !== 1) throw new Error('An event is missing, or one too many')
    return {count, sum}
  }
}

const batches: Load = async (build) => {
  const {ConcurrentRunner} = await library(build)
  if (!('batches' in ConcurrentRunner.prototype)) throw new Missing('this build has no batches()')
  return async (tasks, limit) => {
    let [count, sum] = [0, 0]
    // Older builds, and so perhaps their types, have no batches().
    const runner: {limit: number; batches?: (max: number) => AsyncIterable<readonly number[]>} = new ConcurrentRunner(
      tasks,
      {limit},
    )
    for await (const batch of runner.batches?.(64) ?? []) {
      count += batch.length
      for (const result of batch) sum += result
    }
    return {count, sum}
  }
}

/** The channels on which attempts are told. Each contender has a process of its own, so nobody else hears them. */
function tracing(event: 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error'): Channel {
  return channel(`tracing:aio-tasks:task:${event}`)
}

/** As in a runtime that has no such module. */
const runUntraced: Load = (build) => {
  const original = process.getBuiltinModule.bind(process)
  process.getBuiltinModule = (id: string) => (id === 'node:diagnostics_channel' ? undefined : original(id))
  return run(build)
}

const runTraced: Load = (build) => {
  for (const event of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const) tracing(event).subscribe(() => {})
  return run(build)
}

/** What every use of a store costs, in tasks and promises, without any tracing. */
const runInStore: Load = async (build) => {
  const store = new AsyncLocalStorage<object>()
  const runAll = await run(build)
  return (tasks, limit) => store.run({}, () => runAll(tasks, limit))
}

const runBound: Load = async (build) => {
  const store = new AsyncLocalStorage<object>()
  const bound = {}
  tracing('start').bindStore(store, () => bound)
  const runAll = await run(build)
  return (tasks, limit) => store.run({}, () => runAll(tasks, limit))
}

export const ours: readonly Contender[] = [
  used('run', 'run()', {run}),
  used('run heard', 'run(), four listeners', {run: runHeard}),
  used('run untraced', 'run(), nothing to trace with', {isHotOnly: true, run: runUntraced}),
  used('run traced', 'run(), a subscriber of each channel', {isHotOnly: true, run: runTraced}),
  used('run in a store', 'run(), in a store', {isHotOnly: true, run: runInStore}),
  used('run bound', 'run(), in a store, another bound to start', {isHotOnly: true, run: runBound}),
  used('batches', 'batches(64)', {streams: true, run: batches}),
  used('for await', 'for await', {streams: true, run: forAwait()}),
  used('ordered', 'for await, ordered', {streams: true, run: forAwait({ordered: true})}),
  used('timeout', 'for await, timeout', {streams: true, run: forAwait({timeout: 10_000})}),
  used('toArray', 'toArray()', {
    run: async (build) => {
      const {ConcurrentRunner} = await library(build)
      return async (tasks, limit) => tallyArray(await new ConcurrentRunner(tasks, {limit}).toArray())
    },
    map: async (build) => {
      const {ConcurrentRunner} = await library(build)
      return (items, mapper, limit) => ConcurrentRunner.map(items, mapper, {limit}).toArray()
    },
  }),
  used('TaskQueue', 'TaskQueue.push', {
    queue: async (build) => {
      const {ConcurrentRunner, TaskQueue} = await library(build)
      return (limit) => {
        const queue = new TaskQueue<number>()
        const running = new ConcurrentRunner(queue, {limit}).run()
        const close = (): Promise<unknown> => {
          queue.close()
          return running
        }
        return {push: (task) => queue.push(task), close}
      }
    },
  }),
]
