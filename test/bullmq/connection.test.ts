/** A connection that dies silently, a Redis that refuses, a wrong password: temporary errors are waited out. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentIteratorError, ConcurrentRunner} from 'aio-tasks'
import {EngineError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {Cluster, Redis} from 'ioredis'
import {Redis as Redis5} from 'ioredis5'
import {Proxy} from './helpers/proxy.js'
import {queueOf, range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'
import {short} from './programs/settings.js'

const test = ava.serial
const redis = useRedis()

test('connections on both sides that die silently in the middle of a run: all results arrive', async (t) => {
  const queue = queueOf(t, redis)
  const proxy = new Proxy(t, redis)
  const connection = await proxy.listening()
  const errors: Error[] = []
  const onError = (error: Error): void => void errors.push(error)
  const jobs = workerTasks<number, number>(queue.name, async ({data}) => sleep(5, data), {connection, onError})
  const worker = new ConcurrentRunner(jobs, {limit: 5, yieldExceptions: true})
  const working = worker.run()
  const tasks = remoteTasks<number, number>(range(400), {queue: queue.name, connection, checkInterval: 1000, onError})
  const results: number[] = []
  const producing = (async () => {
    for await (const result of new ConcurrentRunner(tasks, {limit: 50})) results.push(result)
  })()
  await until(() => results.length >= 100)
  t.true(proxy.goSilent() >= 4)
  await producing
  t.deepEqual(
    results.sort((a, b) => a - b),
    range(400),
  )
  t.true(errors.some(({message}) => /Socket timeout/.test(message)))
  await worker.stop()
  await working
})

test('Redis refuses writes for two seconds: no job fails, and each side reports it once', async (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const told: {worker: string[]; producer: string[]} = {worker: [], producer: []}
  let runs = 0
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, async ({data}) => sleep(1, (runs++, data)), {
      connection: redis.connection,
      onError: ({message}) => told.worker.push(message),
    }),
    {limit: 20, yieldExceptions: true},
  )
  const failures: ConcurrentError[] = []
  worker.on('error', (error) => failures.push(error))
  const working = worker.run()
  const tasks = remoteTasks<number, number>(range(3000), {
    queue: queue.name,
    connection: redis.connection,
    onError: ({message}) => told.producer.push(message),
  })
  const runner = new ConcurrentRunner(tasks, {limit: 200, yieldExceptions: true})
  const results = runner.toArray()
  await until(() => runs >= 500)
  await client.config('SET', 'maxmemory', '1')
  await sleep(2000)
  await client.config('SET', 'maxmemory', '0')
  t.deepEqual(
    (await results).map(Number).sort((a, b) => a - b),
    range(3000),
  )
  await worker.stop()
  await working
  t.deepEqual(failures, [])
  t.is(runs, 3000)
  t.deepEqual(
    told.producer.filter((message) => message.includes('OOM')).length,
    1,
    'the producer says so once, though it has tried often',
  )
  t.true(told.worker.filter((message) => message.includes('OOM')).length <= 3, told.worker.join('\n'))
})

for (const [title, password] of [
  ['a wrong password', {password: 'wrong'}],
  ['a password that is missing', {}],
] as const)
  test(`${title} fails the run, on both sides`, async (t) => {
    const client = redis.client(t)
    await client.config('SET', 'requirepass', 'right')
    t.teardown(() => client.config('SET', 'requirepass', ''))
    const connection = {...redis.connection, ...password}
    const onError = (): void => {}
    const sources = [
      workerTasks('secret', () => 1, {connection, onError}),
      remoteTasks([1, 2], {queue: 'secret', connection, onError}),
    ]
    for (const source of sources) {
      const runner = new ConcurrentRunner<unknown>(source, {limit: 1})
      const error = await t.throwsAsync(runner.run(), {instanceOf: ConcurrentError})
      t.true(error?.cause instanceof EngineError)
      t.regex(error?.message ?? '', /Redis refuses the connection: (WRONGPASS|NOAUTH)/)
      t.is(runner.state, 'drained')
    }
    // A producer that yields its failures ends too: the source has failed, not a single job.
    const runner = new ConcurrentRunner(remoteTasks([1, 2, 3], {queue: 'secret', connection, onError}), {
      limit: 1,
      yieldExceptions: true,
    })
    await t.throwsAsync(runner.run(), {instanceOf: ConcurrentIteratorError})
  })

test('a URL works as connection, and its password is in no message', async (t) => {
  const queue = queueOf(t, redis)
  const connection = `redis://${redis.host}:${redis.port}`
  const worker = new ConcurrentRunner(workerTasks<number, number>(queue.name, ({data}) => data + 1, {connection}))
  const working = worker.run()
  const tasks = remoteTasks<number, number>([1], {queue: queue.name, connection})
  t.deepEqual(await new ConcurrentRunner(tasks).toArray(), [2])
  await worker.stop()
  await working
  const error = t.throws(() => workerTasks('q', () => 1, {connection: 'http://:secret@host'}))
  t.notRegex(error?.message ?? '', /secret/)
})

for (const [title, make] of [
  ['ioredis 6', () => new Redis({...redis.connection, maxRetriesPerRequest: null})],
  ['ioredis 5', () => new Redis5({...redis.connection, maxRetriesPerRequest: null})],
] as const)
  test(`a client of ${title} serves both sides, and a killed connection heals`, async (t) => {
    const queue = queueOf(t, redis)
    const [forWorker, forProducer] = [make(), make()]
    for (const client of [forWorker, forProducer]) {
      client.on('error', () => {})
      t.teardown(() => client.disconnect())
    }
    const onError = (): void => {}
    const jobs = workerTasks<number, number>(queue.name, ({data}) => data, {
      connection: forWorker,
      workerOptions: short,
      onError,
    })
    const worker = new ConcurrentRunner(jobs, {limit: 5, yieldExceptions: true})
    const working = worker.run()
    const place = {queue: queue.name, connection: forProducer, onError, checkInterval: 500}
    const runner = new ConcurrentRunner(remoteTasks<number, number>(range(500), place), {limit: 20})
    let count = 0
    for await (const _ of runner) if (++count === 100) await redis.client(t).call('CLIENT', 'KILL', 'TYPE', 'normal')
    t.is(count, 500)
    await worker.stop()
    await working
  })

test('a Redis Cluster serves both sides, with a prefix that is a hash tag', async (t) => {
  const client = redis.client(t)
  const port = redis.port
  const cluster = await redis.cluster(t)
  t.not(cluster.port, port)
  t.is(await client.ping(), 'PONG')
  const connect = (): Cluster => {
    const own = new Cluster([cluster], {redisOptions: {maxRetriesPerRequest: null}})
    t.teardown(() => own.disconnect())
    return own
  }
  const prefix = '{jobs}'
  const worker = new ConcurrentRunner(
    workerTasks<number, number>('clustered', ({data}) => data * 2, {connection: connect(), prefix}),
    {limit: 5},
  )
  const working = worker.run()
  const tasks = remoteTasks<number, number>(range(50), {queue: 'clustered', connection: connect(), prefix})
  const results = await new ConcurrentRunner(tasks, {limit: 10, ordered: true}).toArray()
  t.deepEqual(
    results,
    range(50).map((number) => number * 2),
  )
  await worker.stop()
  await working
})

test('a Redis that Sentinel finds serves both sides', async (t) => {
  const sentinel = await redis.sentinel(t)
  const queue = queueOf(t, redis)
  const connection = {sentinels: [sentinel], name: 'main', sentinelRetryStrategy: () => 100}
  const onError = (): void => {} // Sentinel may not be up yet
  const worker = new ConcurrentRunner(
    workerTasks<number, number>(queue.name, ({data}) => data * 2, {connection, onError}),
    {limit: 5},
  )
  const working = worker.run()
  const place = {queue: queue.name, connection, onError}
  const results = await new ConcurrentRunner(remoteTasks<number, number>(range(20), place), {ordered: true}).toArray()
  t.deepEqual(
    results,
    range(20).map((number) => number * 2),
  )
  await worker.stop()
  await working
})
