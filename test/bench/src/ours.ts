/** aio-tasks itself, in each way of using it. */
import {join, resolve} from 'node:path'
import {pathToFileURL} from 'node:url'
import {type Contender, Missing} from './contender.js'
import {tallyArray, tallyStream} from './work.js'

type Library = typeof import('../../../dist/index.js')
type Options = {readonly ordered?: boolean; readonly timeout?: number}
type MayBatch = {readonly limit: number; batches?(max: number): AsyncIterable<readonly number[]>}

export function addressOf(build: string): string {
  return pathToFileURL(join(resolve(build), 'index.js')).href
}

async function library(build: string): Promise<Library> {
  return (await import(addressOf(build))) as Library
}

const stream =
  (options: Options = {}): NonNullable<Contender['run']> =>
  async (build) => {
    const {ConcurrentRunner} = await library(build)
    return (tasks, limit) => tallyStream(new ConcurrentRunner(tasks, {limit, ...options}))
  }

const runAll: NonNullable<Contender['run']> = async (build) => {
  const {ConcurrentRunner} = await library(build)
  return async (tasks, limit) => {
    const {succeeded} = await new ConcurrentRunner(tasks, {limit}).run()
    return {count: succeeded}
  }
}

const runHeard: NonNullable<Contender['run']> = async (build) => {
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

const batches: NonNullable<Contender['run']> = async (build) => {
  const {ConcurrentRunner} = await library(build)
  if (!('batches' in ConcurrentRunner.prototype)) throw new Missing('this build has no batches()')
  return async (tasks, limit) => {
    const runner: MayBatch = new ConcurrentRunner(tasks, {limit})
    let [count, sum] = [0, 0]
    for await (const batch of runner.batches?.(64) ?? []) {
      count += batch.length
      for (const result of batch) sum += result
    }
    return {count, sum}
  }
}

export const ours: ReadonlyArray<Omit<Contender, 'kind' | 'package'>> = [
  {id: 'run', call: 'run()', run: runAll},
  {id: 'run heard', call: 'run(), four listeners', run: runHeard},
  {id: 'batches', call: 'batches(64)', streams: true, run: batches},
  {id: 'for await', call: 'for await', streams: true, run: stream()},
  {id: 'ordered', call: 'for await, ordered', streams: true, run: stream({ordered: true})},
  {id: 'timeout', call: 'for await, timeout', streams: true, run: stream({timeout: 10_000})},
  {
    id: 'toArray',
    call: 'toArray()',
    run: async (build) => {
      const {ConcurrentRunner} = await library(build)
      return async (tasks, limit) => tallyArray(await new ConcurrentRunner(tasks, {limit}).toArray())
    },
    map: async (build) => {
      const {ConcurrentRunner} = await library(build)
      return (items, mapper, limit) => ConcurrentRunner.map(items, mapper, {limit}).toArray()
    },
  },
  {
    id: 'TaskQueue',
    call: 'TaskQueue.push',
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
  },
]
