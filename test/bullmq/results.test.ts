/** What goes in as a job comes out as its result, and what fails there tells here what and why. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {type JobHandler, type RemoteTasksOptions, RemoteJobError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava, {type ExecutionContext} from 'ava'
import {type Queue, UnrecoverableError} from 'bullmq'
import {countsOf, queueOf, range} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

interface Options<D> extends Partial<RemoteTasksOptions<D>> {
  readonly limit?: number
}

/** Runs a worker for as long as the test. */
function work<D, R>(t: ExecutionContext, queue: Queue, handler: JobHandler<D, R>, limit = 5): ConcurrentRunner<R, true> {
  const jobs = workerTasks(queue.name, handler, {connection: redis.connection, concurrency: limit})
  const runner = new ConcurrentRunner(jobs, {limit, yieldExceptions: true})
  const running = runner.run()
  t.teardown(async () => {
    await runner.stop()
    await running
  })
  return runner
}

function send<D, R>(queue: Queue, jobs: Iterable<D>, {limit = 20, ...options}: Options<D> = {}) {
  const tasks = remoteTasks<D, R>(jobs, {queue: queue.name, connection: redis.connection, ...options})
  return new ConcurrentRunner<R, true>(tasks, {limit, yieldExceptions: true, ordered: true})
}

/** The one error of a job that fails. */
async function failureOf(t: ExecutionContext, handler: JobHandler<number, unknown>, options: Options<number> = {}) {
  const queue = queueOf(t, redis)
  work(t, queue, handler)
  const [failure] = await send(queue, [7], options).toArray()
  t.true(failure instanceof ConcurrentError)
  t.deepEqual(await countsOf(queue), {failed: 1})
  return (failure as ConcurrentError).cause as RemoteJobError
}

test('each job gives its result, in the order of the jobs if that is asked for', async (t) => {
  const queue = queueOf(t, redis)
  work<number, number>(t, queue, async ({data}) => {
    await sleep(Math.random() * 5)
    return data * 2
  })
  t.deepEqual(await send<number, number>(queue, range(100)).toArray(), range(100).map((n) => n * 2))
})

test('a thing', async (t) => {
  console.log(await failureOf(t, () => { throw undefined }))
  console.log(await failureOf(t, () => { throw 'boom' }))
  console.log(await failureOf(t, () => 5n))
  console.log(await failureOf(t, () => () => 1))
  console.log(await failureOf(t, () => { throw new TypeError('boom') }, {jobOptions: {attempts: 3}}))
})
