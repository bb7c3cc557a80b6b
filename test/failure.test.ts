// oxlint-disable unicorn/no-thenable -- hostile ones are what is tested
import test from 'ava'
import pDefer from 'p-defer'
import {
  ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  type Task,
  type TaskContext,
  TaskQueue,
} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  isSettled,
  manual,
  manuals,
  never,
  record,
  thunks,
  tracked,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const boom = new Error('boom')
const fails: Task<never> = () => {
  throw boom
}
const a: Task<string> = () => 'a'
const b: Task<string> = () => 'b'

// What an error says

const keepsCause = test.macro(async (t, cause: unknown, description: string, task: Task<never>) => {
  for (const yieldExceptions of [false, true]) {
    const runner = new ConcurrentRunner<string, boolean>([a, task], {limit: 1, yieldExceptions})
    const {values, raised} = await consume(runner)
    const error = instance(yieldExceptions ? values[1] : raised, ConcurrentExecutionError)
    t.true(Object.hasOwn(error, 'cause'))
    t.is(error.cause, cause)
    t.is(error.index, 1)
    t.is(error.name, 'ConcurrentExecutionError')
    t.is(error.message, `Task 1 failed: ${description}`)
    t.deepEqual(values.slice(0, 1), ['a'])
  }
})
const throwsAndRejects = (title: string, cause: unknown, description: string): void => {
  const thrower = (): never => {
    throw cause
  }
  test(`a task that throws ${title} fails with that very cause`, keepsCause, cause, description, thrower)
  test(`a task that rejects with ${title} fails with that very cause`, keepsCause, cause, description, async () =>
    thrower(),
  )
}
throwsAndRejects('an error', boom, 'Error: boom')
throwsAndRejects('undefined', undefined, 'undefined')
throwsAndRejects('null', null, 'null')
throwsAndRejects('false', false, 'false')
throwsAndRejects('0', 0, '0')
throwsAndRejects('an empty string', '', '""')
throwsAndRejects('NaN', Number.NaN, 'NaN')
throwsAndRejects('a symbol', Symbol.for('s'), 'Symbol(s)')
throwsAndRejects('a function', consume, 'the function consume')
throwsAndRejects(
  'an object that cannot be described',
  new Proxy({}, {get: () => fails({} as never)}),
  'an object that cannot be described',
)

test('the classes of errors tell where an error came from', (t) => {
  const details = {cause: undefined, index: 3}
  const execution = new ConcurrentExecutionError('x', details)
  const iterator = new ConcurrentIteratorError('x', details)
  t.true(execution instanceof ConcurrentError && execution instanceof Error)
  t.true(iterator instanceof ConcurrentError && !(iterator instanceof ConcurrentExecutionError))
  t.is(iterator.name, 'ConcurrentIteratorError')
})

// Without yieldExceptions

test('results that were ready before a failure are delivered first, then the error once, then done', async (t) => {
  const [x, y, z] = manuals(3)
  const runner = concurrent(thunks([x, y, z]))
  const first = runner.next()
  y.resolve('y')
  t.deepEqual(await first, {value: 'y', done: false})
  x.resolve('x')
  await turn()
  z.reject(boom)
  await turn()
  t.deepEqual(await runner.next(), {value: 'x', done: false})
  const error = await caught(runner.next())
  t.true(error instanceof ConcurrentExecutionError && error.cause === boom && error.index === 2)
  t.deepEqual(await runner.next(), {value: undefined, done: true})
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})

test('results that become ready after a failure are not delivered', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]))
  const pending = caught(runner.next())
  x.reject(boom)
  await pending
  y.resolve('y')
  await turn()
  t.deepEqual(await runner.next(), {value: undefined, done: true})
  t.is(runner.stats.succeeded, 1)
})

test('of several pending next() one gets the error, the others are done', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent(thunks([x]))
  const pending = [runner.next(), runner.next(), runner.next()]
  x.reject(boom)
  const settled = await Promise.allSettled(pending)
  t.deepEqual(
    settled.map((result) => result.status),
    ['rejected', 'fulfilled', 'fulfilled'],
  )
})

test('after a failure nothing more is pulled or started, and the signals of running tasks abort with the error', async (t) => {
  const [x, y] = manuals(2)
  const source = tracked([x.thunk, y.thunk, a, a])
  const runner = concurrent<string>(source, {limit: 2})
  const pending = caught(runner.next())
  x.reject(boom)
  const error = await pending
  t.is(y.context?.signal.reason, error)
  t.deepEqual([source.nexts, source.returns], [2, 1])
  y.resolve('y')
  await runner.drained
  t.is(source.nexts, 2)
})

test('the context signal of the failed task itself aborts too late to matter, and that of a finished one not at all', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]))
  const first = runner.next()
  x.resolve('x')
  await first
  y.reject(boom)
  await caught(runner.next())
  t.is(x.context?.signal.aborted, false)
})

test('the first failure is raised, later ones are only reported', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]))
  const log = record(runner)
  const pending = caught(runner.next())
  y.reject(new Error('first'))
  await turn()
  x.reject(new Error('second'))
  t.is(((await pending) as Error).message, 'Task 1 failed: Error: first')
  await runner.drained
  t.deepEqual(log, ['start 0', 'start 1', 'error 1 first', 'error 0 second', 'drain'])
})

test('with ordered, everything before a failed task is delivered first, and the error comes in its place', async (t) => {
  const [w, x, y, z] = manuals(4)
  const runner = concurrent(thunks([w, x, y, z]), {ordered: true})
  const consumed = consume(runner)
  w.resolve('w')
  y.reject(boom)
  await turn()
  t.false(await isSettled(consumed))
  t.is(x.context?.signal.aborted, false)
  t.true(z.context?.signal.aborted) // a loop one by one would never have started it
  z.resolve('z')
  x.resolve('x')
  const {values, raised} = await consumed
  t.deepEqual(values, ['w', 'x'])
  t.true(raised instanceof ConcurrentExecutionError && raised.index === 2)
  t.deepEqual(await runner.next(), {value: undefined, done: true})
  t.is((await runner.drained).waiting, 0)
})

test('with ordered, an earlier failure replaces a later one', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]), {ordered: true})
  const log = record(runner)
  const pending = caught(runner.next())
  y.reject(boom)
  await turn()
  x.reject(new Error('earlier'))
  const raised = await pending
  t.true(raised instanceof ConcurrentExecutionError && raised.index === 0)
  await runner.drained
  t.deepEqual(log, ['start 0', 'start 1', 'error 1 boom', 'error 0 earlier', 'drain'])
})

test('with ordered, nothing starts after a failure, and the source is closed at once', async (t) => {
  const [x, y] = manuals(2)
  const source = tracked([x.thunk, y.thunk, a, b])
  const runner = concurrent(source, {ordered: true, limit: 2})
  const consumed = consume(runner)
  y.reject(boom)
  await turn()
  t.is(source.returns, 1)
  x.resolve('x')
  t.deepEqual((await consumed).values, ['x'])
  t.is(runner.stats.started, 2)
})

test('with ordered, run() fails at once', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]), {ordered: true})
  const ended = caught(runner.run())
  y.reject(boom)
  await turn()
  t.true(x.context?.signal.aborted)
  x.resolve('x')
  t.true((await ended) instanceof ConcurrentExecutionError)
})

test('with ordered, a failure of the source comes in its place too', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent(
    (function* () {
      yield x.thunk
      throw boom
    })(),
    {ordered: true},
  )
  const consumed = consume(runner)
  await turn()
  t.false(await isSettled(consumed))
  x.resolve('x')
  const {values, raised} = await consumed
  t.deepEqual(values, ['x'])
  t.true(raised instanceof ConcurrentIteratorError && raised.index === 1)
})

test.serial(
  'all running tasks reject in the same tick: one error is raised, all are reported, none is unhandled',
  async (t) => {
    const gate = pDefer<never>()
    const runner = concurrent(
      Array<Task<never>>(10).fill(() => gate.promise),
      {limit: 10},
    )
    const log = record(runner)
    const reasons = await unhandledDuring(async () => {
      const consumed = consume(runner)
      gate.reject(boom)
      const {raised} = await consumed
      t.true(raised instanceof ConcurrentExecutionError && raised.index === 0)
      await runner.drained
    })
    t.deepEqual(reasons, [])
    t.is(log.filter((line) => line.startsWith('error')).length, 10)
    t.is(runner.stats.failed, 10)
  },
)

// With yieldExceptions

test('with yieldExceptions a failure takes its place among the results, and the run goes on', async (t) => {
  const values = await concurrent([a, fails, b], {limit: 1, yieldExceptions: true}).toArray()
  t.deepEqual(
    values.map((value) => (value instanceof ConcurrentExecutionError ? value.cause : value)),
    ['a', boom, 'b'],
  )
})

test('with yieldExceptions all running tasks may reject in the same tick, and each has its error', async (t) => {
  const gate = pDefer<never>()
  const ended = concurrent(
    Array<Task<never>>(5).fill(() => gate.promise),
    {yieldExceptions: true},
  ).toArray()
  gate.reject(boom)
  const errors = await ended
  t.deepEqual(
    errors.map((error) => error.index),
    [0, 1, 2, 3, 4],
  )
})

test('an Error that a task returned is a result', async (t) => {
  for (const yieldExceptions of [false, true]) {
    const runner = new ConcurrentRunner<Error, boolean>([() => boom, async () => boom], {yieldExceptions})
    const log = record(runner)
    t.deepEqual(await runner.toArray(), [boom, boom])
    t.is(log.filter((line) => line.startsWith('result')).length, 2)
  }
})

test('a ConcurrentError that a task threw is wrapped like any other', async (t) => {
  const inner = new ConcurrentExecutionError('inner', {cause: 1, index: 9})
  const error = await caught(
    concurrent([
      () => {
        throw inner
      },
    ]).toArray(),
  )
  t.true(error instanceof ConcurrentExecutionError && error.cause === inner && error.index === 0)
})

// The source fails

const failsAt = test.macro(async (t, index: number, isAsync: boolean, yieldExceptions: boolean) => {
  const source = (isAsync ? trackedAsync : tracked)<Task<string>>([], {
    onNext: (call) => {
      if (call === index) throw boom
    },
    forever: () => a,
  })
  const runner = new ConcurrentRunner<string, boolean>(source, {limit: 1, yieldExceptions})
  const {values, raised} = await consume(runner)
  await runner.drained
  t.deepEqual(values, Array(index).fill('a'))
  const error = instance(raised, ConcurrentIteratorError)
  t.is(error.cause, boom)
  t.is(error.index, index)
  t.is(error.message, `The source failed at item ${index}: Error: boom`)
  t.deepEqual([source.nexts, source.returns], [index + 1, 0])
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})
for (const isAsync of [false, true])
  for (const index of [0, 3])
    for (const yieldExceptions of [false, true])
      test(
        `${isAsync ? 'an async' : 'a synchronous'} source that fails at item ${index} ends the run, ${
          yieldExceptions ? 'with yieldExceptions too' : 'and is not asked to return()'
        }`,
        failsAt,
        index,
        isAsync,
        yieldExceptions,
      )

test('a generator that throws undefined has failed all the same', async (t) => {
  const source = function* (): Generator<Task<string>> {
    yield a
    throw undefined
  }
  const error = await caught(concurrent(source).toArray())
  t.true(error instanceof ConcurrentIteratorError && error.cause === undefined && Object.hasOwn(error, 'cause'))
})

test('an async source whose next() throws synchronously has failed', async (t) => {
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        throw boom
      },
    }),
  }
  const error = await caught(concurrent(source).toArray())
  t.true(error instanceof ConcurrentIteratorError && error.cause === boom)
})

test('a source whose iterator cannot be made has failed', async (t) => {
  const source = {
    [Symbol.iterator]: (): Iterator<Task<string>> => {
      throw boom
    },
  }
  const error = await caught(concurrent(source).toArray())
  t.true(error instanceof ConcurrentIteratorError && error.cause === boom)
})

test('a source fails while tasks are in flight and one rejects later: the source error is raised, the other reported', async (t) => {
  const [x, y] = manuals(2)
  const source = function* (): Generator<Task<string>> {
    yield x.thunk
    yield y.thunk
    throw boom
  }
  const runner = concurrent(source)
  const log = record(runner)
  const error = await caught(runner.next())
  t.true(error instanceof ConcurrentIteratorError && error.index === 2)
  t.is(y.context?.signal.reason, error)
  x.reject(new Error('late'))
  y.resolve('y')
  await runner.drained
  t.deepEqual(log, ['start 0', 'start 1', 'error - boom', 'error 0 late', 'result 1 y', 'drain'])
})

// shouldRaise

class Choosy extends ConcurrentRunner<string, true> {
  readonly asked: string[] = []
  protected override shouldRaise(error: ConcurrentError): boolean {
    this.asked.push(`${error.name} ${error.index}`)
    return error.cause instanceof RangeError
  }
}
const chosen: Task<never> = () => {
  throw new RangeError('chosen')
}

test('shouldRaise decides which failures end the run; the others take their place', async (t) => {
  const runner = new Choosy([a, fails, b, chosen, a], {limit: 1})
  const {values, raised} = await consume(runner)
  t.deepEqual(
    values.map((value) => (typeof value === 'string' ? value : value.index)),
    ['a', 1, 'b'],
  )
  t.true(raised instanceof ConcurrentExecutionError && raised.cause instanceof RangeError)
  t.deepEqual(runner.asked, ['ConcurrentExecutionError 1', 'ConcurrentExecutionError 3'])
})

test('shouldRaise may let a run end gracefully whose source failed', async (t) => {
  const source = function* (): Generator<Task<string>> {
    yield a
    throw boom
  }
  const runner = new Choosy(source)
  const values = await runner.toArray()
  t.is(values.length, 2)
  t.true(values.some((value) => value instanceof ConcurrentIteratorError))
  t.is(runner.state, 'drained')
})

test('shouldRaise is asked about items that are no tasks, too', async (t) => {
  const runner = new Choosy([5 as unknown as Task<string>, a])
  t.is((await runner.toArray()).length, 2)
  t.deepEqual(runner.asked, ['ConcurrentError 0'])
})

test('shouldRaise is not asked once the run has failed', async (t) => {
  const [x, y] = manuals(2)
  const runner = new Choosy(thunks([x, y]))
  const consumed = consume(runner)
  x.reject(new RangeError('chosen'))
  await consumed
  y.reject(boom)
  await runner.drained
  t.deepEqual(runner.asked, ['ConcurrentExecutionError 0'])
})

// Hostile thenables

const getter = {get: () => fails({} as never)}

type Then = (onFulfilled: (value: unknown) => void, onRejected: (reason: unknown) => void) => unknown
const thenable = (then: Then): Task<unknown> => ({then}) as PromiseLike<unknown>

const settlesOnce = test.macro(async (t, hostile: () => Task<unknown>, expected: string[]) => {
  for (const wrap of [
    (task: Task<unknown>) => task,
    (task: Task<unknown>): Task<unknown> =>
      () =>
        task,
  ]) {
    const runner = concurrent([wrap(hostile()), a], {limit: 1, yieldExceptions: true})
    const log = record(runner)
    const stats = await runner.run()
    t.deepEqual(log, ['start 0', ...expected, 'start 1', 'result 1 a', 'drain'])
    t.is(stats.running, 0)
    t.is(stats.succeeded + stats.failed, 2)
  }
})
test('a foreign thenable fulfils', settlesOnce, () => thenable((resolve) => resolve(1)), ['result 0 1'])
test('a foreign thenable fulfils later', settlesOnce, () => thenable((resolve) => setImmediate(resolve, 1)), [
  'result 0 1',
])
test('a foreign thenable rejects', settlesOnce, () => thenable((_, reject) => reject(boom)), ['error 0 boom'])
test('a thenable whose then() throws fails', settlesOnce, () => thenable(() => fails({} as never)), ['error 0 boom'])
test(
  'a thenable that fulfils and then throws has fulfilled',
  settlesOnce,
  () =>
    thenable((resolve) => {
      resolve(1)
      throw boom
    }),
  ['result 0 1'],
)
test(
  'a thenable that fulfils twice has one result',
  settlesOnce,
  () =>
    thenable((resolve) => {
      resolve(1)
      resolve(2)
      setImmediate(resolve, 3)
    }),
  ['result 0 1'],
)
test(
  'a thenable that rejects and then fulfils has failed',
  settlesOnce,
  () =>
    thenable((resolve, reject) => {
      reject(boom)
      resolve(2)
      setImmediate(resolve, 3)
    }),
  ['error 0 boom'],
)
test(
  'a thenable that fulfils with a promise is waited for',
  settlesOnce,
  () => thenable((resolve) => resolve(turn(1).then(() => 1))),
  ['result 0 1'],
)
test(
  'a thenable that fulfils with a rejecting thenable fails',
  settlesOnce,
  () => thenable((resolve) => resolve(thenable((_, reject) => reject(boom)))),
  ['error 0 boom'],
)

class Promising<T> extends Promise<T> {}
class Lazy<T> extends Promise<T> {
  calls = 0
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.calls++
    return super.then(onFulfilled, onRejected)
  }
}
test('a subclass of Promise fulfils', settlesOnce, () => Promising.resolve(1), ['result 0 1'])
test('a subclass of Promise rejects', settlesOnce, () => Promising.reject(boom), ['error 0 boom'])

test('a lazy promise is not started before its turn', async (t) => {
  const [x] = manuals(1)
  const lazy = Lazy.resolve('lazy') as Lazy<string>
  const ended = concurrent([x.thunk, lazy], {limit: 1}).toArray()
  await turn()
  t.is(lazy.calls, 0)
  x.resolve('x')
  t.deepEqual(await ended, ['x', 'lazy'])
  t.is(lazy.calls, 1)
})

const tampered = (constructor: PropertyDescriptor): Task<unknown> =>
  Object.defineProperty(Promise.resolve(1), 'constructor', constructor)
test('a promise without a constructor fulfils', settlesOnce, () => tampered({value: undefined}), ['result 0 1'])
test('a promise whose constructor cannot be read fails, as it would with await', settlesOnce, () => tampered(getter), [
  'error 0 boom',
])

const hostileGetter = test.macro(async (t, hostile: object, errors: string[]) => {
  const runner = concurrent([hostile, a] as Array<Task<string>>, {limit: 1, yieldExceptions: true})
  const log = record(runner)
  const [error, value] = await runner.toArray()
  t.true(error instanceof ConcurrentError && error.cause === boom && error.index === 0)
  t.is(value, 'a')
  t.deepEqual(log, [...errors, 'start 1', 'result 1 a', 'drain'])
})
test(
  'an item whose then cannot be read is no task, and its cause is what the getter threw',
  hostileGetter,
  Object.defineProperty({}, 'then', getter),
  ['error - boom'],
)
test(
  'a proxy whose every property throws is no task, and an error event says that it cannot be disposed of either',
  hostileGetter,
  new Proxy({}, getter),
  ['error - boom', 'error - boom'],
)

test('a revoked proxy is no task, also among more items than the limit', async (t) => {
  const {proxy, revoke} = Proxy.revocable({}, {})
  revoke()
  const runner = concurrent([proxy, a] as Array<Task<string>>, {limit: 1, yieldExceptions: true})
  const [error, value] = await runner.toArray()
  t.true(error instanceof ConcurrentError && error.cause instanceof TypeError && error.index === 0)
  t.is(value, 'a')
})

test('a function that returns a thenable whose then cannot be read fails', async (t) => {
  const runner = concurrent<string, true>([() => Object.defineProperty({}, 'then', getter) as unknown as string, a], {
    limit: 1,
    yieldExceptions: true,
  })
  const [error, value] = await runner.toArray()
  t.true(error instanceof ConcurrentExecutionError && error.cause === boom)
  t.is(value, 'a')
})

test('a function that also has a then() is called as a function', async (t) => {
  const both = Object.assign(() => 'called', {then: () => t.fail('used as a thenable')})
  t.deepEqual(await concurrent<string>([both]).toArray(), ['called'])
})

test('a signal that cannot be listened to ends the run with what it threw', async (t) => {
  const removeEventListener = (): void => {}
  const signal = {
    aborted: false,
    addEventListener: () => fails({} as never),
    removeEventListener,
  } as unknown as AbortSignal
  for (const begin of [
    (runner: ConcurrentRunner<string>) => runner.next(),
    (runner: ConcurrentRunner<string>) => runner.run(),
  ]) {
    const runner = concurrent([a], {signal})
    t.is(await caught(begin(runner)), boom)
    t.is((await runner.drained).started, 0)
  }
})

// Timeouts

const isTimeout = (error: unknown): boolean =>
  error instanceof ConcurrentExecutionError &&
  error.cause instanceof DOMException &&
  error.cause.name === 'TimeoutError'

test('a task past its timeout fails at once with a TimeoutError, which its own signal gets as reason', async (t) => {
  const x = manual()
  const error = await caught(concurrent([x.thunk], {timeout: 1}).next())
  t.true(isTimeout(error))
  t.is(x.context?.signal.reason, (error as Error).cause)
})

test('a timed-out task keeps its slot until it settles: the limit is never exceeded', async (t) => {
  const slow = manual()
  const runner = concurrent([slow.thunk, a], {limit: 1, timeout: 1, yieldExceptions: true})
  const log = record(runner)
  t.true(isTimeout((await runner.next()).value))
  const pending = runner.next()
  await turn()
  t.deepEqual(log, ['start 0', 'error 0 The task took longer than 1 ms'])
  t.deepEqual(runner.stats, {started: 1, succeeded: 0, failed: 1, running: 1, waiting: 0, retrying: 0})
  slow.resolve('too late')
  t.deepEqual(await pending, {value: 'a', done: false})
  await runner.drained
  t.deepEqual(log.slice(2), ['start 1', 'result 1 a', 'drain'])
})

test.serial(
  'a timeout of the first task lets ordered results through, so that the next task starts, though the slot stays taken',
  async (t) => {
    const timeout = 54_321
    const timers: Array<() => void> = []
    const {setTimeout} = globalThis
    const captured = (callback: () => void, ms?: number): unknown =>
      ms === timeout ? timers.push(callback) : setTimeout(callback, ms)
    globalThis.setTimeout = captured as typeof setTimeout
    t.teardown(() => {
      globalThis.setTimeout = setTimeout
    })
    const third = pDefer<void>()
    const source = async function* () {
      yield () => never()
      yield a
      third.resolve()
      yield a
    }
    const runner = concurrent(source, {limit: 3, highWaterMark: 1, ordered: true, timeout, yieldExceptions: true})
    const results = [runner.next(), runner.next(), runner.next()]
    await third.promise
    await turn()
    t.is(runner.stats.started, 2) // the third has to wait for room
    timers[0]?.()
    const values = (await Promise.all(results)).map(({value}) => (value instanceof Error ? 'timeout' : value))
    t.deepEqual(values, ['timeout', 'a', 'a'])
    await runner.return()
  },
)

test('what a task does after its timeout changes nothing: one outcome', async (t) => {
  for (const settle of ['resolve', 'reject'] as const) {
    const slow = manual()
    const runner = concurrent([slow.thunk], {timeout: 1, yieldExceptions: true})
    const log = record(runner)
    const ended = runner.toArray()
    runner.once('error', () => slow[settle]('late'))
    t.is((await ended).length, 1)
    t.deepEqual(log, ['start 0', 'error 0 The task took longer than 1 ms', 'drain'])
  }
})

test('drained waits for a timed-out task', async (t) => {
  const slow = manual()
  const runner = concurrent([slow.thunk], {timeout: 1})
  await caught(runner.next())
  await turn()
  t.is(runner.state, 'closing')
  slow.resolve('late')
  await runner.drained
  t.is(runner.stats.running, 0)
})

test('with releaseOnTimeout the slot is free at once, and drained does not wait', async (t) => {
  const runner = concurrent<string, true>([never, a], {
    limit: 1,
    timeout: 1,
    releaseOnTimeout: true,
    yieldExceptions: true,
  })
  const log = record(runner)
  const values = await runner.toArray()
  t.true(isTimeout(values[0]))
  t.is(values[1], 'a')
  t.deepEqual(log, ['start 0', 'error 0 The task took longer than 1 ms', 'start 1', 'result 1 a', 'drain'])
  t.is((await runner.drained).running, 0)
})

test('with releaseOnTimeout the tasks beside one that has timed out are still listed, and still aborted', async (t) => {
  const queue = new TaskQueue()
  const signals: AbortSignal[] = []
  const stuck = ({signal}: TaskContext): Promise<never> => {
    signals.push(signal)
    return never()
  }
  const runner = queue.run({limit: 4, releaseOnTimeout: true})
  const pushes = [Infinity, 1, Infinity, 2].map((timeout) => caught(queue.push(stuck, {timeout})))
  await Promise.all([pushes[1], pushes[3]])
  const indexes = (): number[] => [...runner.running].map(({index}) => index).sort((one, other) => one - other)
  t.deepEqual(indexes(), [0, 2])
  pushes.push(caught(queue.push(stuck)))
  await turn()
  t.deepEqual(indexes(), [0, 2, 4])
  runner.abort(boom)
  t.deepEqual(
    signals.map(({aborted}) => aborted),
    [true, true, true, true, true],
  )
  t.is(signals[4]?.reason, boom)
})

test.serial(
  'with releaseOnTimeout a task that rejects after its timeout is counted once and never unhandled',
  async (t) => {
    const slow = manual()
    const runner = concurrent([slow.thunk, a], {limit: 1, timeout: 1, releaseOnTimeout: true, yieldExceptions: true})
    const reasons = await unhandledDuring(async () => {
      await runner.run()
      slow.reject(boom)
    })
    t.deepEqual(reasons, [])
    t.deepEqual(runner.stats, {started: 2, succeeded: 1, failed: 1, running: 0, waiting: 0, retrying: 0})
  },
)

test('a task that settles in time is not timed out, nor is the next one in its slot by the timer of the first', async (t) => {
  const runner = concurrent(
    Array<Task<number>>(50).fill(async ({index, signal}) => {
      await turn(1)
      return signal.aborted ? -1 : index
    }),
    {limit: 2, timeout: 60_000},
  )
  t.is((await runner.toArray()).includes(-1), false)
})

test('a promise of an array can time out', async (t) => {
  const runner = concurrent([never()], {timeout: 1, releaseOnTimeout: true})
  t.true(isTimeout(await caught(runner.toArray())))
})

test('a task that throws at once leaves no timer behind to fail it again', async (t) => {
  const runner = concurrent([fails], {timeout: 1, yieldExceptions: true})
  const log = record(runner)
  await runner.run()
  await new Promise((resolve) => setTimeout(resolve, 5))
  t.deepEqual(log, ['start 0', 'error 0 boom', 'drain'])
})
