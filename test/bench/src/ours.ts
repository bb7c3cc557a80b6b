/** aio-tasks itself, in each way of using it. */
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

function used(id: string, call: string, how: Pick<Contender, 'streams' | 'run' | 'queue' | 'map'>): Contender {
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

export const ours: readonly Contender[] = [
  used('run', 'run()', {run}),
  used('run heard', 'run(), four listeners', {run: runHeard}),
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
