/** The progress of a run: the producer hears of each job, counts the jobs, and finds its run again by name. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {type RemoteProgress, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {countsOf, queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

test('a producer hears when each job is handed in and started, its progress, its log lines, and how it ends', async (t) => {
  const queue = queueOf(t, redis)
  const worker = new ConcurrentRunner(
    workerTasks<string, string>(
      queue.name,
      async (job) => {
        await job.updateProgress({percent: 50})
        await job.log('half-way')
        if (job.data === 'b') throw new Error('no')
        return job.data
      },
      {connection: redis.connection},
    ),
    {limit: 1, yieldExceptions: true},
  )
  const heard: Array<RemoteProgress<string>> = []
  const tasks = remoteTasks<string, string>(['a', 'b'], {
    queue: queue.name,
    connection: redis.connection,
    jobId: (data) => `job-${data}`,
    onProgress: (progress) => heard.push(progress),
  })
  const results = new ConcurrentRunner(tasks, {limit: 1, yieldExceptions: true}).toArray()
  await until(() => tasks.stats.handedIn === 1)
  t.deepEqual(tasks.stats, {handedIn: 1, started: 0, completed: 0, failed: 0})
  const working = worker.run()
  t.is((await results).length, 2)
  await worker.stop()
  await working
  t.deepEqual(tasks.stats, {handedIn: 2, started: 2, completed: 1, failed: 1})
  const [a, b] = [
    {jobId: 'job-a', data: 'a', index: 0},
    {jobId: 'job-b', data: 'b', index: 1},
  ]
  t.deepEqual(
    heard.filter(({state}) => state !== 'started'),
    [
      {...a, state: 'handed in'},
      {...a, state: 'progress', progress: {percent: 50}},
      {...a, state: 'log', line: 'half-way'},
      {...a, state: 'completed'},
      {...b, state: 'handed in'},
      {...b, state: 'progress', progress: {percent: 50}},
      {...b, state: 'log', line: 'half-way'},
      {...b, state: 'failed', reason: 'no'},
    ],
  )
  t.is(heard.filter(({state}) => state === 'started').length, 2)
  t.is((await queue.getJobLogs('job-a')).logs[0], 'half-way')
})

test('a second producer joins a run by its name: each job runs once, and both producers get every result', async (t) => {
  const queue = queueOf(t, redis)
  let runs = 0
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, async ({data}) => sleep(5, (runs++, data)), {connection: redis.connection}),
    {limit: 5},
  )
  const working = worker.run()
  const place = {queue: queue.name, connection: redis.connection, run: 'nightly', checkInterval: 500}
  const ofRun = (): Promise<number[]> =>
    new ConcurrentRunner(remoteTasks<number, number>(range(100), place), {limit: 10, ordered: true}).toArray()
  const [first, second] = await Promise.all([ofRun(), ofRun()])
  t.deepEqual(first, range(100))
  t.deepEqual(second, range(100))
  t.deepEqual(await ofRun(), range(100))
  await worker.stop()
  await working
  t.is(runs, 100)
})

test('an error thrown by onProgress is reported, and changes nothing else', async (t) => {
  const queue = queueOf(t, redis)
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, ({data}) => data, {connection: redis.connection}),
  )
  const working = worker.run()
  const errors: string[] = []
  const tasks = remoteTasks<number, number>([1], {
    queue: queue.name,
    connection: redis.connection,
    onProgress: ({state}) => {
      throw new Error(`heard ${state}`)
    },
    onError: ({message}) => errors.push(message),
  })
  t.deepEqual(await new ConcurrentRunner(tasks).toArray(), [1])
  await worker.stop()
  await working
  t.true(errors.includes('heard handed in') && errors.includes('heard completed'))
})

test('the length of the event stream can be set, and bounds how many results it keeps', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const worker = new ConcurrentRunner(
    workerTasks<number, string>(queue.name, () => 'x'.repeat(1000), {connection: redis.connection}),
    {limit: 20},
  )
  const working = worker.run()
  const tasks = remoteTasks<number, string>(range(2000), {
    queue: queue.name,
    connection: redis.connection,
    eventsLength: 100,
    checkInterval: 200,
  })
  const results = await new ConcurrentRunner(tasks, {limit: 50, yieldExceptions: true}).toArray()
  await worker.stop()
  await working
  t.false(results.some((result) => result instanceof ConcurrentError))
  t.deepEqual(await countsOf(queue), {completed: 2000})
  t.true((await client.xlen(queue.toKey('events'))) < 400) // Redis trims whole nodes of the stream
})
