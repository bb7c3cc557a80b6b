/**
 * The faults that a run on Redis must survive, with real processes and real signals. Every test counts results: no result
 * is lost. Where jobs may run twice, the test prints how many did.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {RemoteJobError, type RemoteTasksOptions, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava, {type ExecutionContext} from 'ava'
import type {Queue} from 'bullmq'
import {Program, threeWorkers} from './helpers/program.js'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'
import {faults, short} from './programs/settings.js'

const test = ava.serial
const redis = useRedis()

/** Hands in numbers, and keeps each result or error. */
class Producer {
  readonly results: Array<number | ConcurrentError> = []
  readonly errors: Error[] = []
  readonly ended: Promise<void>

  constructor(queue: Queue, jobs: Iterable<number>, options: Partial<RemoteTasksOptions<number>> = {}) {
    this.ended = this.#run(queue, jobs, options)
  }

  async #run(queue: Queue, jobs: Iterable<number>, options: Partial<RemoteTasksOptions<number>>): Promise<void> {
    const tasks = remoteTasks<number, number>(jobs, {
      queue: queue.name,
      connection: redis.connection,
      checkInterval: 500,
      jobId: (number) => `job-${number}`,
      onError: (error) => this.errors.push(error),
      ...options,
    })
    for await (const result of new ConcurrentRunner(tasks, {limit: 200, yieldExceptions: true}))
      this.results.push(result)
  }

  /** Waits until this number of results is there. */
  got(count: number): Promise<void> {
    return until(() => this.results.length >= count)
  }
}

/** Each number has given its double, once. */
function assertComplete(t: ExecutionContext, results: ReadonlyArray<unknown>, count: number): void {
  t.is(results.length, count)
  const sorted = results.map(Number).sort((a, b) => a - b)
  t.deepEqual(
    sorted,
    range(count).map((number) => number * 2),
  )
}

/** Prints how many runs of handlers were superfluous. */
function noteReruns(t: ExecutionContext, programs: readonly Program[], count: number): number {
  const reruns = programs.flatMap((program) => program.all('run')).length - count
  t.log(`${count} jobs, ${reruns} run twice`)
  return reruns
}

test('kill -9 of one of three workers half-way: all results arrive, and only jobs of the killed worker run twice', async (t) => {
  const queue = queueOf(t, redis)
  const workers = await threeWorkers(t, {queue: queue.name, port: redis.port, ms: 100})
  const producer = new Producer(queue, range(1500))
  await producer.got(750)
  t.deepEqual(await workers[0]?.kill('SIGKILL'), {status: null, signal: 'SIGKILL'})
  await producer.ended
  assertComplete(t, producer.results, 1500)
  const reruns = noteReruns(t, workers, 1500)
  t.true(reruns <= 10, `${reruns}`)
  t.deepEqual(await countsOf(queue), {completed: 1500})
})

test('kill -9 and restart of Redis, three times: all results arrive', async (t) => {
  const queue = queueOf(t, redis)
  const workers = await threeWorkers(t, {queue: queue.name, port: redis.port})
  const producer = new Producer(queue, range(2000))
  for (const count of [400, 900, 1400]) {
    await producer.got(count)
    await redis.restart(100)
  }
  await producer.ended
  assertComplete(t, producer.results, 2000)
  noteReruns(t, workers, 2000)
  t.true(producer.errors.length > 0, 'the producer has heard of the lost connection')
})

test('the end of the file that Redis has written is lost: its jobs are added again, and all results arrive', async (t) => {
  const queue = queueOf(t, redis)
  const producer = new Producer(queue, range(1000))
  await until(async () => (await queue.getWaitingCount()) === 200)
  const workers = await threeWorkers(t, {queue: queue.name, port: redis.port})
  await producer.got(500)
  await redis.kill()
  redis.cut(100_000)
  await redis.up()
  await producer.ended
  assertComplete(t, producer.results, 1000)
  noteReruns(t, workers, 1000)
})

test('jobs that are lost before a worker has taken them are added again', async (t) => {
  const queue = queueOf(t, redis)
  const producer = new Producer(queue, range(100))
  await until(async () => (await queue.getWaitingCount()) === 100)
  await redis.kill()
  redis.cut(20_000)
  await redis.up()
  const left = await queue.getWaitingCount()
  t.true(left < 100, `${left} are left`)
  t.log(`${100 - left} of 100 jobs were lost`)
  await threeWorkers(t, {queue: queue.name, port: redis.port})
  await producer.ended
  assertComplete(t, producer.results, 100)
})

test('events are trimmed before they are read: all results are found by looking', async (t) => {
  const queue = queueOf(t, redis)
  await new Program(t, 'worker', {queue: queue.name, port: redis.port, limit: 50, ms: 1}).ready()
  const client = redis.client(t)
  // No producer receives events here, since they are deleted at once; the jobs are still there.
  const over = new AbortController()
  const trimming = (async () => {
    while (!over.signal.aborted) await client.xtrim(queue.toKey('events'), 'MAXLEN', 0)
  })()
  const producer = new Producer(queue, range(500), {checkInterval: 100})
  await producer.ended
  over.abort()
  await trimming
  assertComplete(t, producer.results, 500)
})

test('an event stream that keeps only 5 entries: all results arrive', async (t) => {
  const queue = queueOf(t, redis)
  await redis.client(t).hset(queue.toKey('meta'), 'opts.maxLenEvents', 5)
  await threeWorkers(t, {queue: queue.name, port: redis.port, ms: 1, limit: 50})
  const producer = new Producer(queue, range(1000))
  await producer.ended
  assertComplete(t, producer.results, 1000)
  t.true((await queue.getJobCountByTypes('completed')) === 1000)
})

test('a producer killed with -9 and started again with the same ids: each job runs once, and its result arrives', async (t) => {
  const queue = queueOf(t, redis)
  const settings = {queue: queue.name, port: redis.port, count: 600}
  const workers = await threeWorkers(t, settings)
  const killed = new Program(t, 'producer', settings)
  await until(() => killed.all('result').length >= 200)
  await killed.kill('SIGKILL')
  const again = new Program(t, 'producer', settings)
  t.deepEqual(await again.ended(), {status: 0, signal: null})
  assertComplete(t, again.all('result'), 600)
  t.is(noteReruns(t, workers, 600), 0)
})

test('a job that kills its worker fails after two runs, and all other jobs give their results', async (t) => {
  const queue = queueOf(t, redis)
  // The limit is one: BullMQ would also fail a job that ran beside this job, since that job would lose its worker twice
  // too.
  const settings = {queue: queue.name, port: redis.port, limit: 1}
  const workers = await threeWorkers(t, settings)
  const producer = new Producer(queue, [0, 1, 2, faults.kills, ...range(100).slice(3)])
  await until(() => workers.some((worker) => worker.all('run').includes(`job-${faults.kills}`)))
  await producer.ended
  const failures = producer.results.filter((result) => result instanceof ConcurrentError)
  t.is(failures.length, 1)
  const {cause} = failures[0] ?? {}
  t.true(cause instanceof RemoteJobError)
  t.like(cause, {jobId: `job-${faults.kills}`, failedReason: 'job stalled more than allowable limit'})
  assertComplete(
    t,
    producer.results.filter((result) => typeof result === 'number'),
    100,
  )
  const runs = workers.flatMap((worker) => worker.all('run')).filter((id) => id === `job-${faults.kills}`)
  t.is(runs.length, 2)
})

test('a worker that is blocked loses its locks: its jobs run elsewhere, and each gives one result', async (t) => {
  const queue = queueOf(t, redis)
  const settings = {queue: queue.name, port: redis.port, limit: 2}
  const workers = await threeWorkers(t, settings)
  const producer = new Producer(queue, [faults.blocks, ...range(50)])
  await producer.ended
  t.is(producer.results.length, 51)
  assertComplete(t, producer.results.filter((result) => result !== faults.blocks * 2).slice(0, 50), 50)
  const runs = workers.flatMap((worker) => worker.all('run')).filter((id) => id === `job-${faults.blocks}`)
  t.log(`the job that blocks ran ${runs.length} times`)
  t.true(runs.length >= 2)
  for (const worker of workers) await worker.kill('SIGTERM')
  t.is((await countsOf(queue))['active'], undefined)
})

test('the signal of a handler aborts when its job has lost its lock, and the task fails', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const reasons: unknown[] = []
  let runs = 0
  const jobs = workerTasks<number, number>(
    queue.name,
    async ({data}, signal) => {
      if (++runs === 1) await sleep(60_000, undefined, {signal}).finally(() => reasons.push(signal.reason))
      return data * 2
    },
    {connection: redis.connection, workerOptions: short, onError: () => {}},
  )
  const worker = new ConcurrentRunner(jobs, {limit: 5, yieldExceptions: true})
  const running = worker.run()
  const producer = new Producer(queue, [1])
  await until(() => runs === 1)
  await client.del(`${queue.toKey('job-1')}:lock`)
  await producer.ended
  t.deepEqual(producer.results, [2])
  t.deepEqual(reasons.map(String), ['LostJobError: The lock of job job-1 was lost: another worker may be running it'])
  await worker.stop()
  t.like(await running, {started: 2, failed: 1, succeeded: 1})
  t.deepEqual(await countsOf(queue), {completed: 1})
})
