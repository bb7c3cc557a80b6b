/**
 * However a run ends: no job stays active, waiting jobs go back, connections are closed, and processes end by
 * themselves.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {Redis} from 'ioredis'
import {Program} from './helpers/program.js'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'
import type {Settings} from './programs/settings.js'

const test = ava.serial
const redis = useRedis()

/** The connections to the Redis, without the connection of the asking client. */
async function connectionsOf(client: Redis, ours: number): Promise<number> {
  const list = (await client.client('LIST')) as string
  return list.trim().split('\n').length - ours
}

// The worker's side, in this process

for (const [title, end, isGraceful] of [
  ['stop()', (runner: ConcurrentRunner<number | undefined>) => runner.stop(), true],
  ['return()', (runner: ConcurrentRunner<number | undefined>) => runner.return(), false],
  ['abort()', (runner: ConcurrentRunner<number | undefined>) => runner.abort(), false],
  [
    'stop() with a timeout that passes',
    (runner: ConcurrentRunner<number | undefined>) => runner.stop({timeout: 20}),
    false,
  ],
] as const)
  test(`a busy worker that ends by ${title}: ${isGraceful ? 'running jobs finish' : 'running jobs go back'}, and waiting jobs go back`, async (t) => {
    const queue = queueOf(t, redis)
    await queue.addBulk(range(10).map((data) => ({name: 'task', data, opts: {jobId: `job-${data}`, attempts: 1}})))
    const seen: string[] = []
    const jobs = workerTasks<number, number>(
      queue.name,
      async ({id, data}, signal) => {
        seen.push(id ?? '')
        await sleep(isGraceful ? 100 : 60_000, undefined, {signal})
        return data
      },
      {connection: redis.connection},
    )
    const runner = new ConcurrentRunner(jobs, {limit: 2})
    const running = runner.run().catch(() => {})
    await until(async () => seen.length === 2 && (await queue.getActiveCount()) === 2)
    void end(runner)
    await running
    await runner.drained // past its deadline stop() no longer waits for running tasks
    t.is(runner.state, 'drained')
    t.is(seen.length, 2)
    t.deepEqual(await countsOf(queue), isGraceful ? {completed: 2, waiting: 8} : {waiting: 10})
    // No run counts as an attempt, and no job is left that would stall.
    const again = new ConcurrentRunner(
      workerTasks<number, number>(queue.name, ({data, attemptsMade}) => data * 10 + attemptsMade, {
        connection: redis.connection,
      }),
    )
    const results: Array<number | undefined> = []
    for await (const result of again) if (results.push(result) === (isGraceful ? 8 : 10)) break
    t.is(new Set(results).size, results.length)
    t.true(results.every((result) => Number(result) % 10 === 0))
    await again.drained
    t.deepEqual(await countsOf(queue), {completed: 10})
  })

test('an idle worker that is stopped, or left, closes its connections at once', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  await queue.waitUntilReady()
  const ours = await connectionsOf(client, 0)
  for (const end of ['stop', 'return', 'abort'] as const) {
    const jobs = workerTasks(queue.name, () => 1, {connection: redis.connection})
    const runner = new ConcurrentRunner(jobs)
    const running = runner.run().catch(() => {})
    await jobs.worker.waitUntilReady()
    t.is(await connectionsOf(client, ours), 2)
    void runner[end]()
    await running
    t.is(await connectionsOf(client, ours), 0, end)
  }
})

test('a failing job that ends the run fails; the other running jobs go back', async (t) => {
  const queue = queueOf(t, redis)
  await queue.addBulk(range(4).map((data) => ({name: 'task', data})))
  let started = 0
  const jobs = workerTasks<number, number>(
    queue.name,
    async ({data}, signal) => {
      if (++started === 4) throw new Error('the last')
      await sleep(60_000, undefined, {signal})
      return data
    },
    {connection: redis.connection},
  )
  await t.throwsAsync(new ConcurrentRunner(jobs, {limit: 4}).run(), {message: /the last/})
  t.deepEqual(await countsOf(queue), {failed: 1, waiting: 3})
})

test('the signal of the worker ends the run gracefully', async (t) => {
  const queue = queueOf(t, redis)
  await queue.addBulk(range(5).map((data) => ({name: 'task', data})))
  const controller = new AbortController()
  const jobs = workerTasks<number, number>(queue.name, ({data}) => sleep(50, data), {
    connection: redis.connection,
    signal: controller.signal,
  })
  const runner = new ConcurrentRunner(jobs, {limit: 3})
  runner.on('start', ({index}) => index === 2 && controller.abort())
  t.like(await runner.run(), {succeeded: 3, failed: 0})
  t.deepEqual(await countsOf(queue), {completed: 3, waiting: 2})
})

test('a BullMQ worker that the user closes ends the run gracefully', async (t) => {
  const queue = queueOf(t, redis)
  await queue.add('task', 1)
  const jobs = workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection})
  const runner = new ConcurrentRunner(jobs)
  runner.on('result', () => void jobs.worker.close())
  t.like(await runner.run(), {succeeded: 1})
  t.deepEqual(await countsOf(queue), {completed: 1})
})

test('a source that is closed before its first pull has opened no connection', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  await queue.waitUntilReady()
  const ours = await connectionsOf(client, 0)
  const {connection} = redis
  const sources = [workerTasks(queue.name, () => 1, {connection}), remoteTasks([1], {queue: queue.name, connection})]
  for (const source of sources) {
    t.deepEqual(await source.return?.(), {done: true, value: undefined})
    t.deepEqual(await source.next(), {done: true, value: undefined})
  }
  t.is(await connectionsOf(client, ours), 0)
})

// The producer's side, in this process

for (const end of ['return', 'abort'] as const)
  test(`a producer that ends by ${end}(): waiting jobs are withdrawn, the running job finishes`, async (t) => {
    const queue = queueOf(t, redis)
    const client = redis.client(t)
    await queue.waitUntilReady()
    const ours = await connectionsOf(client, 0)
    const tasks = remoteTasks(range(100), {queue: queue.name, connection: redis.connection})
    const runner = new ConcurrentRunner(tasks, {limit: 10})
    const running = runner.run().catch(() => {})
    await until(async () => (await queue.getWaitingCount()) === 10)
    let finish: (() => void) | undefined
    const worker = new ConcurrentRunner(
      workerTasks(queue.name, () => new Promise<void>((resolve) => (finish = resolve)), {
        connection: redis.connection,
      }),
      {limit: 1},
    )
    const working = worker.run()
    await until(() => finish !== undefined)
    void runner[end]()
    await running
    t.is(await connectionsOf(client, ours), 2, 'the worker’s are left')
    t.deepEqual(await countsOf(queue), {active: 1})
    finish?.()
    void worker.stop()
    await working
    t.deepEqual(await countsOf(queue), {completed: 1})
    t.is(await connectionsOf(client, ours), 0)
  })

test('a producer that is stopped waits for its jobs, and hands in no further job', async (t) => {
  const queue = queueOf(t, redis)
  const tasks = remoteTasks<number, number>(range(100), {queue: queue.name, connection: redis.connection})
  const runner = new ConcurrentRunner(tasks, {limit: 10})
  const results = runner.toArray()
  await until(async () => (await queue.getWaitingCount()) === 10)
  void runner.stop()
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection}),
  )
  const working = worker.run()
  t.is((await results).length, 10)
  await worker.stop()
  await working
  t.deepEqual(await countsOf(queue), {completed: 10})
})

test('a source of jobs that is stuck while it produces the next job keeps nothing open', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  await queue.waitUntilReady()
  const ours = await connectionsOf(client, 0)
  async function* stuck(): AsyncGenerator<number> {
    yield 1
    await new Promise(() => {})
  }
  const tasks = remoteTasks(stuck(), {queue: queue.name, connection: redis.connection})
  const runner = new ConcurrentRunner(tasks)
  const running = runner.run().catch(() => {})
  await until(async () => (await queue.getWaitingCount()) === 1)
  runner.abort()
  await running
  t.is(await connectionsOf(client, ours), 0)
  t.deepEqual(await countsOf(queue), {})
})

test('a client that the user gives stays open, on both sides', async (t) => {
  const queue = queueOf(t, redis)
  const connection = new Redis({...redis.connection, maxRetriesPerRequest: null})
  t.teardown(() => connection.disconnect())
  const worker = new ConcurrentRunner(workerTasks<number, number>(queue.name, ({data}) => data, {connection}))
  const working = worker.run()
  const results = await new ConcurrentRunner(remoteTasks<number, number>([1, 2], {queue: queue.name, connection}), {
    ordered: true,
  }).toArray()
  t.deepEqual(results, [1, 2])
  await worker.stop()
  await working
  t.is(await connection.ping(), 'PONG')
})

// Processes

const settings = (name: string, more: Partial<Settings> = {}): Settings => ({queue: name, port: redis.port, ...more})

for (const ending of ['stop', 'return', 'abort'] as const) {
  test(`SIGTERM to an idle worker whose answer is ${ending}(): it ends by itself`, async (t) => {
    const queue = queueOf(t, redis)
    const worker = await new Program(t, 'worker', settings(queue.name, {ending})).ready()
    t.deepEqual(await worker.kill('SIGTERM'), {status: 0, signal: null})
    t.is(worker.lines.at(-1), 'drained')
    t.is(worker.errors, '')
  })

  test(`SIGTERM to a busy worker whose answer is ${ending}(): no job is active, and it ends by itself`, async (t) => {
    const queue = queueOf(t, redis)
    await queue.addBulk(range(400).map((data) => ({name: 'task', data, opts: {jobId: `job-${data}`}})))
    const busy = settings(queue.name, {ending, ms: 20})
    const worker = new Program(t, 'worker', busy)
    await until(() => worker.all('run').length >= 100)
    t.deepEqual(await worker.kill('SIGTERM'), {status: 0, signal: null})
    t.is(worker.errors, '')
    const runs = worker.all('run')
    const {completed = 0, waiting = 0, ...others} = await countsOf(queue)
    t.deepEqual(others, {})
    t.is(completed + waiting, 400)
    t.true(waiting > 0, 'it was in the middle of it')
    t.is(new Set(runs).size, runs.length)
    // A handler that obeys its signal has given its job back; all other handlers have finished.
    if (ending !== 'abort') t.is(completed, runs.length)
    const next = await new Program(t, 'worker', busy).ready()
    await until(async () => (await queue.getCompletedCount()) === 400)
    await next.kill('SIGTERM')
    if (ending !== 'abort') t.is(new Set([...runs, ...next.all('run')]).size, runs.length + next.all('run').length)
  })
}

for (const ending of ['stop', 'abort'] as const)
  test(`SIGTERM to a producer whose answer is ${ending}(): it ends by itself, and leaves no waiting job`, async (t) => {
    const queue = queueOf(t, redis)
    const worker = await new Program(t, 'worker', settings(queue.name, {ms: 20})).ready()
    const producer = new Program(t, 'producer', settings(queue.name, {count: 5000, ending}))
    await until(() => producer.all('result').length >= 50)
    t.deepEqual(await producer.kill('SIGTERM'), {status: 0, signal: null})
    t.is(producer.lines.at(-1), 'drained')
    t.is(await queue.getWaitingCount(), 0)
    await worker.kill('SIGTERM')
    const {completed = 0, ...others} = await countsOf(queue)
    t.deepEqual(others, {})
    const results = producer.all('result').length
    if (ending === 'stop') t.is(results, completed)
    else t.true(completed >= results && completed < 5000)
  })

// Without Redis

test('a worker and a producer that are aborted while Redis is gone end by themselves all the same', async (t) => {
  const queue = queueOf(t, redis)
  const worker = await new Program(t, 'worker', settings(queue.name, {ending: 'abort', ms: 60_000})).ready()
  const producer = new Program(t, 'producer', settings(queue.name, {count: 100, ending: 'abort'}))
  await until(() => worker.all('run').length === 10)
  await redis.kill()
  const [workerEnd, producerEnd] = await Promise.all([worker.kill('SIGTERM'), producer.kill('SIGTERM')])
  t.deepEqual(workerEnd, {status: 0, signal: null})
  t.deepEqual(producerEnd, {status: 0, signal: null})
  t.regex(worker.errors, /could not be given back: the engine does not answer/)
  t.regex(producer.errors, /could not be withdrawn: the engine does not answer/)
  await redis.up()
})

test('a worker and a producer that have never reached Redis end by themselves too', async (t) => {
  const place = {queue: 'q', port: 1}
  const worker = new Program(t, 'worker', {...place, ending: 'abort'})
  const producer = new Program(t, 'producer', {...place, count: 10, ending: 'abort'})
  await until(() => /ECONNREFUSED/.test(worker.errors) && /ECONNREFUSED/.test(producer.errors))
  t.deepEqual(await worker.kill('SIGTERM'), {status: 0, signal: null})
  t.deepEqual(await producer.kill('SIGTERM'), {status: 0, signal: null})
})
