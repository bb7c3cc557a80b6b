/** One test for each way in which people were hurt by libraries like this one, where no other file has it. */
import {AsyncLocalStorage} from 'node:async_hooks'
import test from 'ava'
import pDefer from 'p-defer'
import {
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  type RunnerOptions,
  type Task,
} from '../src/index.js'
import {
  caught,
  consume,
  isSettled,
  manual,
  manuals,
  never,
  record,
  runScript,
  startedOf,
  thunks,
  tracked,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const boom = new Error('boom')
const one: Task<number> = () => 1
const fails: Task<never> = () => {
  throw boom
}

test.serial('an unhandled rejection although the caller caught the error: none, whoever consumes', async (t) => {
  const tasks = (): Array<Task<never>> => [
    fails,
    async () => fails({} as never),
    () => turn(1).then(() => fails({} as never)),
  ]
  const reasons = await unhandledDuring(async () => {
    for (const consumeBy of [
      (runner: ConcurrentRunner<never>) => runner.run(),
      (runner: ConcurrentRunner<never>) => runner.toArray(),
      (runner: ConcurrentRunner<never>) => runner.next(),
    ]) {
      const runner = concurrent(tasks())
      t.true((await caught(consumeBy(runner))) instanceof ConcurrentExecutionError)
      await runner.drained
    }
  })
  t.deepEqual(reasons, [])
})

test.serial('an unhandled rejection because nobody looked at drained, stop() or a disposal: none', async (t) => {
  const reasons = await unhandledDuring(async () => {
    const [x] = manuals(1)
    const runner = concurrent([x.thunk])
    const pending = caught(runner.next())
    void runner.drained
    void runner.stop()
    void runner[Symbol.asyncDispose]()
    runner.abort(boom)
    x.reject(boom)
    await pending.catch(() => {})
  })
  t.deepEqual(reasons, [])
})

const goesOn = test.macro(async (t, end: (runner: ConcurrentRunner<number>) => unknown) => {
  const source = tracked<Task<number>>([], {forever: () => async () => turn(1).then(() => 1)})
  const runner = concurrent<number>(source, {limit: 3})
  await runner.next()
  await end(runner)
  const {started} = runner.stats
  await turn(10)
  t.is(runner.stats.started, started)
})
test('work that goes on after break: none is started', goesOn, async (runner) => {
  for await (const _ of runner) break
})
test('work that goes on after stop(): none is started', goesOn, (runner) => void runner.stop())
test('work that goes on after a failure: none is started', async (t) => {
  const tasks = manuals(4)
  const runner = concurrent<string>([fails, ...thunks(tasks)], {limit: 2})
  await caught(runner.next())
  tasks[0].resolve('')
  await turn()
  t.deepEqual(startedOf(tasks), [0])
})

test('nothing tells when the tasks of a failed run are done: drained and drain do', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent<string>([fails, x.thunk], {limit: 2})
  const log = record(runner)
  await caught(runner.next())
  t.false(await isSettled(runner.drained))
  x.resolve('x')
  t.is((await runner.drained).running, 0)
  t.deepEqual(log.slice(-2), ['result 1 x', 'drain'])
})

test('memory that grows with a slow consumer: no more than the mark waits, whatever the source has', async (t) => {
  const source = tracked<Task<number>>([], {forever: () => one})
  const runner = concurrent<number>(source, {limit: 2, highWaterMark: 4})
  let most = 0
  let count = 0
  for await (const _ of runner) {
    most = Math.max(most, runner.stats.waiting)
    await turn(1)
    if (++count === 50) break
  }
  t.true(most <= 5, `${most} waited`)
})

test('abort that is lost while the last tasks finish: it reaches them and the consumer', async (t) => {
  const x = manual()
  const runner = concurrent([x.thunk])
  const pending = caught(runner.next())
  await turn()
  t.is(runner.state, 'finishing')
  runner.abort(boom)
  t.is(await pending, boom)
  t.is(x.context?.signal.reason, boom)
})

test('abort that masks the real error: the first one wins', async (t) => {
  const cleaned = pDefer<void>()
  const runner = concurrent<number>(tracked<Task<number>>([fails, one], {onReturn: () => cleaned.promise}), {limit: 1})
  const pending = caught(runner.next())
  await turn()
  runner.abort(new Error('mask'))
  cleaned.resolve()
  t.true((await pending) instanceof ConcurrentExecutionError)
})

test('a signal that aborts in the same tick as a task fails: one of the two is raised, and nothing hangs', async (t) => {
  const controller = new AbortController()
  const x = manual()
  const runner = concurrent([x.thunk], {signal: controller.signal})
  const pending = caught(runner.toArray())
  x.reject(boom)
  controller.abort(new Error('aborted'))
  t.is(((await pending) as Error).message, 'aborted')
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})

test('stop that leaves promises pending for ever: every pending next() settles', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent([x.thunk, never], {limit: 1})
  const pending = Promise.all([runner.next(), runner.next(), runner.next()])
  void runner.stop()
  x.resolve('x')
  t.deepEqual(
    (await pending).map((result) => result.value),
    ['x', undefined, undefined],
  )
})

test('drain that fires early: not while the source is still waiting for more, though nothing runs', async (t) => {
  const gate = pDefer<void>()
  const source = trackedAsync<Task<number>>([one, one], {onNext: (call) => (call === 1 ? gate.promise : undefined)})
  const runner = concurrent<number>(source)
  const log = record(runner)
  const ended = runner.run()
  await turn()
  t.deepEqual(log, ['start 0', 'result 0 1'])
  t.is(runner.stats.running, 0)
  gate.resolve()
  await ended
  t.deepEqual(log, ['start 0', 'result 0 1', 'start 1', 'result 1 1', 'drain'])
})

test('drain that never fires: it does for a source that fails at once', async (t) => {
  const runner = concurrent<number>(() => {
    throw boom
  })
  const log = record(runner)
  t.true((await caught(runner.run())) instanceof ConcurrentIteratorError)
  t.deepEqual(log, ['error - boom', 'drain'])
})

const frees = test.macro(async (t, bad: Task<number>, options: RunnerOptions = {}) => {
  const runner = concurrent([...Array<Task<number>>(100).fill(bad), () => 7], {
    ...options,
    limit: 2,
    yieldExceptions: true,
  })
  const values = await runner.toArray()
  t.is(values.length, 101)
  t.true(values.includes(7))
  t.is(runner.stats.running, 0)
})
test('a slot that leaks on a synchronous throw: it is free again', frees, fails)
test('a slot that leaks on a rejection: it is free again', frees, async () => fails({} as never))
test('a slot that leaks on a timeout: it is free again', frees, () => turn(1).then(() => 1), {timeout: 60_000})
test('a slot that leaks on a hostile thenable: it is free again', frees, () =>
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  ({then: () => fails({} as never)}),
)

test('a timeout that frees the slot while the task runs on: no more than the limit really run', async (t) => {
  let running = 0
  let most = 0
  const slow: Task<number> = async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return running--
  }
  await concurrent(Array<Task<number>>(8).fill(slow), {limit: 2, timeout: 1, yieldExceptions: true}).run()
  t.is(most, 2)
})

test('work that is added from inside a task: the run goes on until that is done too', async (t) => {
  const todo: Array<Task<number>> = []
  const branch =
    (depth: number): Task<number> =>
    async () => {
      await turn(1)
      if (depth > 0) todo.push(branch(depth - 1), branch(depth - 1))
      return depth
    }
  todo.push(branch(3))
  const runner = concurrent(todo, {limit: 1})
  const log = record(runner)
  t.is((await runner.toArray()).length, 15)
  t.is(log.filter((line) => line === 'drain').length, 1)
})

test('a runner that waits for a runner inside its task: the inner one has slots of its own', async (t) => {
  const inner = (): Promise<number[]> => concurrent([one, one, one], {limit: 1}).toArray()
  t.deepEqual(await concurrent([inner, inner], {limit: 1}).toArray(), [
    [1, 1, 1],
    [1, 1, 1],
  ])
})

test('an error of the source that is mislabelled as one of a task: it is not, and behind the end it is silent', async (t) => {
  const gate = pDefer<void>()
  const source = async function* (): AsyncGenerator<() => Promise<never>> {
    yield () => gate.promise.then(() => fails({} as never))
    await gate.promise
    throw new Error('source')
  }
  const runner = concurrent(source)
  const errors: string[] = []
  runner.on('error', (error, context) => errors.push(`${error.name} ${context?.index ?? '-'}`))
  const pending = caught(runner.run())
  await turn()
  gate.resolve()
  await pending
  await runner.drained
  t.deepEqual(errors, ['ConcurrentExecutionError 0'])
})

test('AsyncLocalStorage that shows another task its context: each task keeps what it set itself', async (t) => {
  const storage = new AsyncLocalStorage<number>()
  const task: Task<boolean> = ({index}) =>
    storage.run(index, async () => {
      await turn(index % 3)
      return storage.getStore() === index
    })
  const values = await concurrent(Array<Task<boolean>>(30).fill(task), {limit: 3}).toArray()
  t.true(values.every(Boolean))
  t.is(storage.getStore(), undefined)
})

test('AsyncLocalStorage that shows a task the context of the one before it in its slot: it has that of the run', async (t) => {
  const storage = new AsyncLocalStorage<number>()
  const seen: unknown[] = []
  const task: Task<void> = ({index}) => {
    seen.push(storage.getStore())
    return storage.run(index, () => turn(1))
  }
  await storage.run(-1, () => concurrent(Array<Task<void>>(4).fill(task), {limit: 1}).run())
  t.deepEqual(seen, [-1, -1, -1, -1])
})

test('shutdown that hangs or drops what was running: stop() delivers it', async (t) => {
  const tasks = manuals(3)
  const runner = concurrent(thunks(tasks), {limit: 3})
  const ended = runner.toArray()
  const stopped = runner.stop()
  for (const task of tasks) task.resolve('x')
  t.deepEqual(await ended, ['x', 'x', 'x'])
  t.is((await stopped).succeeded, 3)
})

test('shutdown that hangs on a source whose return() never settles: stop() waits no longer than its timeout', async (t) => {
  const runner = concurrent<number>(tracked<Task<number>>([], {forever: () => one, onReturn: never}), {limit: 1})
  await runner.next()
  await runner.stop({timeout: 1})
  t.is(runner.state, 'drained')
})

test('one long task that retains the values of all others: they are let go', async (t) => {
  const {lines, errors} = await runScript(
    (src) => `
    import {setFlagsFromString} from 'node:v8'
    import {runInNewContext} from 'node:vm'
    import {concurrent} from '${src}'
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const refs = []
    const tasks = function* () {
      yield () => new Promise(() => {})
      for (;;) yield async () => {
        const value = {big: new Array(100).fill(0)}
        refs.push(new WeakRef(value))
        return value
      }
    }
    const runner = concurrent(tasks, {limit: 2})
    runner.on('result', () => {})
    let count = 0
    const take = async () => { await runner.next() }
    while (count++ < 500) await take()
    for (let round = 0; round < 5; round++) { await turn(); gc() }
    const alive = refs.filter((ref) => ref.deref() !== undefined).length
    console.log(refs.length >= 500, alive <= 8 || alive)
    process.exit()
  `,
  )
  t.deepEqual(lines, ['true true'], errors)
})

test('events that retain what they carry: run() lets every result go', async (t) => {
  const {lines, errors} = await runScript(
    (src) => `
    import {setFlagsFromString} from 'node:v8'
    import {runInNewContext} from 'node:vm'
    import {concurrent} from '${src}'
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc')
    const refs = []
    const tasks = Array.from({length: 300}, () => () => {
      const value = {big: new Array(100).fill(0)}
      refs.push(new WeakRef(value))
      return value
    })
    const runner = concurrent([...tasks, () => new Promise(() => {})], {limit: 2, ordered: true})
    runner.on('result', () => {})
    void runner.run()
    for (let round = 0; round < 8; round++) { await new Promise((resolve) => setImmediate(resolve)); gc() }
    console.log(refs.length, refs.filter((ref) => ref.deref() !== undefined).length <= 4)
    process.exit()
  `,
  )
  t.deepEqual(lines, ['300 true'], errors)
})

const refusesOption = test.macro((t, options: object, name: string, message: RegExp) => {
  const error = t.throws(() => concurrent([one], options as RunnerOptions<false>))
  t.is(error?.name, name)
  t.regex(error?.message ?? '', message)
})
test('a limit of 0 that hangs: it is refused', refusesOption, {limit: 0}, 'RangeError', /^limit must be .*; got 0$/)
test('a limit of NaN that does nothing: it is refused', refusesOption, {limit: Number.NaN}, 'RangeError', /got NaN$/)
test('a limit of "2" that is compared as text: it is refused', refusesOption, {limit: '2'}, 'TypeError', /got "2"$/)
test('a limit of -2 that is taken for no limit: it is refused', refusesOption, {limit: -2}, 'RangeError', /got -2$/)
test(
  'a mark of -1 that hangs: it is refused',
  refusesOption,
  {highWaterMark: -1},
  'RangeError',
  /^highWaterMark must be .*; got -1$/,
)
test(
  'a timeout beyond what timers can keep, which fires at once: it is refused',
  refusesOption,
  {timeout: 2 ** 31},
  'RangeError',
  /^timeout must be/,
)
test(
  'a timeout of 0 that fails everything: it is refused',
  refusesOption,
  {timeout: 0},
  'RangeError',
  /^timeout must be/,
)
test(
  'yieldExceptions of "no" that is taken for true: it is refused',
  refusesOption,
  {yieldExceptions: 'no'},
  'TypeError',
  /^yieldExceptions must be true or false/,
)

/** A clock of the tests' own, which never goes back. */
let now = 0

/** The most calls of `took()` between two turns of the event loop while each call takes a millisecond. */
async function mostInATurn(body: (took: () => void) => Promise<unknown>): Promise<number> {
  let events = 0
  let most = 0
  let isOver = false
  const before = performance.now.bind(performance)
  performance.now = () => now
  const probe = (): void => {
    most = Math.max(most, events)
    events = 0
    if (!isOver) setImmediate(probe)
  }
  setImmediate(probe)
  try {
    await body(() => {
      now++
      events++
    })
  } finally {
    performance.now = before
    isOver = true
  }
  return Math.max(most, events)
}

const mostEventsInATurn = (runner: ConcurrentRunner<unknown>, event: 'start' | 'result' | 'error'): Promise<number> =>
  mostInATurn((took) => runner.on(event, took).run())

const many = function* (task: Task<unknown>): Generator<Task<unknown>> {
  for (let count = 0; count < 2000; count++) yield task
}
const finishing: Record<string, Task<unknown>> = {
  'at once': () => 1,
  'in a microtask': async () => 1,
  'in a turn': () => turn(1),
}
for (const limit of [1, 512, 5000])
  for (const event of ['start', 'result'] as const)
    for (const [when, task] of Object.entries(finishing))
      test.serial(
        `a listener of ${event} that takes 1 ms and stands the loop still, at limit ${limit}, tasks finishing ${when}: it turns after some 64 events at most`,
        async (t) => {
          // As many as are let through between two looks at the clock while all went fast.
          const most = await mostEventsInATurn(concurrent<unknown>(many(task), {limit}), event)
          t.true(most <= 80, `${most} events in a turn`)
        },
      )

const failing: Record<string, Task<unknown>> = {
  'fail at once': () => Promise.reject(boom),
  'fail in a turn': async () => {
    await turn(1)
    throw boom
  },
  'time out': () => new Promise(() => {}),
}
for (const limit of [1, 512, 5000])
  for (const [how, task] of Object.entries(failing))
    if (limit > 1 || how !== 'time out')
      test.serial(`a slow listener of error, at limit ${limit}, of tasks that ${how}: the loop turns`, async (t) => {
        const options = {limit, yieldExceptions: true, timeout: 100, releaseOnTimeout: true}
        const most = await mostEventsInATurn(new ConcurrentRunner(many(task), options), 'error')
        t.true(most <= 80, `${most} events in a turn`)
      })

test.serial('a slow listener of result, after starts that went fast: the loop turns every 10 ms or so', async (t) => {
  const most = await mostEventsInATurn(concurrent<unknown>(many(one), {limit: 512}), 'result')
  t.true(most <= 16, `${most} events in a turn`)
})

test.serial(
  'a loop that takes 1 ms for each result that waits lets the event loop turn every 10 ms or so',
  async (t) => {
    const runner = concurrent<unknown>(many(one), {highWaterMark: Infinity})
    await runner.next()
    await turn()
    t.true(runner.stats.waiting > 1000)
    const most = await mostInATurn(async (took) => {
      for await (const _ of runner) took()
    })
    t.true(most <= 80, `${most} results in a turn`)
  },
)

// Edge cases

test('a generator yields a promise that is rejected already: one outcome', async (t) => {
  const source = function* (): Generator<Task<number>> {
    yield Promise.reject(boom)
    yield one
  }
  const runner = concurrent(source, {limit: 1, yieldExceptions: true})
  const log = record(runner)
  await runner.run()
  t.deepEqual(log, ['start 0', 'error 0 boom', 'start 1', 'result 1 1', 'drain'])
})

test('the loop body throws while tasks fail in the same tick: the error of the body wins', async (t) => {
  const gate = pDefer<never>()
  const body = new Error('body')
  const runner = concurrent<number>([one, () => gate.promise, () => gate.promise])
  const raised = await caught(
    (async () => {
      for await (const _ of runner) {
        gate.reject(boom)
        throw body
      }
    })(),
  )
  t.is(raised, body)
  t.is((await runner.drained).failed, 2)
})

test('ordered mode with a slow first item and the consumer gone: the run drains, and drops the rest', async (t) => {
  const [slow, x, y] = manuals(3)
  const runner = concurrent(thunks([slow, x, y]), {ordered: true})
  const pending = runner.next()
  x.resolve('x')
  y.resolve('y')
  await turn()
  await runner.return()
  t.deepEqual(await pending, {value: undefined, done: true})
  slow.resolve('slow')
  t.is((await runner.drained).waiting, 0)
})

test('many next() at once over an async source that is slow and then fails: every one settles', async (t) => {
  const source = trackedAsync<Task<number>>([one, one], {
    onNext: async (call) => {
      await turn(1)
      if (call === 2) throw boom
    },
  })
  const runner = concurrent<number>(source)
  const settled = await Promise.allSettled(Array.from({length: 5}, () => runner.next()))
  t.deepEqual(
    settled.map((result) => (result.status === 'rejected' ? 'rejected' : result.value.done)),
    [false, false, 'rejected', true, true],
  )
})

test('next() in the same tick as return() is done, never pending', async (t) => {
  const runner = concurrent([never])
  void runner.next()
  const left = runner.return()
  const after = runner.next()
  await left
  t.deepEqual(await after, {value: undefined, done: true})
})

test('pause(), a new limit and stop() before the start all hold', async (t) => {
  const tasks = manuals(3)
  const runner = concurrent(thunks(tasks), {limit: 3})
  runner.pause()
  runner.limit = 1
  runner.resume()
  const ended = consume(runner)
  await turn()
  t.deepEqual(startedOf(tasks), [0])
  void runner.stop()
  tasks[0].resolve('x')
  t.deepEqual(await ended, {values: ['x']})
})
