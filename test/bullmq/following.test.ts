/** Jobs follow the runner: its limit, its pause and its consumer decide how many jobs a worker holds. */
import {ConcurrentRunner} from 'aio-tasks'
import {workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import type {Queue} from 'bullmq'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

/** A worker whose jobs end when the test says so. */
class Held {
  readonly started: string[] = []
  readonly #ends = new Map<string, () => void>()
  readonly source: ReturnType<typeof workerTasks<number, string>>

  constructor(queue: Queue) {
    this.source = workerTasks<number, string>(
      queue.name,
      ({id = ''}) => {
        this.started.push(id)
        return new Promise<string>((resolve) => this.#ends.set(id, () => resolve(id)))
      },
      {connection: redis.connection},
    )
  }

  /** Ends the running jobs, or some of them. */
  end(count = Infinity): void {
    for (const [id, end] of [...this.#ends].slice(0, count)) {
      this.#ends.delete(id)
      end()
    }
  }
}

async function filled(queue: Queue, count: number): Promise<void> {
  await queue.addBulk(range(count).map((data) => ({name: 'task', data, opts: {jobId: `job-${data}`}})))
}

test('a worker takes as many jobs as the limit says, and a higher limit takes more before any job has ended', async (t) => {
  const queue = queueOf(t, redis)
  await filled(queue, 30)
  const held = new Held(queue)
  const runner = new ConcurrentRunner(held.source, {limit: 3})
  const running = runner.run()
  await until(() => held.started.length === 3)
  t.is(await queue.getActiveCount(), 3)
  runner.limit = 12
  await until(() => held.started.length === 12)
  t.is(await queue.getActiveCount(), 12)
  runner.limit = 2
  held.end(4)
  // Jobs that were fetched ahead go back within about a second.
  await until(async () => (await queue.getActiveCount()) === 8)
  t.is(held.started.length, 12)
  const stopped = runner.stop()
  held.end()
  await stopped
  await running
  t.deepEqual(await countsOf(queue), {completed: 12, waiting: 18})
})

test('a paused runner leaves jobs to other machines, even jobs that come while the runner is idle', async (t) => {
  const queue = queueOf(t, redis)
  const idle = new Held(queue)
  const paused = new ConcurrentRunner(idle.source, {limit: 5})
  const running = paused.run()
  await filled(queue, 1)
  await until(() => idle.started.length === 1)
  idle.end()
  await until(async () => (await queue.getCompletedCount()) === 1)
  paused.pause()
  await queue.addBulk(range(20).map((data) => ({name: 'task', data, opts: {jobId: `late-${data}`}})))
  const other = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection}),
    {limit: 5},
  )
  const others: unknown[] = []
  for await (const result of other) if (others.push(result) === 20) break
  t.is(idle.started.length, 1)
  await other.drained
  await queue.add('task', 1, {jobId: 'last'})
  paused.resume()
  await until(() => idle.started.includes('last'))
  idle.end()
  await paused.stop()
  await running
})

test('while a consumer takes no results, the worker holds only the jobs whose results wait', async (t) => {
  const queue = queueOf(t, redis)
  await filled(queue, 20)
  const jobs = workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection})
  const runner = new ConcurrentRunner(jobs, {limit: 2, highWaterMark: 2})
  await runner.next()
  // The other jobs are in the queue, for other machines.
  await until(async () => (await queue.getActiveCount()) === 0 && (await queue.getCompletedCount()) >= 3)
  t.true((await queue.getWaitingCount()) >= 14)
  await runner.return()
  await runner.drained
  t.is((await countsOf(queue))['active'], undefined)
})

test('a burst after a pause is taken as fast as before', async (t) => {
  const queue = queueOf(t, redis)
  const jobs = workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection})
  const runner = new ConcurrentRunner(jobs, {limit: 10})
  let count = 0
  runner.on('result', () => void count++)
  const running = runner.run()
  for (const total of [50, 100, 150]) {
    await queue.addBulk(range(50).map((data) => ({name: 'task', data})))
    await until(() => count === total)
    runner.pause()
    await until(async () => (await queue.getActiveCount()) === 0)
    runner.resume()
  }
  await runner.stop()
  await running
  t.deepEqual(await countsOf(queue), {completed: 150})
})
