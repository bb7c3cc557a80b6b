/** A job's data reaches the worker and its result comes back; a job's failure is reported with its cause. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentExecutionError, ConcurrentRunner} from 'aio-tasks'
import {
  type JobHandler,
  RemoteJobError,
  type RemoteTasksOptions,
  remoteTasks,
  type WorkerTasksOptions,
  workerTasks,
} from 'aio-tasks/bullmq'
import ava, {type ExecutionContext} from 'ava'
import {type Queue, UnrecoverableError} from 'bullmq'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

/** In milliseconds: no test waits for this time, so a wait for it shows as a hang. */
const hour = 3_600_000

interface Options<D> extends Partial<RemoteTasksOptions<D>> {
  readonly limit?: number
}

/** Runs a worker for as long as the test. */
function work<D, R>(
  t: ExecutionContext,
  queue: Queue,
  handler: JobHandler<D, R>,
  limit = 5,
  options: Partial<WorkerTasksOptions> = {},
): ConcurrentRunner<R | undefined, true> {
  const jobs = workerTasks(queue.name, handler, {connection: redis.connection, ...options})
  const runner = new ConcurrentRunner(jobs, {limit, yieldExceptions: true})
  const running = runner.run()
  t.teardown(async () => {
    await runner.stop()
    await running
  })
  return runner
}

function send<D, R>(
  queue: Queue,
  jobs: Iterable<D>,
  {limit = 20, ...options}: Options<D> = {},
): ConcurrentRunner<R, true> {
  const tasks = remoteTasks<D, R>(jobs, {queue: queue.name, connection: redis.connection, ...options})
  return new ConcurrentRunner<R, true>(tasks, {limit, yieldExceptions: true, ordered: true})
}

/** The outcome of one job whose handler fails. */
async function failureOf(
  t: ExecutionContext,
  handler: JobHandler<number, unknown>,
  options: Options<number> = {},
): Promise<RemoteJobError> {
  const queue = queueOf(t, redis)
  work(t, queue, handler)
  const [failure] = await send<number, unknown>(queue, [7], options).toArray()
  t.deepEqual(await countsOf(queue), {failed: 1})
  if (!(failure instanceof ConcurrentExecutionError)) throw new TypeError('it did not fail')
  const {cause} = failure
  if (!(cause instanceof RemoteJobError)) throw new TypeError(`it failed otherwise: ${String(cause)}`)
  return cause
}

// Results

test('each job gives its result, in the order of the jobs with the option ordered', async (t) => {
  const queue = queueOf(t, redis)
  work<number, number>(t, queue, async ({data}) => {
    await sleep(Math.random() * 5)
    return data * 2
  })
  t.deepEqual(
    await send<number, number>(queue, range(300)).toArray(),
    range(300).map((n) => n * 2),
  )
  t.deepEqual(await countsOf(queue), {completed: 300})
})

test('the limit of the runner is the number of jobs in flight, and no further job is read', async (t) => {
  const queue = queueOf(t, redis)
  let read = 0
  function* jobs(): Generator<number> {
    for (;;) yield read++
  }
  const runner = send<number, number>(queue, jobs(), {limit: 3})
  const first = runner.next()
  await until(async () => (await queue.getWaitingCount()) === 3)
  t.is(read, 3)
  work<number, number>(t, queue, ({data}) => data)
  t.deepEqual(await first, {done: false, value: 0})
  await runner.return()
})

test('async iterables are read too, and are closed when the loop ends early', async (t) => {
  const queue = queueOf(t, redis)
  work<string, string>(t, queue, ({data}) => data.toUpperCase())
  let isClosed = false
  async function* jobs(): AsyncGenerator<string> {
    try {
      for (const letter of 'abcdefghijklmnopqrstuvwxyz') yield letter
    } finally {
      isClosed = true
    }
  }
  const tasks = remoteTasks<string, string>(jobs(), {queue: queue.name, connection: redis.connection})
  const seen: string[] = []
  for await (const letter of new ConcurrentRunner(tasks, {limit: 2, ordered: true})) {
    seen.push(letter)
    if (letter === 'C') break
  }
  t.deepEqual(seen, ['A', 'B', 'C'])
  t.true(isClosed)
})

test('when the iterable of jobs throws, the run fails with its error, and closes', async (t) => {
  const queue = queueOf(t, redis)
  work<number, number>(t, queue, ({data}) => data)
  const cause = new Error('no more')
  function* jobs(): Generator<number> {
    yield 1
    throw cause
  }
  const runner = send(queue, jobs())
  const error = await t.throwsAsync(runner.run())
  t.is(error?.cause, cause)
  t.is(runner.state, 'drained')
})

for (const [title, result, arrives] of [
  ['undefined arrives as null', undefined, null],
  ['null', null, null],
  ['zero', 0, 0],
  ['an empty string', '', ''],
  ['false', false, false],
  ['a deep object', {a: [{b: 'ü'}]}, {a: [{b: 'ü'}]}],
  ['a date arrives as JSON has it', new Date(0), '1970-01-01T00:00:00.000Z'],
] as const)
  test(`a result may be any JSON: ${title}`, async (t) => {
    const queue = queueOf(t, redis)
    work(t, queue, () => result)
    t.deepEqual(await send<number, unknown>(queue, [1]).toArray(), [arrives])
  })

test('a job has the given name, prefix and options', async (t) => {
  const queue = queueOf(t, redis)
  const place = {connection: redis.connection, prefix: 'other'}
  const worker = new ConcurrentRunner(
    workerTasks(queue.name, ({name, opts, id}) => ({name, priority: opts.priority, id}), {...place}),
  )
  const options = {
    ...place,
    queue: queue.name,
    name: 'resize',
    jobId: (data: string, index: number) => `${data}-${index}`,
    jobOptions: (data: string, index: number) => ({priority: data.length + index}),
  }
  const results = await new ConcurrentRunner(remoteTasks(['abc', 'de'], options), {ordered: true, limit: 1})
    .on('start', () => void worker.run())
    .toArray()
  t.deepEqual(results, [
    {name: 'resize', priority: 3, id: 'abc-0'},
    {name: 'resize', priority: 3, id: 'de-1'},
  ])
  await worker.stop()
})

// Failures

test('a failure has the job, its data, the attempts and the stack on the worker', async (t) => {
  const failure = await failureOf(t, function explode() {
    throw new TypeError('boom')
  })
  t.like(failure, {name: 'RemoteJobError', data: 7, failedReason: 'boom', attemptsMade: 1})
  t.is(failure.message, `Job ${failure.jobId} failed: boom`)
  t.regex(failure.remoteStack ?? '', /^TypeError: boom\n.*explode/)
})

test('without yieldExceptions, the first failure ends the run', async (t) => {
  const queue = queueOf(t, redis)
  work<number, number>(t, queue, ({data}) => {
    if (data === 2) throw new Error('two')
    return data
  })
  const tasks = remoteTasks<number>(range(10), {queue: queue.name, connection: redis.connection})
  const error = await t.throwsAsync(new ConcurrentRunner(tasks, {limit: 1}).run(), {
    instanceOf: ConcurrentExecutionError,
  })
  t.true(error?.cause instanceof RemoteJobError)
  t.like(error?.cause, {data: 2, failedReason: 'two'})
})

const circular: {self?: object} = {}
circular.self = circular
for (const [title, handler, reason] of [
  ['a string', () => raise('boom'), 'The handler threw "boom", which is no error'],
  ['undefined', () => raise(undefined), 'The handler threw undefined, which is no error'],
  ['null', () => raise(null), 'The handler threw null, which is no error'],
  ['an object', () => raise({code: 5}), 'The handler threw an object of class Object, which is no error'],
  ['a rejection with undefined', () => Promise.reject(), 'The handler threw undefined, which is no error'],
  [
    'an error whose message is none',
    () => raise(Object.assign(new Error('x'), {message: 5n})),
    'The handler threw Error: 5, which is no error',
  ],
  ['a BigInt as the result', () => 5n, 'The result must be JSON; got 5n: Do not know how to serialize a BigInt'],
  ['a function as the result', () => () => 1, 'The result must be JSON; got a function'],
  ['a symbol as the result', () => Symbol('s'), 'The result must be JSON; got Symbol(s)'],
  [
    'a circle as the result',
    () => circular,
    /^The result must be JSON; got an object of class Object: Converting circ/,
  ],
] as const)
  test(`a job never stays active, but fails with a clear reason: ${title}`, async (t) => {
    const {failedReason, attemptsMade} = await failureOf(t, handler)
    if (typeof reason === 'string') t.is(failedReason, reason)
    else t.regex(failedReason, reason)
    t.is(attemptsMade, 1)
  })

function raise(thrown: unknown): never {
  throw thrown
}

test('on the worker too, the cause of the failure is the thrown value itself', async (t) => {
  const queue = queueOf(t, redis)
  const runner = work(t, queue, () => raise('boom'))
  const causes: unknown[] = []
  runner.on('error', ({cause}) => causes.push(cause))
  await send(queue, [1]).run()
  t.deepEqual(causes, ['boom'])
})

for (const [title, data, message] of [
  ['undefined', undefined, 'The data of a job must be JSON; got undefined'],
  ['a function', () => 1, 'The data of a job must be JSON; got a function'],
  ['a promise', Promise.resolve(1), 'The data of a job must be JSON; got an object of class Promise'],
  ['a BigInt', 5n, 'Do not know how to serialize a BigInt'],
] as const)
  test(`data that is no JSON fails its own task, and no other task: ${title}`, async (t) => {
    const queue = queueOf(t, redis)
    work<unknown, unknown>(t, queue, (job) => job.data)
    const [before, failure, after] = await send<unknown, unknown>(queue, new Set([1, data, 2])).toArray()
    t.deepEqual([before, after], [1, 2])
    t.is(
      (failure as ConcurrentError).cause instanceof TypeError && (failure as ConcurrentError).message.includes(message),
      true,
    )
    t.deepEqual(await countsOf(queue), {completed: 2})
  })

for (const [title, jobId, message] of [
  ['a number', () => 7, /jobId must give an id: it must be a string .* got 7$/],
  ['an integer in a string', () => '12', /no integer, .* got "12"$/],
  ['an empty string', () => '', /not empty.* got ""$/],
  ['a colon', () => 'a:b', /no ':'; got "a:b"$/],
] as const)
  test(`an invalid id fails its task: ${title}`, async (t) => {
    const queue = queueOf(t, redis)
    const [failure] = await send(queue, [1], {jobId: jobId as () => string}).toArray()
    t.true(failure instanceof ConcurrentError)
    t.regex((failure as ConcurrentError).message, message)
    t.deepEqual(await countsOf(queue), {})
  })

// What belongs to BullMQ

test('BullMQ’s attempts and backoff apply', async (t) => {
  const queue = queueOf(t, redis)
  work<number, string>(t, queue, ({attemptsMade}) => {
    if (attemptsMade < 2) throw new Error(`attempt ${attemptsMade}`)
    return `attempt ${attemptsMade}`
  })
  const jobOptions = {attempts: 3, backoff: {type: 'exponential', delay: hour}}
  const results = send<number, string>(queue, [1], {jobOptions}).toArray()
  for (const delay of [hour, 2 * hour]) {
    await until(async () => (await queue.getDelayedCount()) === 1)
    const [job] = await queue.getDelayed()
    t.is(job?.delay, delay)
    await job?.promote()
  }
  t.deepEqual(await results, ['attempt 2'])
})

test('a job fails when all its attempts have failed', async (t) => {
  const failure = await failureOf(t, ({attemptsMade}) => raise(new Error(`attempt ${attemptsMade}`)), {
    jobOptions: {attempts: 3},
  })
  t.like(failure, {failedReason: 'attempt 2', attemptsMade: 3})
})

test('an UnrecoverableError is not tried again', async (t) => {
  const failure = await failureOf(t, () => raise(new UnrecoverableError('never')), {jobOptions: {attempts: 5}})
  t.like(failure, {failedReason: 'never', attemptsMade: 1})
})

test('a task that exceeds the timeout of the runner fails its job, once the task has ended', async (t) => {
  const queue = queueOf(t, redis)
  const jobs = workerTasks(queue.name, () => sleep(200, 'late'), {connection: redis.connection})
  const worker = new ConcurrentRunner(jobs, {limit: 1, yieldExceptions: true, timeout: 50})
  const running = worker.run()
  const [failure] = await send(queue, [1]).toArray()
  t.regex((failure as ConcurrentError).message, /The task took longer than 50 ms/)
  await worker.stop()
  t.like(await running, {failed: 1, succeeded: 0})
})

test('BullMQ’s priorities apply', async (t) => {
  const queue = queueOf(t, redis)
  const runner = send<number, number>(queue, [3, 1, 2], {jobOptions: (priority) => ({priority})})
  const results = runner.toArray()
  await until(async () => (await queue.getPrioritizedCount()) === 3)
  const order: number[] = []
  work<number, number>(t, queue, ({data}) => order.push(data), 1)
  await results
  t.deepEqual(order, [1, 2, 3])
})

test('BullMQ’s delays apply', async (t) => {
  const queue = queueOf(t, redis)
  work<number, number>(t, queue, ({data}) => data)
  const results = send<number, number>(queue, [1], {jobOptions: {delay: hour}}).toArray()
  await until(async () => (await queue.getDelayedCount()) === 1)
  const [job] = await queue.getDelayed()
  t.is(job?.delay, hour)
  await job?.promote()
  t.deepEqual(await results, [1])
})

test('the rate limit of the workers applies', async (t) => {
  const queue = queueOf(t, redis)
  const workerOptions = {limiter: {max: 5, duration: hour}, maximumRateLimitDelay: 20}
  let started = 0
  work<number, number>(t, queue, () => ++started, 15, {workerOptions})
  const results = send<number, number>(queue, range(15)).toArray()
  for (const expected of [5, 10, 15]) {
    await until(() => started >= expected)
    await until(async () => (await queue.getRateLimitTtl(5)) > 0)
    t.is(started, expected)
    await queue.removeRateLimitKey()
  }
  t.is((await results).length, 15)
})

test('the global concurrency holds across three workers', async (t) => {
  const queue = queueOf(t, redis)
  await queue.setGlobalConcurrency(4)
  let running = 0
  let most = 0
  const took = [0, 0, 0]
  for (const each of took.keys())
    work<number, void>(t, queue, async () => {
      took[each] = (took[each] ?? 0) + 1
      most = Math.max(most, ++running)
      await sleep(5)
      running--
    })
  await send<number, null>(queue, range(100), {limit: 50}).run()
  t.is(most, 4)
  t.true(
    took.every((number) => number > 0),
    took.join(),
  )
})

test('handlers can report progress, and the source gives BullMQ’s worker', async (t) => {
  const queue = queueOf(t, redis)
  const jobs = workerTasks<number, number>(
    queue.name,
    async (job) => {
      await job.updateProgress(50)
      return job.data
    },
    {connection: redis.connection},
  )
  const progress: unknown[] = []
  jobs.worker.on('progress', (_job, value) => progress.push(value))
  const worker = new ConcurrentRunner(jobs)
  void worker.run()
  await send(queue, [1]).run()
  await worker.stop()
  t.deepEqual(progress, [50])
})

// Ids

test('jobs with the same id run once, and each task gets the result', async (t) => {
  const queue = queueOf(t, redis)
  let runs = 0
  work<number, number>(t, queue, async ({data}) => {
    runs++
    await sleep(20)
    return data
  })
  const results = await send<number, number>(queue, range(50), {jobId: (data) => `id-${data % 5}`}).toArray()
  t.is(results.length, 50)
  t.deepEqual(results.slice(0, 5), range(5))
  t.is(runs, 5)
})

test('a job that has finished before does not run again, and its result is found at once', async (t) => {
  const queue = queueOf(t, redis)
  let runs = 0
  work<number, number>(t, queue, ({data}) => {
    runs++
    if (data === 3) throw new Error('three')
    return data
  })
  const options = {jobId: (data: number) => `id-${data}`, checkInterval: 100_000}
  const ofRun = async (): Promise<unknown[]> =>
    (await send<number, number>(queue, range(5), options).toArray()).map((result) =>
      result instanceof ConcurrentError ? (result.cause as RemoteJobError).failedReason : result,
    )
  t.deepEqual(await ofRun(), [0, 1, 2, 'three', 4])
  t.deepEqual(await ofRun(), [0, 1, 2, 'three', 4])
  t.is(runs, 5)
})

test('a job that has vanished is added again under its id', async (t) => {
  const queue = queueOf(t, redis)
  const results = send<number, number>(queue, range(20), {jobId: (data) => `id-${data}`, checkInterval: 100}).toArray()
  await until(async () => (await queue.getWaitingCount()) === 20)
  await queue.drain()
  t.is(await queue.getWaitingCount(), 0)
  work<number, number>(t, queue, ({data}) => data)
  t.deepEqual(await results, range(20))
})

// Ending a wait

test('a job without a result within its timeout fails, and is withdrawn', async (t) => {
  const queue = queueOf(t, redis)
  const [failure] = await send(queue, [1], {timeout: 100, jobId: () => 'one'}).toArray()
  t.regex((failure as ConcurrentError).message, /TimeoutError: Job one gave no result within 100 ms$/)
  t.deepEqual(await countsOf(queue), {})
})
