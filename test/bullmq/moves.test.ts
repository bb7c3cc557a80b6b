/** BullMQ's own rules hold here too: moving a job is no failure, and a lost lock is a failure that is reported once. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {LostJobError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {DelayedError, type Job, RateLimitError, WaitingError} from 'bullmq'
import {countsOf, queueOf, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'
import {short} from './programs/settings.js'

const test = ava.serial
const redis = useRedis()

for (const [title, move] of [
  [
    'DelayedError',
    async (job: Job) => {
      await job.moveToDelayed(Date.now() + 50, job.token)
      throw new DelayedError()
    },
  ],
  [
    'WaitingError',
    async (job: Job) => {
      await job.moveToWait(job.token)
      throw new WaitingError()
    },
  ],
  [
    'RateLimitError',
    async () => {
      throw new RateLimitError()
    },
  ],
] as const)
  test(`a handler that throws ${title} has not failed: the job comes again`, async (t) => {
    const queue = queueOf(t, redis)
    let runs = 0
    const errors: Error[] = []
    const jobs = workerTasks<number, string>(
      queue.name,
      async (job) => {
        if (++runs === 1) {
          if (title === 'RateLimitError') await queue.rateLimit(50)
          await move(job)
        }
        return `run ${runs}`
      },
      {connection: redis.connection, onError: (error) => errors.push(error)},
    )
    const worker = new ConcurrentRunner(jobs, {limit: 1, yieldExceptions: true})
    const results: unknown[] = []
    worker.on('result', (result) => results.push(result))
    const working = worker.run()
    const tasks = remoteTasks<number, string>([1], {queue: queue.name, connection: redis.connection})
    t.deepEqual(await new ConcurrentRunner(tasks).toArray(), ['run 2'])
    await worker.stop()
    t.like(await working, {failed: 0, succeeded: 2})
    t.deepEqual(results, [undefined, 'run 2'])
    t.deepEqual(errors, [])
    t.deepEqual(await countsOf(queue), {completed: 1})
  })

test('a result whose lock is lost fails its task with one error, and no other message is printed', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const printed: unknown[] = []
  const {error: original} = console
  console.error = (...all: unknown[]) => void printed.push(...all)
  t.teardown(() => {
    console.error = original
  })
  await queue.add('task', 1, {jobId: 'one'})
  let runs = 0
  const jobs = workerTasks<number, string>(
    queue.name,
    async () => {
      if (++runs === 1) await client.del(`${queue.toKey('one')}:lock`)
      return `run ${runs}`
    },
    {connection: redis.connection, workerOptions: short},
  )
  const worker = new ConcurrentRunner(jobs, {limit: 1, yieldExceptions: true})
  const failures: unknown[] = []
  worker.on('error', ({cause}) => failures.push(cause))
  const working = worker.run()
  await until(async () => (await queue.getCompletedCount()) === 1)
  await worker.stop()
  t.like(await working, {failed: 1, succeeded: 1})
  t.is(failures.length, 1)
  t.true(failures[0] instanceof LostJobError)
  t.is((failures[0] as LostJobError).jobId, 'one')
  t.deepEqual(printed, [])
})

test('the handler runs in the async context of its job, and the source in the async context of the run', async (t) => {
  const {AsyncLocalStorage} = await import('node:async_hooks')
  const storage = new AsyncLocalStorage<string>()
  const queue = queueOf(t, redis)
  const seen: Array<string | undefined> = []
  const jobs = workerTasks<number, void>(
    queue.name,
    async () => {
      seen.push(storage.getStore())
      storage.enterWith('of a job')
      await sleep(5)
    },
    {connection: redis.connection},
  )
  const worker = new ConcurrentRunner(jobs, {limit: 2})
  const working = storage.run('of the run', () => worker.run())
  for (let each = 0; each < 6; each++) await queue.add('task', each)
  await until(() => seen.length === 6)
  await worker.stop()
  await working
  t.deepEqual(seen, Array(6).fill('of the run'))
})
