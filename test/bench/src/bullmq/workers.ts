/** The worker's side: how long a queue full of jobs takes. */
import {setTimeout as sleep} from 'node:timers/promises'
import {workerTasks} from '../../../../dist/bullmq/index.js'
import {ConcurrentRunner} from '../../../../dist/index.js'
import {Queue, Worker} from './engine.js'
import {type Attempt, type Cost, meter} from './meter.js'
import type {RedisServer} from './redis.js'

const concurrency = 50

/** @param hasSignal Whether the handlers ask for a signal, which costs both sides something. */
export function measureWorkers(
  {connection}: RedisServer,
  jobs: number,
  ms: number,
  hasSignal = false,
): {ours: Attempt; bare: Attempt} {
  const work = ms === 0 ? async (): Promise<number> => 1 : (): Promise<number> => sleep(ms, 1)
  const plain = (_job: unknown): Promise<number> => work()
  const handler = hasSignal ? (_job: unknown, _signal: unknown) => work() : plain
  const processor = hasSignal ? (_job: unknown, _token: unknown, _signal: unknown) => work() : plain
  return {
    ours: () =>
      timed(async (name, count) => {
        const source = workerTasks(name, handler, {connection})
        source.worker.on('completed', count)
        const runner = new ConcurrentRunner(source, {limit: concurrency, yieldExceptions: true})
        void runner.run()
        return () => runner.stop()
      }),
    bare: () =>
      timed(async (name, count) => {
        const worker = new Worker(name, processor, {connection, concurrency})
        worker.on('completed', count)
        return () => worker.close()
      }),
  }

  /** From when a worker is made until the last job has been handed in. */
  async function timed(start: (name: string, count: () => void) => Promise<() => Promise<unknown>>): Promise<Cost> {
    const name = `workers-${Math.random()}`
    const queue = new Queue(name, {connection})
    await queue.addBulk(Array.from({length: jobs}, (_, data) => ({name: 'task', data})))
    let completed = 0
    const cost = meter()
    let close: (() => Promise<unknown>) | undefined
    await new Promise<void>((resolve, reject) => {
      const count = (): void => {
        if (++completed === jobs) resolve()
      }
      start(name, count).then((closer) => {
        close = closer
        return undefined
      }, reject)
    })
    const elapsed = cost()
    await close?.()
    await queue.obliterate({force: true})
    await queue.close()
    return elapsed
  }
}
