/** Timeouts and the deadline of stop() bound everything but `drained`, whatever tasks do; hostile sources hang nothing. */
import test from 'ava'
import {ConcurrentError, ConcurrentRunner, concurrent, inflate, type Task, type TaskFunction} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  isSettled,
  manual,
  never,
  record,
  reportedDuring,
  runScript,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const boom = new Error('boom')
const one: Task<number> = () => 1

const nameOf = (error: unknown): string =>
  error instanceof ConcurrentError ? (error.cause as Error).name : String(error)

// Timeouts

test('run(), toArray() and a loop end when their tasks have timed out, though they never settle', async (t) => {
  const make = (): ConcurrentRunner<number> => concurrent<number>([never, one], {timeout: 1, limit: 2})
  t.is(nameOf(await caught(make().run())), 'TimeoutError')
  t.is(nameOf(await caught(make().toArray())), 'TimeoutError')
  t.is(nameOf((await consume(make())).raised), 'TimeoutError')
})

test('with yieldExceptions run(), toArray() and a loop go on after a timeout and end', async (t) => {
  const make = (ordered: boolean): ConcurrentRunner<number, true> =>
    concurrent<number, true>([never, one], {timeout: 1, limit: 2, yieldExceptions: true, ordered})
  for (const ordered of [false, true]) {
    const {succeeded, failed, running} = await make(ordered).run()
    t.deepEqual({succeeded, failed, running}, {succeeded: 1, failed: 1, running: 1})
    t.is((await make(ordered).toArray()).length, 2)
    t.is((await consume(make(ordered))).values.length, 2)
  }
})

test('stop() and disposal do not wait for a task that has timed out, drained does', async (t) => {
  for (const end of [
    (runner: ConcurrentRunner<number, true>) => runner.stop(),
    (runner: ConcurrentRunner<number, true>) => runner[Symbol.asyncDispose](),
  ]) {
    const task = manual<number>()
    const runner = concurrent<number, true>([task.thunk], {timeout: 1, yieldExceptions: true})
    const log = record(runner)
    await runner.next()
    await end(runner)
    t.false(await isSettled(runner.drained))
    t.is(runner.stats.running, 1)
    task.resolve(1)
    await runner.drained
    t.deepEqual(log, ['start 0', 'error 0 The task took longer than 1 ms', 'drain'])
  }
})

test('run() does not end while a task that has timed out keeps the only slot and the source has more', async (t) => {
  const late = manual<number>()
  const tasks = [late.thunk, one, one]
  const ended = concurrent<number, true>(tasks, {limit: 1, timeout: 1, yieldExceptions: true})
  const run = ended.run()
  while (ended.stats.failed === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  t.false(await isSettled(run))
  late.resolve(0)
  t.is((await run).succeeded, 2)
})

test('an abort after a timeout reaches a loop that has results to take, and no loop that has ended', async (t) => {
  const make = (): ConcurrentRunner<number, true> =>
    concurrent<number, true>([never, one], {timeout: 1, limit: 2, yieldExceptions: true})
  const slow = make()
  await slow.next()
  while (slow.stats.failed === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  slow.abort(boom)
  t.is(await caught(slow.next()), boom)
  const ended = make()
  await consume(ended)
  ended.abort(boom)
  t.deepEqual(await ended.next(), {done: true, value: undefined})
})

// Deadlines of stop()

const stopped = {name: 'TimeoutError', message: 'stop() took longer than 1 ms'}

test('past the timeout of stop() run(), toArray(), a loop and stop() end, though tasks never settle', async (t) => {
  const make = (): ConcurrentRunner<number> => concurrent<number>([one, never], {limit: 2})
  const runner = make()
  const run = caught(runner.run())
  await turn()
  await runner.stop({timeout: 1})
  t.like(await run, stopped)
  const collecting = make()
  const array = caught(collecting.toArray())
  await turn()
  await collecting.stop({timeout: 1})
  t.like(await array, stopped)
  const looping = make()
  const loop = consume(looping)
  await turn()
  await looping.stop({timeout: 1})
  const {values, raised} = await loop
  t.deepEqual(values, [1])
  t.like(raised, stopped)
  t.false(await isSettled(looping.drained))
})

test('past the timeout of stop() a source whose return() never settles is given up', async (t) => {
  const source = trackedAsync<Task<number>>([one], {forever: () => one, onReturn: never})
  const runner = concurrent<number>(source as AsyncIterable<Task<number>>, {limit: 1})
  await runner.next()
  await runner.stop({timeout: 1})
  t.pass()
})

test('past the timeout of stop() a task that never settled is reported as failed, once', async (t) => {
  const task = manual<number>()
  const runner = concurrent<number>([task.thunk])
  const log = record(runner)
  const run = caught(runner.run())
  await turn()
  await runner.stop({timeout: 1})
  await run
  task.resolve(1)
  await runner.drained
  t.deepEqual(log, ['start 0', 'error 0 stop() took longer than 1 ms', 'drain'])
})

test('a second abort() reports running tasks as failed at once, and run() ends', async (t) => {
  const runner = concurrent<number>([never])
  const run = caught(runner.run())
  await turn()
  runner.abort(boom)
  t.false(await isSettled(run))
  runner.abort(boom)
  t.is(await run, boom)
})

test('cleanup() is waited for by run(), stop() and disposal', async (t) => {
  for (const end of [
    (runner: ConcurrentRunner<number>) => runner.run(),
    (runner: ConcurrentRunner<number>) => runner.stop(),
    (runner: ConcurrentRunner<number>) => runner[Symbol.asyncDispose](),
  ]) {
    let hasCleanedUp = false
    class Cleaning extends ConcurrentRunner<number> {
      protected override async cleanup(): Promise<void> {
        await turn(4)
        hasCleanedUp = true
      }
    }
    await end(new Cleaning([one]))
    t.true(hasCleanedUp)
  }
})

// The process

const leaves: Record<string, string> = {
  break: 'for await (const _ of runner) break',
  'abort()': 'await runner.next(); runner.abort()',
  'a failing task': `await runner.next(); fail(new Error('no')); await runner.next().catch(() => {})`,
  'return() by hand': 'await runner.next(); await runner.return()',
}
for (const [name, leave] of Object.entries(leaves))
  test(`no timer of a run that was left by ${name} keeps the process alive`, async (t) => {
    const {code, lines, errors} = await runScript(
      (src) => `
      import {concurrent} from '${src}'
      let fail
      const runner = concurrent(
        [() => 1, () => new Promise(() => {}), () => new Promise((_, reject) => (fail = reject))],
        {limit: 3, timeout: 2 ** 31 - 1},
      )
      ${leave}
      process.on('exit', () => console.log(runner.stats.running > 0))
    `,
    )
    t.deepEqual([code, lines, errors], [0, ['true'], ''])
  })

test('a deadline of stop() that is awaited ends a process whose tasks never settle', async (t) => {
  const {code, lines, errors} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    const runner = concurrent([() => new Promise(() => {})], {timeout: 2 ** 31 - 1})
    const started = new Promise((resolve) => runner.once('start', resolve))
    const run = runner.run().catch((error) => console.log(error.message))
    await started
    await runner.stop({timeout: 1})
    await run
    console.log('over')
  `,
  )
  t.deepEqual([code, lines, errors], [0, ['stop() took longer than 1 ms', 'over'], ''])
})

// Late failures

test.serial('a return() that rejects after drained is reported as an uncaught exception', async (t) => {
  let closing: (() => void) | undefined
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({done: false, value: one}),
      return: () => new Promise<never>((_, reject) => (closing = () => reject(boom))),
    }),
  }
  const runner = concurrent<number>(source)
  const log = record(runner)
  await runner.next()
  void runner.return()
  runner.abort()
  runner.abort() // waits no longer for the source to close
  await runner.drained
  const count = log.length
  const reported = await reportedDuring(async () => {
    closing?.()
    await turn()
  })
  t.deepEqual(reported, [boom])
  t.is(log.length, count)
})

test.serial('a disposal that rejects after drained is reported as an uncaught exception', async (t) => {
  const arrived = manual<TaskFunction<number>>()
  const task = Object.assign(() => 1, {
    [Symbol.asyncDispose]: async () => {
      throw boom
    },
  })
  const runner = concurrent<number>(
    trackedItems(() => arrived.thunk({} as never)), // an item that comes when the run is over
  )
  void runner.next().catch(() => {})
  await turn()
  runner.abort()
  await runner.drained
  const reported = await reportedDuring(async () => {
    arrived.resolve(task)
    await turn(5)
  })
  t.deepEqual(reported, [boom])
})

test.serial(
  'a next() that was pending when its source was closed, and rejects after drained, is no error',
  async (t) => {
    const item = manual<TaskFunction<number>>()
    const runner = concurrent<number>(trackedItems(() => item.thunk({} as never)))
    void runner.next().catch(() => {})
    await turn()
    runner.abort()
    await runner.drained
    let unhandled: unknown[] = []
    const reported = await reportedDuring(async () => {
      unhandled = await unhandledDuring(() => item.reject(boom))
    })
    t.deepEqual([reported, unhandled], [[], []])
  },
)

function trackedItems(next: () => Promise<TaskFunction<number>>): AsyncIterable<Task<number>> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({done: false as const, value: await next()}),
    }),
  }
}

// Hostile sources and signals

const throwBoom = (): never => {
  throw boom
}
const hostile: Record<string, () => object> = {
  'whose every property throws': () =>
    new Proxy([], {get: (target, key) => (key === Symbol.iterator ? target[Symbol.iterator] : throwBoom())}),
  'whose next cannot be read': () => ({
    [Symbol.iterator]: () => [][Symbol.iterator](),
    get next() {
      return throwBoom()
    },
  }),
  'whose return cannot be read': () => ({
    [Symbol.iterator]() {
      return this
    },
    next: () => ({done: false, value: one}),
    get return() {
      return throwBoom()
    },
  }),
  'whose tag cannot be read': () => ({
    [Symbol.iterator]() {
      return this
    },
    next: () => ({done: false, value: one}),
    get [Symbol.toStringTag]() {
      return throwBoom()
    },
  }),
}
const ends: Record<string, (runner: ConcurrentRunner<number>) => unknown> = {
  'abort()': (runner) => runner.abort(),
  'return()': (runner) => runner.return(),
  'stop()': (runner) => runner.stop(),
}
for (const [kind, make] of Object.entries(hostile))
  for (const [name, end] of Object.entries(ends))
    test(`${name} ends an unopened source ${kind}`, async (t) => {
      let runner: ConcurrentRunner<number>
      try {
        runner = concurrent<number>(make() as Iterable<Task<number>>)
      } catch (error) {
        t.is(error, boom) // refusing it is right too
        return
      }
      await end(runner)
      await runner.drained
      t.deepEqual(await runner.next().catch(() => ({done: true, value: undefined})), {done: true, value: undefined})
    })

const givesPromises = <I>(value: I): Iterable<I> =>
  ({[Symbol.iterator]: () => ({next: async () => ({done: false, value})})}) as unknown as Iterable<I>

const saysSo = test.macro(async (t, make: () => ConcurrentRunner<unknown>) => {
  const error = instance(await caught(make().run()), ConcurrentError)
  t.regex(error.message, /next\(\) of the source gave a promise/)
})
test('an iterator whose next() gives promises fails', saysSo, () => concurrent<unknown>(givesPromises(one)))
test('an iterator whose next() gives promises fails in map()', saysSo, () =>
  ConcurrentRunner.map(givesPromises(1), String),
)
test('an iterator whose next() gives promises fails in inflate()', saysSo, () => inflate(givesPromises({}), () => []))

test('an iterator whose next() gives promises fails as a part of an object of inflate()', async (t) => {
  const error = instance(await caught(inflate([{}], () => givesPromises(one)).run()), ConcurrentError)
  t.regex(error.message, /next\(\) of the source gave a promise/)
})

interface SignalLike {
  aborted: boolean
  reason?: unknown
  addEventListener(type: string, listener: () => void): void
  removeEventListener(type: string, listener: () => void): void
}
const signalLike = (parts: Partial<SignalLike>): AbortSignal =>
  ({aborted: false, addEventListener: () => {}, removeEventListener: () => {}, ...parts}) as unknown as AbortSignal

test('a signal whose addEventListener throws ends the run with what it threw', async (t) => {
  const runner = concurrent<number>([one], {signal: signalLike({addEventListener: throwBoom})})
  t.is(await caught(runner.run()), boom)
  await runner.drained
})

test.serial(
  'a signal whose removeEventListener throws hangs nothing, and is reported as an uncaught exception',
  async (t) => {
    let values: unknown[] = []
    const reported = await reportedDuring(async () => {
      const runner = concurrent<number>([one], {signal: signalLike({removeEventListener: throwBoom})})
      const log = record(runner)
      values = await runner.toArray()
      await runner.drained
      t.is(log.at(-1), 'drain')
      await turn()
    })
    t.deepEqual(values, [1])
    t.deepEqual(reported, [boom])
  },
)

test('a listener on a task’s signal that throws ends no run, and the signal of every task aborts', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    process.on('uncaughtException', (error) => console.log(error.message))
    const task = ({signal}) => new Promise((resolve) => {
      signal.addEventListener('abort', () => { throw new Error('boom') })
      signal.addEventListener('abort', () => resolve())
    })
    const runner = concurrent([task, task], {limit: 2})
    const run = runner.run().catch((error) => console.log(error))
    while (runner.stats.started < 2) await new Promise((resolve) => setImmediate(resolve))
    runner.abort('enough')
    await run
    await runner.drained
    await new Promise((resolve) => setTimeout(resolve, 10)) // Node reports what listeners throw a little later
    console.log(runner.state)
  `,
  )
  t.is(code, 0)
  t.deepEqual(lines.toSorted(), ['boom', 'boom', 'drained', 'enough'])
})

for (const [title, pollution] of Object.entries({
  'a then': `Object.defineProperty(Object.prototype, 'then', {configurable: true, value: undefined})`,
  'a then that throws': `Object.defineProperty(Object.prototype, 'then', {configurable: true, get() { throw new Error('polluted') }})`,
  'a then that never calls back': `Object.prototype.then = function () {}`,
  'a done': `Object.prototype.done = true`,
  'a return': `Object.prototype.return = function () { throw new Error('polluted') }`,
  options: `Object.assign(Object.prototype, {timeout: 'soon', signal: 3, limit: 'two', foo: 1})`,
  'a read and a destroy': `Object.assign(Object.prototype, {read() {}, destroy() {}})`,
  'a getReader': `Object.prototype.getReader = function () {}`,
  'a tryTake': `Object.prototype.tryTake = function () {}`,
  'a next': `Object.prototype.next = function () { throw new Error('polluted') }`,
  'a get': `Object.prototype.get = function () {}`,
  'a cause': `Object.prototype.cause = new Error('polluted')`,
}))
  test(`an Object.prototype that was given ${title} leads to an end and never to a hang`, async (t) => {
    const {lines} = await runScript(
      (src) => `
      import {concurrent} from '${src}'
      import {writeSync} from 'node:fs' // Node's console trips over options
      process.on('unhandledRejection', () => {})
      process.on('uncaughtException', () => {})
      const ends = []
      ${pollution}
      const note = (what) => ends.push(what)
      for (const start of [
        () => concurrent([() => 1, async () => 2]),
        () => concurrent((function* () { yield () => 1 })()),
        () => concurrent((async function* () { yield () => 1 })()),
      ]) {
        try {
          const runner = start()
          runner.run().then(() => note('over'), () => note('failed'))
          const left = start()
          left.next().then(() => left.return().then(() => note('left'), () => note('left')), () => note('failed'))
        } catch {
          note('refused')
          note('refused')
        }
      }
      const startedAt = performance.now()
      const timer = setInterval(() => {
        if (ends.length < 6 && performance.now() - startedAt < 30_000) return
        clearInterval(timer)
        writeSync(1, String(ends.length))
        process.exit()
      }, 10)
    `,
    )
    t.deepEqual(lines, ['6'])
  })
