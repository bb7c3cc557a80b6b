/**
 * What an engine for `aio-tasks/remote` must do, as tests for AVA. For an engine of one's own:
 *
 *     import {testEngine} from './engine.js'
 *     testEngine('my engine', async (t) => {
 *       const queue = await MyQueue.start()
 *       t.teardown(() => queue.stop())
 *       return {producer: () => queue.producer(), worker: () => queue.worker(), lose: (id) => queue.expire(id)}
 *     })
 */
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {
  type Interruption,
  LostJobError,
  type Outcome,
  type ProducerEngine,
  RemoteJobError,
  remoteTasks,
  type TakenJob,
  type WorkerEngine,
  workerTasks,
} from 'aio-tasks/remote'
import ava, {type ExecutionContext} from 'ava'

/** Two sides of one empty queue. Each call gives a side of its own, as in another process. */
export interface TestedEngine {
  producer(): ProducerEngine<unknown>
  worker(): WorkerEngine
  /** Makes the engine think that the worker of this job is dead, so that the job is given to another one soon. */
  lose(id: string): Promise<void>
  /** Makes an id of the engine's kind. Default: a random UUID. */
  id?(): string
}

type Open = (t: ExecutionContext) => Promise<TestedEngine> | TestedEngine

/** Takes jobs by hand, from an engine that is asked for them and from one that delivers them. */
class Hand {
  readonly jobs: TakenJob[] = []
  readonly interruptions: Interruption[] = []
  readonly #engine: WorkerEngine
  readonly #closing = new AbortController()
  #error: Error | undefined
  readonly #taking: Promise<void>

  constructor(t: ExecutionContext, engine: WorkerEngine, max: number) {
    this.#engine = engine
    engine.listen?.({
      wake: () => {}, // it is asked again soon anyway
      deliver: (jobs) => void this.jobs.push(...jobs),
      interrupt: (interruption) => void this.interruptions.push(interruption),
      end: (error) => void (this.#error ??= error),
    })
    engine.hold?.(max)
    this.#taking = this.#take(max)
    t.teardown(() => this.close())
  }

  async got(count: number): Promise<TakenJob[]> {
    await until(() => this.jobs.length >= count || this.#error !== undefined)
    if (this.#error) throw this.#error
    return this.jobs
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#engine.stop?.()
    await this.#taking
    await this.#engine.close?.()
  }

  async #take(max: number): Promise<void> {
    while (this.#engine.take && this.jobs.length < max && !this.#closing.signal.aborted) {
      const wanted = max - this.jobs.length
      const jobs = await this.#engine.take(wanted, this.#closing.signal)
      if (jobs.length > wanted) this.#error ??= new Error(`${jobs.length} jobs came, of ${wanted} that were asked for`)
      if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
      this.jobs.push(...jobs)
    }
  }
}

/** Registers the tests of an engine. */
export function testEngine(name: string, open: Open): void {
  const test = (title: string, body: (t: ExecutionContext, engine: TestedEngine) => Promise<void>): void => {
    ava.serial(`${name}: ${title}`, async (t) => body(t, await open(t)))
  }
  const newId = (engine: TestedEngine): string => engine.id?.() ?? crypto.randomUUID()
  const producerOf = async (t: ExecutionContext, engine: TestedEngine): Promise<ProducerEngine<unknown>> => {
    const producer = engine.producer()
    await producer.listen?.(() => {})
    t.teardown(() => producer.close?.())
    return producer
  }
  const add = async (producer: ProducerEngine<unknown>, engine: TestedEngine, count: number): Promise<string[]> => {
    const ids = Array.from({length: count}, () => newId(engine))
    await producer.add(ids.map((id, index) => ({id, index, data: {number: index}})))
    return ids
  }
  const statusOf = async (producer: ProducerEngine<unknown>, id: string): Promise<Outcome['status']> => {
    const [outcome] = await producer.outcomes([id])
    return outcome?.status ?? 'missing'
  }

  test('every job is run, and its result arrives', async (t, engine) => {
    const worker = new ConcurrentRunner(
      workerTasks(engine.worker(), ({data}) => (data as {number: number}).number * 2),
      {limit: 4},
    )
    const working = worker.run()
    const items = Array.from({length: 50}, (_, number) => ({number}))
    const tasks = remoteTasks<unknown, number>(items, engine.producer(), {checkInterval: 500})
    const results = await new ConcurrentRunner(tasks, {limit: 10, ordered: true}).toArray()
    await worker.stop()
    await working
    t.deepEqual(
      results,
      items.map(({number}) => number * 2),
    )
    t.deepEqual(tasks.stats, {handedIn: 50, started: 50, completed: 50, failed: 0})
  })

  test('a failure arrives with its reason', async (t, engine) => {
    const worker = new ConcurrentRunner(
      workerTasks(engine.worker(), () => {
        throw new TypeError('no')
      }),
      {limit: 1, yieldExceptions: true},
    )
    const working = worker.run()
    const tasks = remoteTasks([1], engine.producer(), {checkInterval: 500})
    const [failure] = await new ConcurrentRunner(tasks, {yieldExceptions: true}).toArray()
    await worker.stop()
    await working
    t.true(failure instanceof ConcurrentError && failure.cause instanceof RemoteJobError)
    t.is(((failure as ConcurrentError).cause as RemoteJobError).failedReason, 'no')
  })

  test('data and results of every kind of JSON arrive as they are', async (t, engine) => {
    const worker = new ConcurrentRunner(
      workerTasks(engine.worker(), ({data}) => data),
      {limit: 1},
    )
    const working = worker.run()
    const items = [0, 'ü', '', false, null, [1, [2]], {a: {b: null}}, {value: 1}]
    const tasks = remoteTasks<unknown>(items, engine.producer(), {checkInterval: 500})
    t.deepEqual(await new ConcurrentRunner(tasks, {limit: 1, ordered: true}).toArray(), items)
    await worker.stop()
    await working
  })

  test('a job whose id is known is left as it is, also when it has finished', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const [id = ''] = await add(producer, engine, 1)
    await producer.add([{id, index: 0, data: {number: 7}}])
    const hand = new Hand(t, engine.worker(), 1)
    const [job] = await hand.got(1)
    t.deepEqual(job?.data, {number: 0})
    await job?.done('first')
    await hand.close()
    await producer.add([{id, index: 0, data: {number: 8}}])
    t.deepEqual(await producer.outcomes([id]), [{id, status: 'completed', result: 'first'}])
  })

  test('two producers of the same jobs both get every result, and none runs twice', async (t, engine) => {
    let runs = 0
    const worker = new ConcurrentRunner(
      workerTasks(engine.worker(), ({data}) => (runs++, data)),
      {limit: 4},
    )
    const working = worker.run()
    const ids = Array.from({length: 20}, () => newId(engine))
    const both = [1, 2].map(() => {
      const tasks = remoteTasks<unknown>(ids, engine.producer(), {jobId: (_, index) => ids[index] ?? ''})
      return new ConcurrentRunner(tasks, {limit: 10, ordered: true}).toArray()
    })
    t.deepEqual(await Promise.all(both), [ids, ids])
    await worker.stop()
    await working
    t.is(runs, 20)
  })

  test('outcomes tell how far each job is', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const [first = '', second = ''] = await add(producer, engine, 2)
    const unknown = newId(engine)
    t.is(await statusOf(producer, first), 'waiting')
    const hand = new Hand(t, engine.worker(), 2)
    const jobs = await hand.got(2)
    for (const id of [first, second]) t.true(['active', 'waiting'].includes(await statusOf(producer, id)))
    await jobs.find(({id}) => id === first)?.done({a: 1})
    await jobs.find(({id}) => id === second)?.failed(new Error('no'))
    const outcomes = new Map((await producer.outcomes([first, second, unknown])).map((each) => [each.id, each]))
    t.deepEqual(outcomes.get(first), {id: first, status: 'completed', result: {a: 1}})
    t.like(outcomes.get(second), {id: second, status: 'failed', reason: 'no'})
    t.deepEqual(outcomes.get(unknown), {id: unknown, status: 'missing'})
  })

  test('remove takes out what waits, and neither what runs nor what has finished', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const [finished = ''] = await add(producer, engine, 1)
    const first = new Hand(t, engine.worker(), 1)
    await (await first.got(1))[0]?.done(1)
    await first.close()
    const [active = ''] = await add(producer, engine, 1)
    const second = new Hand(t, engine.worker(), 1)
    const [job] = await second.got(1)
    const [waiting = ''] = await add(producer, engine, 1)
    await producer.remove?.([finished, active, waiting])
    t.is(await statusOf(producer, finished), 'completed')
    t.is(await statusOf(producer, waiting), 'missing')
    await job?.done(2)
    t.deepEqual(await producer.outcomes([active]), [{id: active, status: 'completed', result: 2}])
  })

  test('a job that is given back is another worker’s, and has not failed', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const [id = ''] = await add(producer, engine, 1)
    const first = new Hand(t, engine.worker(), 1)
    const [job] = await first.got(1)
    const closed = first.close() // or it would take the job again
    await job?.back()
    await closed
    t.is(await statusOf(producer, id), 'waiting')
    const second = new Hand(t, engine.worker(), 1)
    const [again] = await second.got(1)
    t.is(again?.id, id)
    await again?.failed(new Error('the one failure'))
    t.like((await producer.outcomes([id]))[0], {status: 'failed', reason: 'the one failure'})
  })

  test('two workers never have one job at a time', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const hands = [new Hand(t, engine.worker(), 20), new Hand(t, engine.worker(), 20)]
    const ids = await add(producer, engine, 20)
    await until(() => hands.flatMap(({jobs}) => jobs).length >= 20)
    const taken = hands.flatMap(({jobs}) => jobs)
    t.deepEqual(taken.map(({id}) => id).sort(), ids.sort())
    await Promise.all(taken.map((job) => job.done(null)))
  })

  test('a job that is lost is another worker’s: the first one is told when it hands in, and its result is not kept', async (t, engine) => {
    const producer = await producerOf(t, engine)
    const [id = ''] = await add(producer, engine, 1)
    const first = new Hand(t, engine.worker(), 1)
    const [lost] = await first.got(1)
    const second = new Hand(t, engine.worker(), 1)
    await engine.lose(id)
    const [again] = await second.got(1)
    t.is(again?.id, id)
    await t.throwsAsync(async () => lost?.done('late'), {instanceOf: LostJobError})
    await again?.done('in time')
    t.deepEqual(await producer.outcomes([id]), [{id, status: 'completed', result: 'in time'}])
  })

  test('a worker that waits for jobs ends as soon as it is told', async (t, engine) => {
    const hand = new Hand(t, engine.worker(), 3)
    await hand.close()
    t.deepEqual(hand.jobs, [])
  })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}
