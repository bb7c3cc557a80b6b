/** The sources keep their promises to every reader, a runner or not. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner, type Task, type TaskContext, type TaskFunction} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import type {Job} from 'bullmq'
import type {Redis} from 'ioredis'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

const contextOf = (index = 0, signal: AbortSignal = new AbortController().signal): TaskContext => ({
  index,
  signal,
  item: undefined,
  attempt: 1,
})

async function call<T>(task: TaskFunction<T> | undefined, context: TaskContext = contextOf()): Promise<T> {
  if (task === undefined) throw new TypeError('there is no task')
  return task(context)
}

async function connectionCount(client: Redis): Promise<number> {
  return ((await client.client('LIST')) as string).trim().split('\n').length
}

/** A runner that tries each failed task once more. */
class Retrying<T> extends ConcurrentRunner<T, true> {
  protected override async execute(task: Task<T>, context: TaskContext): Promise<T> {
    try {
      return await super.execute(task, context)
    } catch {
      return super.execute(task, context)
    }
  }
}

test('a task that is called again gives the same outcome: retries belong to BullMQ', async (t) => {
  const queue = queueOf(t, redis)
  let runs = 0
  const jobs = workerTasks<number, never>(
    queue.name,
    () => {
      runs++
      throw new Error('no')
    },
    {connection: redis.connection},
  )
  const worker = new Retrying(jobs, {yieldExceptions: true})
  const working = worker.run()
  const tasks = remoteTasks<number>([1], {queue: queue.name, connection: redis.connection})
  const [failure] = await new Retrying(tasks, {yieldExceptions: true}).toArray()
  t.true(failure instanceof ConcurrentError)
  await worker.stop()
  t.like(await working, {started: 1, failed: 1})
  t.is(runs, 1)
})

test('tasks that are collected before they are called work too, and the last task closes the connections', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection}),
  )
  const working = worker.run()
  await queue.waitUntilReady()
  await until(async () => (await connectionCount(client)) === 4)
  const tasks: Array<TaskFunction<number>> = []
  for await (const task of remoteTasks<number, number>(range(5), {queue: queue.name, connection: redis.connection}))
    tasks.push(task)
  t.is(await connectionCount(client), 4, 'nothing is connected before a task is called')
  t.deepEqual(await Promise.all(tasks.map((task) => call(task))), range(5))
  t.is(await connectionCount(client), 4)
  await worker.stop()
  await working
})

test('a producer’s task that is disposed of hands in no job, and keeps nothing open', async (t) => {
  const queue = queueOf(t, redis)
  const source = remoteTasks<number>([1], {queue: queue.name, connection: redis.connection})
  const {value: task} = await source.next()
  await (task as unknown as AsyncDisposable)[Symbol.asyncDispose]()
  t.true((await source.next()).done)
  await t.throwsAsync(call(task), {any: true, message: 'The job will not be handed in'})
  t.deepEqual(await countsOf(queue), {})
})

test('a worker’s task that is disposed of or never called gives its job back', async (t) => {
  const queue = queueOf(t, redis)
  await queue.addBulk([1, 2].map((data) => ({name: 'task', data})))
  const source = workerTasks<number, number>(queue.name, ({data}) => data, {
    connection: redis.connection,
  })
  const tasks: Array<TaskFunction<number | undefined>> = []
  for await (const task of source) if (tasks.push(task) === 2) break
  t.deepEqual(await countsOf(queue), {waiting: 2})
  for (const task of tasks) await t.throwsAsync(call(task), {any: true, message: /^Job \d has been given back$/})
})

test('many concurrent calls of next() all settle, even when the source is closed', async (t) => {
  const queue = queueOf(t, redis)
  await queue.add('task', 1)
  const source = workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection})
  const calls = [source.next(), source.next(), source.next()]
  const first = await calls[0]
  t.is(await call(first?.value), 1)
  await source.return?.()
  t.deepEqual(await Promise.all(calls.slice(1)), [
    {done: true, value: undefined},
    {done: true, value: undefined},
  ])
  t.deepEqual(await source.next(), {done: true, value: undefined})
  t.deepEqual(await countsOf(queue), {completed: 1})
})

test('the signal of a handler aborts when the user cancels its job', async (t) => {
  const queue = queueOf(t, redis)
  await queue.add('task', 1, {jobId: 'one'})
  const jobs = workerTasks<number, void>(queue.name, (_job, signal) => sleep(60_000, undefined, {signal}), {
    connection: redis.connection,
  })
  const runner = new ConcurrentRunner(jobs, {yieldExceptions: true})
  runner.on('start', () => setImmediate(() => t.true(jobs.worker.cancelJob('one', 'enough'))))
  const {value} = await runner.next()
  t.regex((value as ConcurrentError).message, /AbortError/)
  t.false(jobs.worker.cancelJob('other'))
  await runner.stop()
  t.deepEqual(await countsOf(queue), {failed: 1})
})

test('a handler with one parameter finishes its job when the run is aborted', async (t) => {
  const queue = queueOf(t, redis)
  await queue.add('task', 1)
  const handler = async (job: Job<number>): Promise<number> => {
    runner.abort()
    return sleep(20, job.data)
  }
  const runner = new ConcurrentRunner(workerTasks<number, number>(queue.name, handler, {connection: redis.connection}))
  await t.throwsAsync(runner.run(), {any: true, name: 'AbortError'})
  t.deepEqual(await countsOf(queue), {completed: 1})
})

const never = new AbortController().signal
for (const [title, handler] of [
  ['as its second parameter', (_job: unknown, signal: AbortSignal) => kindOf(signal)],
  ['as one with a default', (_job: unknown, signal: AbortSignal = never) => kindOf(signal)],
  ['among all arguments', (...all: unknown[]) => kindOf(all[1])],
  [
    'by arguments',
    function (_job: unknown): string {
      return kindOf(arguments[1]) // oxlint-disable-line prefer-rest-params -- it is what is asked
    },
  ],
] as const)
  test(`a handler that asks for its signal gets one: ${title}`, async (t) => {
    const queue = queueOf(t, redis)
    await queue.add('task', 1)
    const runner = new ConcurrentRunner(workerTasks(queue.name, handler, {connection: redis.connection}))
    t.deepEqual(await runner.next(), {done: false, value: 'its own'})
    await runner.stop()
  })

function kindOf(signal: unknown): string {
  if (signal === never) return 'the default'
  return signal instanceof AbortSignal ? 'its own' : 'none'
}

test('several runners may share one source', async (t) => {
  const queue = queueOf(t, redis)
  const worker = workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection})
  const working = new ConcurrentRunner(worker)
  const run = working.run()
  const tasks = remoteTasks<number, number>(range(100), {queue: queue.name, connection: redis.connection})
  const [one, two] = await Promise.all([
    new ConcurrentRunner(tasks, {limit: 5}).toArray(),
    new ConcurrentRunner(tasks, {limit: 5}).toArray(),
  ])
  t.deepEqual(
    [...one, ...two].sort((a, b) => a - b),
    range(100),
  )
  await working.stop()
  await run
})
