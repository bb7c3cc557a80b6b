/** The producer's side: how long it takes until all results are there, with a worker in another process. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {fileURLToPath} from 'node:url'
import {remoteTasks} from '../../../../dist/bullmq/index.js'
import {ConcurrentRunner} from '../../../../dist/index.js'
import {Queue, QueueEvents} from './engine.js'
import {type Attempt, type Cost, meter} from './meter.js'
import type {RedisServer} from './redis.js'

const limit = 500
const name = 'producers'
/** For both: what they keep costs the same. */
const jobOptions = {removeOnComplete: {age: 3600, count: 10_000}, removeOnFail: {age: 86_400}}

export async function measureProducers(
  {connection}: RedisServer,
  jobs: number,
): Promise<{ours: Attempt; bare: Attempt; end: () => Promise<void>}> {
  const path = fileURLToPath(new URL('worker.js', import.meta.url))
  const worker = spawn(process.execPath, [path, name, `${connection.port}`], {stdio: ['ignore', 'pipe', 'inherit']})
  await once(worker.stdout, 'data') // it is ready
  return {ours, bare, end}

  async function ours(): Promise<Cost> {
    const cost = meter()
    const tasks = remoteTasks<number, number>(Array(jobs).keys(), {queue: name, connection, jobOptions})
    let sum = 0
    for await (const result of new ConcurrentRunner(tasks, {limit})) sum += result
    return check(sum, cost)
  }

  /** What one would write without the library: batches as large as the limit. */
  async function bare(): Promise<Cost> {
    const cost = meter()
    const queue = new Queue<number, number>(name, {connection})
    // From now on, and not from `$`, whenever that is: without it one round in some fifty waits for ever.
    const events = new QueueEvents(name, {connection, lastEventId: `${Date.now()}-0`})
    queue.setMaxListeners(limit) // waitUntilFinished adds one a job
    let sum = 0
    for (let at = 0; at < jobs; at += limit) {
      const batch = Array.from({length: Math.min(limit, jobs - at)}, (_, index) => at + index)
      const added = await queue.addBulk(batch.map((data) => ({name: 'task', data, opts: jobOptions})))
      const results = await Promise.all(added.map((job) => job.waitUntilFinished(events)))
      for (const result of results) sum += result
    }
    await Promise.all([queue.close(), events.close()])
    return check(sum, cost)
  }

  function check(sum: number, cost: () => Cost): Cost {
    if (sum !== jobs * (jobs - 1)) throw new Error(`the results add up to ${sum}`)
    return cost()
  }

  async function end(): Promise<void> {
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  }
}
