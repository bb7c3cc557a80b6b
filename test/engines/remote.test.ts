/** The promises of the sources on any engine, tested with an engine that the test controls. */
import {execFile} from 'node:child_process'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {ConcurrentError, ConcurrentIteratorError, ConcurrentRunner} from 'aio-tasks'
import {
  Batch,
  EngineError,
  LostJobError,
  type NewJob,
  type News,
  type Outcome,
  type ProducerEngine,
  type RemoteProgress,
  remoteTasks,
  type TakenJob,
  type WorkerEngine,
  type WorkerHost,
  workerTasks,
} from 'aio-tasks/remote'
import test from 'ava'

const busy = Object.assign(new Error('busy'), {code: 'BUSY'})
const isTransient = (error: unknown): boolean => (error as {code?: string}).code === 'BUSY'

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5)
}

/** A worker's engine whose jobs come and end when the test says so. */
class HandMade implements WorkerEngine {
  readonly calls: string[] = []
  readonly wanted: number[] = []
  readonly holds: number[] = []
  /** Errors with which calls reject, by the name of the call, one error each. */
  readonly errors = new Map<string, unknown[]>()
  touchEvery = 10
  host: WorkerHost<TakenJob> | undefined
  #resolve: ((jobs: TakenJob[]) => void) | undefined
  readonly #jobs: TakenJob[] = []

  readonly isTransient = isTransient

  listen(host: WorkerHost<TakenJob>): void {
    this.host = host
  }

  hold(count: number): void {
    this.holds.push(count)
  }

  async take(max: number, signal: AbortSignal): Promise<TakenJob[]> {
    this.wanted.push(max)
    this.#throw('take')
    if (this.#jobs.length > 0) return this.#jobs.splice(0, max)
    return new Promise((resolve) => {
      this.#resolve = resolve
      signal.addEventListener('abort', () => resolve([]))
    })
  }

  stop(): void {
    this.calls.push('stop')
  }

  async close(): Promise<void> {
    this.calls.push('close')
    this.#throw('close')
  }

  job(id: string): TakenJob {
    const call = async (name: string): Promise<void> => {
      if (name !== 'touch') this.calls.push(`${name} ${id}`)
      this.#throw(name)
    }
    return {
      id,
      data: id,
      done: () => call('done'),
      failed: ({message}) => call(`failed ${message}`),
      back: () => call('back'),
      touch: () => call('touch'),
    }
  }

  /** Gives a job to the `take` that waits, or to the next one. */
  give(id: string): void {
    const resolve = this.#resolve
    this.#resolve = undefined
    if (resolve) resolve([this.job(id)])
    else this.#jobs.push(this.job(id))
  }

  #throw(name: string): void {
    const error = this.errors.get(name)?.shift()
    if (error !== undefined) throw error
  }
}

test('a worker asks for as many jobs as its pulls show that the runner can start', async (t) => {
  const engine = new HandMade()
  const ends: Array<() => void> = []
  const source = workerTasks(engine, () => new Promise<void>((resolve) => ends.push(resolve)))
  const runner = new ConcurrentRunner(source, {limit: 3})
  const running = runner.run()
  for (const id of ['a', 'b', 'c']) {
    await until(() => engine.wanted.length === ['a', 'b', 'c'].indexOf(id) + 1)
    engine.give(id)
  }
  await until(() => ends.length === 3)
  t.deepEqual(engine.wanted, [1, 1, 1], 'one more each time, as nobody knows the limit')
  for (const end of ends.splice(0)) end()
  await until(() => engine.wanted.length === 4)
  t.is(engine.wanted[3], 3, 'then all at once')
  t.is(engine.holds.at(-1), 3)
  await runner.stop()
  await running
})

/** A worker's engine that always has jobs, gives as many as it is asked for, and needs two turns for an outcome. */
class Plenty extends HandMade {
  given = 0
  held = 0
  mostHeld = 0

  override async take(max: number): Promise<TakenJob[]> {
    this.wanted.push(max)
    await turn()
    this.held += max
    this.mostHeld = Math.max(this.mostHeld, this.held)
    const end = async (): Promise<void> => {
      await turn()
      await turn()
      this.held--
    }
    return Array.from({length: max}, () => ({...this.job(`${this.given++}`), done: end, back: end}))
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('while jobs end as soon as they are taken, a worker soon asks for as many as the limit, and never holds more than twice as many', async (t) => {
  const engine = new Plenty()
  const runner = new ConcurrentRunner(
    workerTasks(engine, () => 1),
    {limit: 200},
  )
  let most = 0
  runner.on('start', () => void (most = Math.max(most, runner.stats.running)))
  const running = runner.run()
  await until(() => most === 200)
  t.true(engine.wanted.length < 50, `in ${engine.wanted.length} calls`) // by ones it would be 200 calls
  runner.limit = 10
  await until(() => runner.stats.running <= 10)
  await runner.stop()
  await running
  t.true(engine.mostHeld <= 400, `${engine.mostHeld} jobs`)
  t.is(engine.held, 0)
})

test('a worker whose runner rests for a turn of the event loop goes on to hold as many jobs', async (t) => {
  const engine = new HandMade()
  const busyFor = (ms: number): void => {
    const end = performance.now() + ms
    while (performance.now() < end);
  }
  let count = 0
  const deliver = (): void => engine.host?.deliver([engine.job(`job-${count++}`)])
  const job = engine.job.bind(engine)
  engine.job = (id) => ({...job(id), done: async () => deliver()}) // it takes its next job with the outcome of a job
  const source = workerTasks(engine, async () => {
    await turn()
    busyFor(2) // four of these, and the runner lets the event loop turn
  })
  const runner = new ConcurrentRunner(source, {limit: 4})
  const running = runner.run()
  await until(() => engine.host !== undefined)
  for (let number = 0; number < 4; number++) deliver()
  await until(() => engine.holds.at(-1) === 4)
  engine.holds.length = 0
  const from = count
  await until(() => count > from + 40)
  t.true(
    engine.holds.every((holds) => holds >= 4),
    engine.holds.join(),
  )
  await runner.stop()
  await running
})

test('a job that the runner does not start within a second goes back, and its task runs another job when called', async (t) => {
  const engine = new HandMade()
  const source = workerTasks(engine, ({id}) => id)
  const pulled = source.next()
  engine.give('a')
  const {value: task} = await pulled
  engine.host?.deliver([engine.job('b')])
  await until(() => engine.calls.length === 2)
  t.deepEqual(engine.calls, ['back a', 'back b'])
  const context = {index: 0, signal: new AbortController().signal, item: undefined, attempt: 1}
  const result = task?.(context)
  engine.host?.deliver([engine.job('c')])
  t.is(await result, 'c')
  t.deepEqual(engine.calls, ['back a', 'back b', 'done c'])
  await source.return?.()
  t.deepEqual(engine.calls.slice(3), ['stop', 'close'])
})

test('a task whose job went back rejects when it is called after the source was closed', async (t) => {
  const engine = new HandMade()
  const source = workerTasks(engine, ({id}) => id)
  const pulls = [source.next(), source.next()]
  engine.host?.deliver([engine.job('a'), engine.job('b')])
  const [first, second] = await Promise.all(pulls)
  await until(() => engine.calls.length === 2)
  const disposable = second?.value as unknown as AsyncDisposable | undefined
  await disposable?.[Symbol.asyncDispose]()
  await source.return?.()
  const context = {index: 0, signal: new AbortController().signal, item: undefined, attempt: 1}
  for (const {value: task} of [first, second].filter((each) => each !== undefined))
    await t.throwsAsync(async () => task?.(context), {any: true, message: /has been given back$/})
})

test('a busy engine is asked again, and its error is reported once', async (t) => {
  const engine = new HandMade()
  const errors: Error[] = []
  engine.errors.set('take', [busy, busy]).set('done', [busy, busy])
  const source = workerTasks(engine, ({id}) => id, {onError: (error) => errors.push(error)})
  const runner = new ConcurrentRunner(source)
  const next = runner.next()
  engine.give('a')
  t.deepEqual(await next, {done: false, value: 'a'})
  await runner.stop()
  t.deepEqual(errors, [busy, busy])
  t.deepEqual(engine.calls, ['done a', 'done a', 'done a', 'stop', 'close'])
})

test('an engine that fails for good ends the run', async (t) => {
  const engine = new HandMade()
  engine.errors.set('take', [new EngineError('no entry')])
  const error = await t.throwsAsync(new ConcurrentRunner(workerTasks(engine, () => 1)).run(), {
    instanceOf: ConcurrentIteratorError,
  })
  t.true(error?.cause instanceof EngineError)
  t.deepEqual(engine.calls, ['stop', 'close'])
})

test('an engine that ends, with and without an error, ends the run', async (t) => {
  const [first, second] = [new HandMade(), new HandMade()]
  const ends = new ConcurrentRunner(workerTasks(first, () => 1)).run()
  const fails = new ConcurrentRunner(workerTasks(second, () => 1)).run()
  await until(() => first.host !== undefined && second.host !== undefined)
  first.host?.end()
  second.host?.end(new EngineError('gone'))
  t.like(await ends, {started: 0})
  await t.throwsAsync(fails, {instanceOf: ConcurrentIteratorError, message: /gone/})
})

test('an error that comes while the runner does not pull rejects its next pull', async (t) => {
  const engine = new HandMade()
  const source = workerTasks(engine, () => 1)
  const first = source.next()
  engine.give('a')
  const {value: task} = await first
  engine.host?.end(new EngineError('gone'))
  await t.throwsAsync(source.next(), {message: 'gone'})
  t.is(await task?.({index: 0, signal: new AbortController().signal, item: undefined, attempt: 1}), 1)
  t.true((await source.next()).done)
})

for (const [title, lose] of [
  [
    'the engine says so',
    (engine: HandMade) => engine.host?.interrupt({id: 'a', reason: new LostJobError('a'), isLost: true}),
  ],
  ['a sign of life is refused', (engine: HandMade) => void engine.errors.set('touch', [new LostJobError('a')])],
  ['the same job comes once more', (engine: HandMade) => engine.host?.deliver([engine.job('a')])],
] as const)
  test(`a lost job aborts its handler’s signal, and fails its task: ${title}`, async (t) => {
    const engine = new HandMade()
    let reason: unknown
    const source = workerTasks(engine, (_job, signal) => {
      setImmediate(() => lose(engine))
      return new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject((reason = signal.reason)))
      })
    })
    const runner = new ConcurrentRunner(source, {yieldExceptions: true, limit: 1})
    const next = runner.next()
    engine.give('a')
    const {value} = await next
    t.true(value instanceof ConcurrentError && value.cause instanceof LostJobError)
    t.true(reason instanceof LostJobError)
    t.false(engine.calls.some((call) => call.startsWith('failed')))
    await runner.return()
    await runner.drained
  })

test('a job whose outcome the engine refuses as lost fails its task', async (t) => {
  const engine = new HandMade()
  engine.errors.set('done', [new LostJobError('a')])
  const runner = new ConcurrentRunner(
    workerTasks(engine, () => 1),
    {yieldExceptions: true},
  )
  const next = runner.next()
  engine.give('a')
  t.true(((await next).value as ConcurrentError).cause instanceof LostJobError)
  await runner.stop()
})

test('a handler that the engine cancels decides itself on the outcome of its job', async (t) => {
  const engine = new HandMade()
  const source = workerTasks(engine, (_job, signal) => {
    engine.host?.interrupt({id: 'a', reason: 'enough', isLost: false})
    return `cancelled: ${signal.reason}`
  })
  const runner = new ConcurrentRunner(source)
  const next = runner.next()
  engine.give('a')
  t.is((await next).value, 'cancelled: enough')
  await runner.stop()
  t.deepEqual(engine.calls, ['done a', 'stop', 'close'])
})

test('errors of touch and of close are reported', async (t) => {
  const engine = new HandMade()
  const errors: string[] = []
  engine.errors.set('touch', [busy, new Error('cannot touch')]).set('close', [new Error('cannot close')])
  const isTouched = (): boolean => errors.length > 0
  const source = workerTasks(engine, () => until(isTouched), {onError: ({message}) => errors.push(message)})
  const runner = new ConcurrentRunner(source)
  const next = runner.next()
  engine.give('a')
  await next
  await runner.stop()
  t.deepEqual(errors, ['cannot touch', 'cannot close'])
})

test('with an aborted signal no job is taken, and a signal that aborts later ends the run', async (t) => {
  const engine = new HandMade()
  t.like(await new ConcurrentRunner(workerTasks(engine, () => 1, {signal: AbortSignal.abort()})).run(), {started: 0})
  t.deepEqual(engine.wanted, [])
  const controller = new AbortController()
  const running = new ConcurrentRunner(workerTasks(new HandMade(), () => 1, {signal: controller.signal})).run()
  await sleep(5)
  controller.abort()
  t.like(await running, {started: 0})
})

/** A worker's engine that gives the jobs that are there, and does not wait. */
class Polled extends HandMade {
  asked = 0
  pollEvery = 5
  readonly jobs: string[] = []
  whenAsked: () => void = () => {}

  override async take(max: number): Promise<TakenJob[]> {
    this.asked++
    const jobs = this.jobs.splice(0, max)
    this.whenAsked()
    return jobs.map((id) => this.job(id))
  }
}

// The producer

/** A producer's engine that knows only what a test tells it. */
class Told implements ProducerEngine<number> {
  readonly added: Array<NewJob<number>> = []
  readonly removed: string[] = []
  addErrors: unknown[] = []
  lookErrors: unknown[] = []
  hear: (news: News) => void = () => {}
  readonly known = new Map<string, Outcome>()
  readonly isTransient = isTransient

  listen(hear: (news: News) => void): void {
    this.hear = hear
  }

  async add(jobs: ReadonlyArray<NewJob<number>>): Promise<void> {
    const error = this.addErrors.shift()
    if (error !== undefined) throw error
    this.added.push(...jobs)
  }

  async outcomes(ids: readonly string[]): Promise<Outcome[]> {
    const error = this.lookErrors.shift()
    if (error !== undefined) throw error
    return ids.map((id) => this.known.get(id) ?? {id, status: 'missing'})
  }

  async remove(ids: readonly string[]): Promise<void> {
    this.removed.push(...ids)
  }
}

const jobId = (data: number): string => `job-${data}`

test('jobs of one turn go to the engine in one call, and so do jobs that come while it is busy', async (t) => {
  const engine = new Told()
  const errors: unknown[] = []
  engine.addErrors = [busy, busy]
  const tasks = remoteTasks<number>([1, 2, 3], engine, {jobId, onError: (error) => errors.push(error)})
  const results = new ConcurrentRunner(tasks, {ordered: true}).toArray()
  await until(() => engine.added.length === 3)
  t.deepEqual(errors, [busy], 'it says so once')
  for (const id of ['job-1', 'job-2', 'job-3']) engine.hear({id, status: 'completed', result: id})
  t.deepEqual(await results, ['job-1', 'job-2', 'job-3'])
})

test('if the engine refuses one job of a call, only this job fails', async (t) => {
  const engine = new Told()
  engine.addErrors = [new TypeError('one is wrong'), undefined, new TypeError('it is this one')]
  const tasks = remoteTasks<number>([1, 2, 3], engine, {jobId})
  const runner = new ConcurrentRunner(tasks, {ordered: true, yieldExceptions: true})
  const results = runner.toArray()
  await until(() => engine.added.length === 2)
  for (const {id} of engine.added) engine.hear({id, status: 'completed', result: id})
  t.deepEqual(
    (await results).map((result) => (result instanceof ConcurrentError ? String(result.cause) : result)),
    ['job-1', 'TypeError: it is this one', 'job-3'],
  )
})

test('a job that two looks do not find is handed in again', async (t) => {
  const engine = new Told()
  const tasks = remoteTasks<number>([1], engine, {jobId, checkInterval: 10})
  const results = new ConcurrentRunner(tasks).toArray()
  await until(() => engine.added.length === 2)
  engine.known.set('job-1', {id: 'job-1', status: 'completed', result: 'found'})
  t.deepEqual(await results, ['found'])
  t.is(tasks.stats.handedIn, 1)
})

test('progress is reported in order, and a look adds the missing details of a failure', async (t) => {
  const engine = new Told()
  const heard: Array<RemoteProgress<number>> = []
  const tasks = remoteTasks<number>([1], engine, {run: 'r', onProgress: (progress) => heard.push(progress)})
  const results = new ConcurrentRunner(tasks, {yieldExceptions: true}).toArray()
  await until(() => engine.added.length === 1)
  await sleep(1)
  const id = 'r-0'
  engine.hear({id: 'unknown', status: 'active'})
  engine.hear({id, status: 'active'})
  engine.hear({id, status: 'active'})
  engine.hear({id, status: 'progress', progress: 50})
  engine.hear({id, status: 'log', line: 'half'})
  engine.known.set(id, {id, status: 'failed', reason: 'no', stack: 'its stack', attempts: 3})
  engine.hear({id, status: 'failed', reason: 'no'})
  const [failure] = await results
  t.like(failure instanceof ConcurrentError ? failure.cause : undefined, {
    failedReason: 'no',
    remoteStack: 'its stack',
    attemptsMade: 3,
    data: 1,
  })
  t.deepEqual(
    heard.map(({state}) => state),
    ['handed in', 'started', 'progress', 'log', 'failed'],
  )
})

test('failed looks are reported, and a look that rejects with an EngineError ends the run', async (t) => {
  const engine = new Told()
  const errors: string[] = []
  engine.lookErrors = [new Error('no answer'), new EngineError('no entry')]
  const tasks = remoteTasks<number>([1, 2], engine, {checkInterval: 10, onError: ({message}) => errors.push(message)})
  const runner = new ConcurrentRunner(tasks, {limit: 1, yieldExceptions: true})
  await t.throwsAsync(runner.run(), {instanceOf: ConcurrentIteratorError, message: /no entry/})
  t.deepEqual(errors, ['no answer'])
  t.is(runner.state, 'drained')
})

test('an engine that cannot work fails the waiting pull, and closes the jobs', async (t) => {
  const engine = new Told()
  engine.addErrors = [new EngineError('no entry')]
  let isClosed = false
  async function* jobs(): AsyncGenerator<number> {
    try {
      yield 1
      await until(() => engine.addErrors.length === 0)
      yield 2
    } finally {
      isClosed = true
    }
  }
  const runner = new ConcurrentRunner(remoteTasks<number>(jobs(), engine), {yieldExceptions: true})
  await t.throwsAsync(runner.run(), {instanceOf: ConcurrentIteratorError, message: /no entry/})
  await until(() => isClosed)
  t.pass()
})

test('a withdrawn job is removed from the engine, and stays if only one of its two tasks leaves', async (t) => {
  const engine = new Told()
  const tasks = remoteTasks<number>([1, 1], engine, {jobId})
  const [first, second] = [await tasks.next(), await tasks.next()]
  const controllers = [new AbortController(), new AbortController()] as const
  const calls = [first, second].map(({value: task}, index) =>
    t.throwsAsync(
      async () => task?.({index, signal: controllers[index === 0 ? 0 : 1].signal, item: undefined, attempt: 1}),
      {any: true},
    ),
  )
  await until(() => engine.added.length === 1)
  controllers[0].abort()
  await calls[0]
  t.deepEqual(engine.removed, [])
  controllers[1].abort()
  await Promise.all(calls)
  t.deepEqual(engine.removed, ['job-1'])
  await tasks.return?.()
})

test('the options are checked before anything happens', (t) => {
  const engine = new Told()
  const cases: ReadonlyArray<readonly [() => unknown, string]> = [
    [() => remoteTasks([1], {} as never), 'engine.add must be a function; got undefined'],
    [() => remoteTasks(5 as never, engine), 'jobs must be an iterable or an async iterable; got 5'],
    [() => remoteTasks([1], engine, {jobId: 5 as never}), 'jobId must be a function; got 5'],
    [() => remoteTasks([1], engine, {run: ''}), 'run must be a string that is not empty; got ""'],
    [() => remoteTasks([1], engine, {checkInterval: 0}), /^checkInterval must be a number of milliseconds > 0/.source],
    [() => remoteTasks([1], engine, {jobID: () => 'a'} as never), 'There is no option jobID: did you mean jobId[?]'],
    [
      () => workerTasks(new HandMade(), () => 1, {onErr: () => {}} as never),
      'There is no option onErr: did you mean onError[?]',
    ],
    [() => workerTasks({}, () => 1), 'engine.take must be a function; got undefined'],
    [() => workerTasks(new HandMade(), 5 as never), 'handler must be a function; got 5'],
    [
      () => workerTasks(new HandMade(), () => 1, {signal: {} as never}),
      'signal must be an AbortSignal; got an object of class Object',
    ],
  ]
  for (const [call, message] of cases) t.regex(t.throws(call)?.message ?? '', new RegExp(message.replaceAll('"', '"')))
})

test('a batch takes the items of a turn, rejects all of them or none, and settles', async (t) => {
  const calls: Array<readonly number[]> = []
  const batch = new Batch<number>(async (numbers) => {
    calls.push(numbers)
    if (numbers.includes(3)) throw new Error('not three')
  })
  await Promise.all([batch.add(1), batch.add(2)])
  await t.throwsAsync(Promise.all([batch.add(3), batch.add(4)]), {message: 'not three'})
  const last = batch.add(5)
  await batch.settled()
  await last
  t.deepEqual(calls, [[1, 2], [3, 4], [5]])
})

test('a batch has at most two calls under way, and the next call takes all items that came meanwhile', async (t) => {
  const calls: Array<{items: readonly number[]; end: () => void}> = []
  const batch = new Batch<number>((items) => new Promise((resolve) => calls.push({items, end: resolve})))
  const added: Array<Promise<void>> = []
  for (let number = 0; number < 5; number++) {
    added.push(batch.add(number))
    await sleep(1) // each in a turn of its own
  }
  await until(() => calls.length === 2)
  calls[1]?.end() // the first call is stuck, and delays no other call
  await until(() => calls.length === 3)
  calls[2]?.end()
  await Promise.all(added.slice(1))
  t.deepEqual(
    calls.map(({items}) => items),
    [[0], [1], [2, 3, 4]],
  )
  calls[0]?.end()
  await batch.settled()
  await added[0]
})

test('the example runs its jobs, and ends by itself', async (t) => {
  const path = fileURLToPath(new URL('../../examples/own-engine.ts', import.meta.url))
  const {stdout, stderr} = await promisify(execFile)(process.execPath, ['--import=tsx', path])
  t.is(stderr, '')
  t.is(stdout, '0\n1\n4\n9\n16\n25\n36\n49\n64\n81\n')
})

test('a worker’s engine is asked for jobs again after pollEvery, or as soon as it calls wake()', async (t) => {
  const engine = new Polled()
  const runner = new ConcurrentRunner(workerTasks(engine, ({id}) => id))
  const next = runner.next()
  await until(() => engine.asked >= 3) // by time alone
  engine.pollEvery = 2 ** 30
  const {asked} = engine
  await until(() => engine.asked > asked)
  engine.jobs.push('a')
  engine.host?.wake()
  t.deepEqual(await next, {done: false, value: 'a'})
  await runner.stop() // it does not wait until the time has passed
})

test('a wake() during a take() is not lost', async (t) => {
  const engine = new Polled()
  engine.pollEvery = 2 ** 30
  engine.whenAsked = () => {
    engine.whenAsked = () => {}
    engine.jobs.push('a') // after the look
    engine.host?.wake()
  }
  const runner = new ConcurrentRunner(workerTasks(engine, ({id}) => id))
  t.deepEqual(await runner.next(), {done: false, value: 'a'})
  await runner.stop()
})

test('the source looks at a job that the engine already knew as soon as it is handed in', async (t) => {
  const engine = new Told()
  engine.known.set('job-1', {id: 'job-1', status: 'completed', result: 'of before'})
  const tasks = remoteTasks<number>([1], Object.assign(engine, {add: async () => ['job-1']}), {jobId})
  t.deepEqual(await new ConcurrentRunner(tasks).toArray(), ['of before'])
})
