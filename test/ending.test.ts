import {getEventListeners} from 'node:events'
import test from 'ava'
import pDefer from 'p-defer'
import {
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  type Task,
  TaskQueue,
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
const endless = (track: typeof tracked | typeof trackedAsync = tracked): ReturnType<typeof tracked<Task<number>>> =>
  track<Task<number>>([], {forever: () => one}) as ReturnType<typeof tracked<Task<number>>>

// The source is closed exactly once

type Runner = ConcurrentRunner<number>
const endings: Record<string, (runner: Runner) => unknown> = {
  break: async (runner) => {
    for await (const _ of runner) break
  },
  'a throw in the loop body': (runner) =>
    caught(
      (async () => {
        for await (const _ of runner) throw boom
      })(),
    ),
  'return()': (runner) => runner.return(),
  'throw()': (runner) => caught(runner.throw(boom)),
  'abort()': (runner) => runner.abort(),
  'stop()': (runner) => runner.stop(),
  'stop() and then abort()': (runner) => {
    void runner.stop()
    runner.abort()
  },
  disposal: (runner) => runner[Symbol.asyncDispose](),
  'everything at once, twice': (runner) => {
    for (let count = 0; count < 2; count++) {
      void runner.stop()
      void runner.return()
      runner.abort()
      void runner[Symbol.asyncDispose]()
    }
  },
}
for (const [name, end] of Object.entries(endings))
  for (const track of [tracked, trackedAsync]) {
    const title = `${name} closes ${track === tracked ? 'an iterable' : 'an async iterable'} exactly once, and pulls no more`
    test(title, async (t) => {
      const source = endless(track)
      const runner = concurrent(source, {limit: 2})
      const log = record(runner)
      await runner.next()
      await end(runner)
      const pulls = source.nexts
      await runner.drained
      await turn()
      await runner.next().catch(() => {})
      t.deepEqual([source.opened, source.returns, source.nexts], [1, 1, pulls])
      t.is(runner.state, 'drained')
      t.is(log.at(-1), 'drain')
    })
  }

const leavesUnclosed = test.macro(async (t, track: typeof tracked | typeof trackedAsync) => {
  const source = track<Task<number>>([one, one])
  const runner = concurrent<number>(source as Iterable<Task<number>>)
  t.deepEqual(await runner.toArray(), [1, 1])
  await runner.return()
  runner.abort()
  await runner.stop()
  t.deepEqual([source.nexts, source.returns], [3, 0])
})
test('an exhausted iterable is never closed', leavesUnclosed, tracked)
test('an exhausted async iterable is never closed', leavesUnclosed, trackedAsync)

test('a task that fails after the source was exhausted does not close it', async (t) => {
  const [x] = manuals(1)
  const source = tracked([x.thunk])
  const pending = caught(concurrent(source).toArray())
  await turn()
  x.reject(boom)
  await pending
  t.is(source.returns, 0)
})

test('a failing task closes the source, and the error surfaces once that has cleaned up', async (t) => {
  const cleaned = pDefer<IteratorResult<never>>()
  const source = tracked<Task<number>>([fails, one], {onReturn: () => cleaned.promise})
  const runner = concurrent<number>(source, {limit: 1})
  const pending = caught(runner.next())
  t.false(await isSettled(pending))
  t.is(source.returns, 1)
  cleaned.resolve({done: true, value: undefined as never})
  t.true((await pending) instanceof ConcurrentExecutionError)
})

test('a loop is left once the source has cleaned up', async (t) => {
  const log: string[] = []
  const source = async function* (): AsyncGenerator<() => number> {
    try {
      for (;;) yield () => 1
    } finally {
      await turn(2)
      log.push('cleaned up')
    }
  }
  for await (const _ of concurrent(source, {limit: 1, highWaterMark: 0})) break
  log.push('left')
  t.deepEqual(log, ['cleaned up', 'left'])
})

test('leaving does not wait for running tasks, drained does', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent<unknown>([one, x.thunk])
  for await (const _ of runner) break
  t.is(runner.state, 'closing')
  t.false(await isSettled(runner.drained))
  x.resolve('x')
  await runner.drained
  t.is(runner.state, 'drained')
})

test('a source without a return() can be left', async (t) => {
  const source = {[Symbol.iterator]: () => ({next: () => ({done: false as const, value: one})})}
  const runner = concurrent<number>(source)
  await runner.next()
  await runner.return()
  await runner.drained
  t.is(runner.state, 'drained')
})

test('a generator closed before its start runs none of its code, and is closed', async (t) => {
  for (const end of [endings['return()'], endings['abort()'], endings['stop()'], endings['disposal']]) {
    const generator = (function* (): Generator<Task<number>> {
      t.fail('ran')
      yield one
    })()
    const runner = concurrent(generator)
    await end?.(runner)
    await runner.drained
    t.deepEqual(generator.next(), {done: true, value: undefined})
  }
})

test('an async generator closed before its start is closed', async (t) => {
  const generator = (async function* (): AsyncGenerator<() => number> {
    yield () => 1
  })()
  await concurrent(generator).return()
  t.deepEqual(await generator.next(), {done: true, value: undefined})
})

test('an iterable closed before its start is not even opened, and a function not called', async (t) => {
  const source = endless()
  const runner = concurrent(source)
  await runner.return()
  const ofFunction = concurrent<number>(() => t.fail('called'))
  await ofFunction.return()
  t.deepEqual([source.opened, source.nexts], [0, 0])
  t.deepEqual(await runner.next(), {done: true, value: undefined})
  t.deepEqual(await ofFunction.next(), {done: true, value: undefined})
})

// return() of the source that goes wrong

const badReturn = test.macro(async (t, onReturn: () => unknown, errors: string[]) => {
  const source = tracked([one, one, one], {onReturn})
  const runner = concurrent(source, {limit: 1, highWaterMark: 0})
  const log = record(runner)
  t.deepEqual(await consume(firstOf(runner)), {values: [1]})
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 1', ...errors, 'drain'])
})
async function* firstOf<T>(results: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const result of results) {
    yield result
    break
  }
}
const throwBoom = (): never => fails({} as never) as never
test('a return() that throws goes to the error event, and the loop is left', badReturn, throwBoom, ['error - boom'])
test('a return() that rejects goes to the error event, and the loop is left', badReturn, async () => throwBoom(), [
  'error - boom',
])
test('a return() that gives undefined is good enough', badReturn, () => undefined, [])
test('a return() that gives a number is good enough', badReturn, () => 5, [])
test('a return() that refuses to be done is good enough', badReturn, () => ({done: false, value: one}), [])

test('what return() throws is a ConcurrentIteratorError that says so', async (t) => {
  const errors: unknown[] = []
  const runner = concurrent(tracked([one, one], {onReturn: throwBoom}), {limit: 1, highWaterMark: 0})
  runner.on('error', (error) => errors.push(error))
  await runner.next()
  await runner.return()
  const [error] = errors
  t.true(error instanceof ConcurrentIteratorError && error.cause === boom)
  t.is((error as Error).message, 'Closing the source failed: Error: boom')
})

test('what return() throws does not mask the error that ended the run', async (t) => {
  for (const onReturn of [throwBoom, async () => throwBoom()]) {
    const first = new Error('first')
    const source = tracked<Task<number>>([async () => Promise.reject(first), one], {onReturn})
    const runner = concurrent<number>(source, {limit: 1})
    const log = record(runner)
    const {raised} = await consume(runner)
    t.true(raised instanceof ConcurrentExecutionError && raised.cause === first)
    await runner.drained
    t.deepEqual(log, ['start 0', 'error 0 first', 'error - boom', 'drain'])
  }
})

test('what return() throws does not mask the reason of abort()', async (t) => {
  const reason = new Error('reason')
  const runner = concurrent(tracked([never, never], {onReturn: throwBoom}), {limit: 1})
  const pending = caught(runner.next())
  runner.abort(reason)
  t.is(await pending, reason)
})

test('what return() throws does not fail a run that was stopped', async (t) => {
  const runner = concurrent(tracked([one, one], {onReturn: throwBoom}), {limit: 1})
  const ended = runner.toArray()
  void runner.stop()
  t.deepEqual(await ended, [1])
})

test('a return() that never settles keeps break waiting, until a second abort() gives it up', async (t) => {
  const runner = concurrent(tracked([one, one], {onReturn: never}), {limit: 1, highWaterMark: 0})
  await runner.next()
  const left = runner.return()
  t.false(await isSettled(left))
  t.false(await isSettled(runner.drained))
  runner.abort()
  runner.abort()
  t.deepEqual(await left, {done: true, value: undefined})
  t.is((await runner.drained).succeeded, 1)
})

// A source in the middle of its next item

const stuck: Record<string, (runner: ConcurrentRunner<number>) => unknown> = {
  'return()': (runner) => runner.return(),
  'abort()': (runner) => runner.abort(boom),
  'stop()': (runner) => runner.stop(),
  disposal: (runner) => runner[Symbol.asyncDispose](),
}
for (const [name, end] of Object.entries(stuck)) {
  test(`${name} does not wait for a source that is stuck in an await, and closes it when it comes back`, async (t) => {
    const gate = pDefer<void>()
    let isClosed = false
    const source = async function* (): AsyncGenerator<() => number> {
      try {
        yield () => 1
        await gate.promise
        yield () => t.fail('started')
      } finally {
        isClosed = true
      }
    }
    const runner = concurrent<number>(source)
    await runner.next()
    const pending = runner.next().then(
      (result) => result.done,
      (error: unknown) => error,
    )
    await end(runner)
    await runner.drained
    t.is(await pending, name === 'abort()' ? boom : true)
    t.false(isClosed)
    gate.resolve()
    await turn()
    t.true(isClosed)
  })
}

test('a failing task ends the run without waiting for a source that is stuck in an await', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent<string>(async function* () {
    yield x.thunk
    await never()
  })
  const pending = caught(runner.next())
  await turn()
  x.reject(boom)
  t.true((await pending) instanceof ConcurrentExecutionError)
  await runner.drained
  t.is(runner.state, 'drained')
})

test('an iterator written by hand that can be interrupted is closed at once while its next() is pending', async (t) => {
  const pendingNext = pDefer<IteratorResult<Task<number>>>()
  let returns = 0
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => pendingNext.promise,
      return: async () => {
        returns++
        pendingNext.resolve({done: true, value: undefined})
        return {done: true as const, value: undefined}
      },
    }),
  }
  const runner = concurrent<number>(source)
  const pending = runner.next()
  await runner.return()
  t.is(returns, 1)
  t.deepEqual(await pending, {done: true, value: undefined})
})

test('what a source gives or throws after the run has ended is dropped', async (t) => {
  for (const settle of ['resolve', 'reject'] as const) {
    const gate = pDefer<void>()
    const source = trackedAsync<Task<number>>([() => t.fail('started')], {
      onNext: () => gate.promise,
    })
    const runner = concurrent<number>(source)
    const log = record(runner)
    void runner.next()
    await runner.return()
    await runner.drained
    gate[settle]()
    await turn()
    t.deepEqual(log, ['drain'])
    t.deepEqual([source.nexts, source.returns], [1, 1])
  }
})

const endsInPull = test.macro(async (t, isAsync: boolean, end: (runner: Runner) => void) => {
  const log: string[] = []
  const body = function* (): Generator<Task<number>> {
    try {
      yield one
      end(runner)
      yield () => t.fail('started')
    } finally {
      log.push('closed')
    }
  }
  const bodyAsync = async function* (): AsyncGenerator<() => number> {
    yield* body() as Generator<() => number>
  }
  const runner: Runner = concurrent<number>(isAsync ? bodyAsync() : body(), {limit: 2})
  const {raised} = await consume(runner)
  await runner.drained
  await turn()
  t.is(raised, end === aborts ? boom : undefined)
  t.deepEqual(log, ['closed'])
  t.is(runner.stats.started, 1)
})
const aborts = (runner: Runner): void => runner.abort(boom)
const stops = (runner: Runner): void => void runner.stop()
const leaves = (runner: Runner): void => void runner.return()
for (const isAsync of [false, true]) {
  const kind = isAsync ? 'an async generator' : 'a generator'
  test(`${kind} may call abort() in the middle of a pull, and is closed after it`, endsInPull, isAsync, aborts)
  test(`${kind} may call stop() in the middle of a pull, and is closed after it`, endsInPull, isAsync, stops)
  test(`${kind} may call return() in the middle of a pull, and is closed after it`, endsInPull, isAsync, leaves)
}

test('a source function may abort the run before it returns', async (t) => {
  const source = endless()
  const runner: Runner = concurrent<number>(() => {
    runner.abort(boom)
    return source
  })
  t.is(await caught(runner.next()), boom)
  await runner.drained
  t.is(source.nexts, 0)
})

// Disposal of what never ran

function disposable(log: string[], name: string, symbol: symbol = Symbol.dispose): Task<number> {
  return Object.assign(() => 1, {[symbol]: () => void log.push(name)})
}

const disposesRest = test.macro(
  async (t, toSource: (tasks: Array<Task<number>>) => Iterable<Task<number>>, end: (runner: Runner) => unknown) => {
    const log: string[] = []
    const tasks = [one, disposable(log, 'b'), disposable(log, 'c', Symbol.asyncDispose), never]
    const runner: Runner = concurrent<number>(toSource(tasks), {limit: 1, highWaterMark: 0})
    await runner.next()
    await end(runner)
    await runner.drained
    t.deepEqual(log, ['b', 'c'])
  },
)
for (const name of ['break', 'return()', 'abort()', 'stop()', 'disposal']) {
  const end = endings[name] ?? (() => {})
  // `break` takes one more result, so it has a task of its own.
  const withSpare = (tasks: Array<Task<number>>): Array<Task<number>> => (name === 'break' ? [one, ...tasks] : tasks)
  test(`${name} disposes of what remains in an array`, disposesRest, (tasks) => withSpare(tasks), end)
  test(
    `${name} disposes of what remains in a set`,
    disposesRest,
    (tasks) => new Set([...(name === 'break' ? [() => 0] : []), ...tasks]),
    end,
  )
  test(
    `${name} disposes of what remains in the iterator of a map`,
    disposesRest,
    (tasks) => new Map(withSpare(tasks).entries()).values(),
    end,
  )
}

test('a run closed before its start disposes of its whole array', async (t) => {
  const log: string[] = []
  const runner = concurrent([disposable(log, 'a'), disposable(log, 'b', Symbol.asyncDispose)])
  await runner.return()
  t.deepEqual(log, ['a', 'b'])
})

test('a failing task disposes of what remains in an array', async (t) => {
  const log: string[] = []
  await caught(concurrent([fails, disposable(log, 'b')], {limit: 1}).toArray())
  t.deepEqual(log, ['b'])
})

test('what remains in a generator is left to the generator', async (t) => {
  const log: string[] = []
  const source = function* (): Generator<Task<number>> {
    yield one
    yield disposable(log, 'b')
  }
  const runner = concurrent<number>(source, {limit: 1, highWaterMark: 0})
  await runner.next()
  await runner.return()
  t.deepEqual(log, [])
})

test('what was pulled but never started is disposed of', async (t) => {
  for (const name of ['return()', 'abort()', 'stop()']) {
    const log: string[] = []
    const runner = concurrent<number>(trackedAsync([disposable(log, 'held'), one]))
    void runner.next().catch(() => {})
    runner.pause()
    await turn()
    t.deepEqual(log, [])
    await endings[name]?.(runner)
    await runner.drained
    t.deepEqual(log, ['held'])
  }
})

test('what arrives after the end is disposed of', async (t) => {
  const log: string[] = []
  const gate = pDefer<void>()
  const runner = concurrent<number>(trackedAsync([disposable(log, 'late')], {onNext: () => gate.promise}))
  void runner.next()
  await runner.return()
  gate.resolve()
  await turn()
  t.deepEqual(log, ['late'])
})

test('a disposal that throws or rejects goes to the error event, and the others are still disposed of', async (t) => {
  const log: string[] = []
  const bad = Object.assign(() => 1, {[Symbol.dispose]: throwBoom})
  const rejecting = Object.assign(() => 1, {[Symbol.asyncDispose]: async () => throwBoom()})
  const runner = concurrent([one, bad, rejecting, disposable(log, 'c')], {limit: 1, highWaterMark: 0})
  const events = record(runner)
  const messages: string[] = []
  runner.on('error', ({message}) => messages.push(message))
  await runner.next()
  await runner.return()
  await runner.drained
  t.deepEqual(log, ['c'])
  t.deepEqual(new Set(messages), new Set(['Disposing of a task that will not run failed: Error: boom']))
  t.deepEqual(events, ['start 0', 'result 0 1', 'error - boom', 'error - boom', 'drain'])
})

test('drained waits for disposals', async (t) => {
  const disposed = pDefer<void>()
  const slow = Object.assign(() => 1, {[Symbol.asyncDispose]: () => disposed.promise})
  const runner = concurrent([slow])
  await runner.return()
  t.false(await isSettled(runner.drained))
  disposed.resolve()
  await runner.drained
  t.is(runner.state, 'drained')
})

test.serial('promises that remain in an array stay handled, however the run ends', async (t) => {
  for (const end of Object.values(endings)) {
    const late = pDefer<number>()
    const runner = concurrent<number>([Promise.resolve(1), never(), late.promise], {limit: 1, highWaterMark: 0})
    const reasons = await unhandledDuring(async () => {
      const first = runner.next()
      await first
      void (async () => end(runner))()
      await turn()
      late.reject(boom)
    })
    t.deepEqual(reasons, [])
  }
})

// Consumers

test('a throw in the loop body wins over failing tasks and a failing cleanup', async (t) => {
  const [x] = manuals(1)
  const body = new Error('body')
  const runner = concurrent<unknown>(tracked<Task<unknown>>([one, x.thunk], {onReturn: throwBoom}), {limit: 2})
  const raised = await caught(
    (async () => {
      for await (const _ of runner) {
        x.reject(boom)
        throw body
      }
    })(),
  )
  t.is(raised, body)
})

test('a throw in the loop body wins over an error that is waiting to be raised', async (t) => {
  const body = new Error('body')
  const runner = concurrent<number>([one, fails], {limit: 2})
  const raised = await caught(
    (async () => {
      for await (const _ of runner) {
        await turn()
        throw body
      }
    })(),
  )
  t.is(raised, body)
})

test('next() after return() is done, even if an error was waiting to be raised', async (t) => {
  const runner = concurrent<number>([one, fails], {limit: 2})
  await runner.next()
  await turn()
  await runner.return()
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})

test('return() gives done and its value, the value awaited', async (t) => {
  t.deepEqual(await concurrent([one]).return('x'), {done: true, value: 'x'})
  t.deepEqual(await concurrent([one]).return(Promise.resolve('x')), {done: true, value: 'x'})
  t.deepEqual(await concurrent([one]).return(), {done: true, value: undefined})
})

test.serial('return() of a promise that rejects gives that rejection, and leaves nothing unhandled', async (t) => {
  const source = tracked([one, one], {onReturn: () => turn(2)})
  const runner = concurrent(source, {limit: 1, highWaterMark: 0})
  await runner.next()
  const reasons = await unhandledDuring(async () => {
    t.is(await caught(runner.return(Promise.reject(boom))), boom)
  })
  t.deepEqual(reasons, [])
  t.is(source.returns, 1)
})

test('throw() ends the run with that reason and rejects with it', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent([x.thunk])
  void runner.next()
  t.is(await caught(runner.throw(boom)), boom)
  t.is(x.context?.signal.reason, boom)
  t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('many next() at once all settle: results first, the others done', async (t) => {
  const runner = concurrent(Array<Task<number>>(3).fill(one), {limit: 1})
  const results = await Promise.all(Array.from({length: 8}, () => runner.next()))
  t.deepEqual(
    results.map((result) => result.done),
    [false, false, false, true, true, true, true, true],
  )
})

test('many next() at once all settle at return()', async (t) => {
  const runner = concurrent([never])
  const pending = Array.from({length: 5}, () => runner.next())
  await runner.return()
  for (const result of await Promise.all(pending)) t.deepEqual(result, {done: true, value: undefined})
})

test('many next() at once all settle at abort(): one rejects with the reason', async (t) => {
  const runner = concurrent([never])
  const pending = Promise.allSettled(Array.from({length: 4}, () => runner.next()))
  runner.abort(boom)
  t.deepEqual(
    (await pending).map((result) => (result.status === 'rejected' ? result.reason : result.value.done)),
    [boom, true, true, true],
  )
})

test('next() after the end is done, never pending', async (t) => {
  const runner = concurrent([one])
  await runner.toArray()
  for (let count = 0; count < 3; count++) t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('two loops over one runner share the results: none twice, none lost', async (t) => {
  const tasks = Array.from(
    {length: 50},
    (_, index): Task<number> =>
      async () =>
        turn(index % 3).then(() => index),
  )
  const runner = concurrent(tasks, {limit: 4})
  const [first, second] = await Promise.all([consume(runner), consume(runner)])
  t.deepEqual(
    [...first.values, ...second.values].sort((a, b) => a - b),
    [...tasks.keys()],
  )
  t.true(first.values.length > 0 && second.values.length > 0)
})

test('when one of two loops leaves, the other one ends too', async (t) => {
  const runner = concurrent(endless(), {limit: 2})
  const other = consume(runner)
  for await (const _ of runner) break
  t.false('raised' in (await other))
})

// abort()

test('abort() rejects the pending next() with the reason itself, and drops results that wait', async (t) => {
  const runner = concurrent<number>([one, one, one, never], {limit: 4})
  await runner.next()
  await turn()
  t.is(runner.stats.waiting, 2)
  const reason = {any: 'value'}
  runner.abort(reason)
  t.is(runner.stats.waiting, 0)
  t.is(await caught(runner.next()), reason)
  t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('abort() without a reason gives an AbortError', async (t) => {
  const runner = concurrent([never])
  const pending = caught(runner.next())
  runner.abort()
  const error = await pending
  t.true(error instanceof DOMException && error.name === 'AbortError')
})

test('abort() with null rejects with null', async (t) => {
  const runner = concurrent([never])
  const pending = caught(runner.next())
  runner.abort(null)
  t.is(await pending, null)
})

test('abort() surfaces once the source has cleaned up', async (t) => {
  const cleaned = pDefer<void>()
  const runner = concurrent(tracked([never, never], {onReturn: () => cleaned.promise}), {limit: 1})
  const pending = caught(runner.next())
  runner.abort(boom)
  t.false(await isSettled(pending))
  cleaned.resolve()
  t.is(await pending, boom)
})

test('the first reason wins, for the consumer and for the tasks', async (t) => {
  const x = manual()
  const runner = concurrent([x.thunk])
  const pending = caught(runner.next())
  runner.abort(boom)
  runner.abort(new Error('second'))
  t.is(await pending, boom)
  t.is(x.context?.signal.reason, boom)
})

test('abort() before the start makes the first next() reject, and nothing is touched', async (t) => {
  const source = endless()
  const runner = concurrent(source)
  runner.abort(boom)
  t.is(await caught(runner.next()), boom)
  t.deepEqual(await runner.next(), {done: true, value: undefined})
  t.is(source.opened, 0)
})

test('abort() after a clean end changes nothing', async (t) => {
  const runner = concurrent([one])
  await runner.toArray()
  runner.abort(boom)
  t.deepEqual(await runner.next(), {done: true, value: undefined})
  t.is(runner.state, 'drained')
})

test('abort() after the end changes nothing: what waits is still handed over', async (t) => {
  const runner = concurrent([one, one, one])
  await runner.next()
  await runner.drained
  runner.abort(boom)
  t.deepEqual(await consume(runner), {values: [1, 1]})
})

test('abort() can be called from a task, which still gets its outcome', async (t) => {
  const runner: Runner = concurrent<number>([
    () => {
      runner.abort(boom)
      return 1
    },
    one,
  ])
  const log = record(runner)
  t.is(await caught(runner.next()), boom)
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 1', 'drain'])
})

test('a task that never settles keeps the run from draining, and keeps nothing else waiting', async (t) => {
  const runner = concurrent([never])
  const pending = caught(runner.next())
  runner.abort(boom)
  t.is(await pending, boom)
  t.false(await isSettled(runner.drained))
  t.is(runner.stats.running, 1)
})

// When nothing runs any more

test('an abort after a failed run has drained takes nothing back: what was ready comes, and then the failure', async (t) => {
  const runner = concurrent([one, one, fails])
  t.deepEqual(await runner.next(), {done: false, value: 1})
  await runner.drained
  runner.abort(new Error('too late'))
  const {values, raised} = await consume(runner)
  t.deepEqual(values, [1])
  t.is((raised as Error).cause, boom)
})

test('a next() that is pending when the run is aborted rejects with the reason, also if return() is called meanwhile', async (t) => {
  const closed = pDefer<unknown>()
  const runner = concurrent(trackedAsync<Task<never>>([never, never], {onReturn: () => closed.promise}), {limit: 1})
  const pending = caught(runner.next())
  await turn()
  runner.abort(boom)
  const left = runner.return()
  closed.resolve({done: true, value: undefined})
  t.is(await pending, boom)
  t.deepEqual(await left, {done: true, value: undefined})
})

test('a next() after return() waits for the source to clean up as well', async (t) => {
  const closed = pDefer<unknown>()
  const runner = concurrent(trackedAsync<Task<number>>([one, one, one], {onReturn: () => closed.promise}), {
    limit: 1,
    highWaterMark: 0,
  })
  await runner.next()
  const left = runner.return()
  const next = runner.next()
  t.deepEqual(await Promise.all([isSettled(left), isSettled(next)]), [false, false])
  closed.resolve({done: true, value: undefined})
  t.deepEqual(await Promise.all([left, next]), [
    {done: true, value: undefined},
    {done: true, value: undefined},
  ])
})

// The signal of the user

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('a signal that aborts ends the run with its reason', async (t) => {
  const controller = new AbortController()
  const runner = concurrent([never], {signal: controller.signal})
  const pending = caught(runner.next())
  controller.abort(boom)
  t.is(await pending, boom)
})

test('a signal that aborted before the start makes the first next() reject, and nothing is touched', async (t) => {
  const source = endless()
  const signal = AbortSignal.abort(boom)
  const runner = concurrent(source, {signal})
  t.is(await caught(runner.next()), boom)
  await runner.drained
  t.deepEqual([source.opened, listeners(signal)], [0, 0])
})

test('a signal that aborts between construction and start does so too', async (t) => {
  const controller = new AbortController()
  const runner = concurrent([one], {signal: controller.signal})
  controller.abort(boom)
  t.is(await caught(runner.run()), boom)
})

test('a signal that aborts after the end changes nothing', async (t) => {
  const controller = new AbortController()
  const runner = concurrent([one], {signal: controller.signal})
  t.deepEqual(await runner.toArray(), [1])
  controller.abort(boom)
  await turn()
  t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('a signal that aborts after drained loses nothing: what waits is still handed over', async (t) => {
  const controller = new AbortController()
  const runner = concurrent([one, one, one], {signal: controller.signal})
  t.deepEqual(await runner.next(), {done: false, value: 1})
  await runner.drained
  t.is(runner.stats.waiting, 2)
  controller.abort(boom)
  t.deepEqual(await consume(runner), {values: [1, 1]})
})

test('a signal is not listened to before the start, by one listener during the run, and by none after it', async (t) => {
  for (const [name, end] of Object.entries({...endings, exhaustion: (runner: Runner) => runner.return()})) {
    const {signal} = new AbortController()
    const runner = concurrent(name === 'exhaustion' ? [one] : endless(), {signal, limit: 8})
    t.is(listeners(signal), 0)
    await runner.next()
    t.true(listeners(signal) <= 1)
    await end(runner)
    await runner.drained
    t.is(listeners(signal), 0, name)
  }
})

test('a hundred runs on one signal leave no listener, though their tasks read their own signals', async (t) => {
  const {signal} = new AbortController()
  const task: Task<number> = (context) => (context.signal.aborted ? 0 : listeners(signal))
  for (let count = 0; count < 100; count++)
    t.deepEqual(await concurrent([task, task, task], {signal}).toArray(), [1, 1, 1])
  t.is(listeners(signal), 0)
})

test('a failed run leaves no listener on the signal', async (t) => {
  const {signal} = new AbortController()
  await caught(concurrent([fails], {signal}).toArray())
  t.is(listeners(signal), 0)
})

// stop()

test('stop() lets running tasks finish, delivers them, and starts no more', async (t) => {
  const tasks = manuals(3)
  const [x, y, z] = tasks
  const runner = concurrent(thunks(tasks), {limit: 2})
  const ended = runner.toArray()
  const stopped = runner.stop()
  t.is(runner.state, 'finishing')
  x.resolve('x')
  y.resolve('y')
  t.deepEqual(await ended, ['x', 'y'])
  t.false(z.isStarted)
  t.is(x.context?.signal.aborted, false)
  t.is(await stopped, await runner.drained)
})

test('stop() delivers results that wait, even after it has drained', async (t) => {
  const runner = concurrent(endless(), {limit: 1, highWaterMark: 3})
  await runner.next()
  await turn()
  await runner.stop()
  t.deepEqual(await runner.toArray(), [1, 1, 1])
})

test('a task that fails after stop() fails the run', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent([x.thunk])
  const pending = caught(runner.toArray())
  void runner.stop()
  x.reject(boom)
  t.true((await pending) instanceof ConcurrentExecutionError)
})

test('stop() before the start ends the run, and next() is done', async (t) => {
  const source = endless()
  const runner = concurrent(source)
  t.deepEqual(await runner.stop(), {started: 0, succeeded: 0, failed: 0, running: 0, waiting: 0, retrying: 0})
  t.deepEqual(await runner.next(), {done: true, value: undefined})
  t.is(source.opened, 0)
})

test('stop() on a paused runner ends it', async (t) => {
  const runner = concurrent(endless())
  runner.pause()
  const ended = runner.toArray()
  await runner.stop()
  t.deepEqual(await ended, [])
})

test('stop() can be called twice, and from a task', async (t) => {
  const runner: Runner = concurrent<number>(
    [
      () => {
        void runner.stop()
        void runner.stop()
        return 7
      },
      one,
    ],
    {limit: 1},
  )
  t.deepEqual(await runner.toArray(), [7])
})

test('stop({timeout}) aborts past its timeout with a TimeoutError', async (t) => {
  const x = manual()
  const runner = concurrent([x.thunk])
  const pending = caught(runner.next())
  void runner.stop({timeout: 1})
  const error = await pending
  t.true(error instanceof DOMException && error.name === 'TimeoutError')
  t.is(x.context?.signal.reason, error)
  x.resolve('late')
  await runner.drained
  t.is(runner.state, 'drained')
})

test('stop({timeout}) ends gracefully when the tasks finish in time', async (t) => {
  const x = manual()
  const runner = concurrent([x.thunk])
  const ended = runner.toArray()
  void runner.stop({timeout: 60_000})
  x.resolve('x')
  t.deepEqual(await ended, ['x'])
})

test('a second stop() may set a timeout', async (t) => {
  const runner = concurrent([never])
  const pending = caught(runner.next())
  void runner.stop()
  void runner.stop({timeout: 1})
  t.true((await pending) instanceof DOMException)
})

for (const timeouts of [
  [1, 60_000],
  [60_000, 1],
]) {
  test(`of the timeouts of several stop() the earliest counts: ${timeouts.join(' and ')} ms`, async (t) => {
    const runner = concurrent([never])
    const pending = caught(runner.next())
    for (const timeout of timeouts) void runner.stop({timeout})
    t.is(((await pending) as DOMException).message, 'stop() took longer than 1 ms')
  })
}

test('abort() during stop() aborts', async (t) => {
  const x = manual()
  const runner = concurrent([x.thunk])
  const pending = caught(runner.next())
  void runner.stop()
  runner.abort(boom)
  t.is(await pending, boom)
  t.is(x.context?.signal.reason, boom)
})

for (const timeout of [-1, Number.NaN, 2 ** 31])
  test(`stop() refuses a timeout of ${timeout}, and nothing changes`, async (t) => {
    const runner = concurrent([one])
    t.throws(() => runner.stop({timeout}), {instanceOf: RangeError, message: /^timeout must be/})
    t.is(runner.state, 'idle')
  })

// Disposal, drained, run() and toArray()

test('disposal leaves, and waits until nothing runs any more', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent<unknown>([one, x.thunk])
  await runner.next()
  const disposed = runner[Symbol.asyncDispose]()
  t.false(await isSettled(disposed))
  t.is(x.context?.signal.aborted, true)
  x.reject(boom)
  await disposed
  t.is(runner.state, 'drained')
})

test('drained never rejects, and resolves with the counts of a run that failed', async (t) => {
  const runner = concurrent<number>([one, fails], {limit: 1})
  await caught(runner.toArray())
  t.deepEqual(await runner.drained, {started: 2, succeeded: 1, failed: 1, running: 0, waiting: 0, retrying: 0})
})

test('run() resolves with the final counts, once drained', async (t) => {
  const runner = concurrent([one, one])
  const stats = await runner.run()
  t.is(runner.state, 'drained')
  t.deepEqual(stats, {started: 2, succeeded: 2, failed: 0, running: 0, waiting: 0, retrying: 0})
  t.is(await runner.run(), stats)
})

for (const method of ['run', 'toArray'] as const) {
  test(`${method}() rejects with the error once the run has drained`, async (t) => {
    const [x, y] = manuals(2)
    const runner = concurrent(thunks([x, y]))
    const pending = caught(runner[method]())
    x.reject(boom)
    t.false(await isSettled(pending))
    y.resolve('y')
    t.true((await pending) instanceof ConcurrentExecutionError)
    t.is(runner.state, 'drained')
    t.deepEqual(await runner.next(), {done: true, value: undefined})
  })

  test(`${method}() rejects with the reason of abort()`, async (t) => {
    const x = manual()
    const runner = concurrent([x.thunk])
    const pending = caught(runner[method]())
    runner.abort(boom)
    x.resolve('x')
    t.is(await pending, boom)
  })

  test(`${method}() resolves when the run is left or stopped`, async (t) => {
    for (const end of [(runner: Runner) => runner.return(), (runner: Runner) => runner.stop()]) {
      const runner = concurrent(tracked<Task<number>>([], {forever: () => async () => turn(1).then(() => 1)}))
      const ended = runner[method]()
      await turn()
      await end(runner)
      await ended
      t.is(runner.state, 'drained')
    }
  })
}

test('run() and toArray() on top of a loop lose nothing and hang nothing', async (t) => {
  const runner = concurrent(
    Array<Task<number>>(20).fill(async () => turn(1).then(() => 1)),
    {limit: 3},
  )
  const [collected, consumed, stats] = await Promise.all([runner.toArray(), consume(runner), runner.run()])
  t.is(stats.succeeded, 20)
  t.true(collected.length + consumed.values.length <= 20)
})

test('run() keeps nothing: results that waited are let go', async (t) => {
  const runner = concurrent(Array<Task<number>>(10).fill(one), {limit: 2})
  await runner.next()
  await turn()
  t.true(runner.stats.waiting > 0)
  await runner.run()
  t.is(runner.stats.waiting, 0)
})

test('the states of a run only move forward', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent([x.thunk, x.thunk], {limit: 1})
  const seen = [runner.state]
  const ended = runner.toArray()
  runner.pause()
  seen.push(runner.state)
  runner.resume()
  void runner.stop()
  seen.push(runner.state)
  runner.abort()
  seen.push(runner.state)
  x.resolve('x')
  await caught(ended)
  seen.push(runner.state)
  t.deepEqual(seen, ['idle', 'running', 'finishing', 'closing', 'drained'])
})

// The process

test('an idle runner, one that is paused and one that is stuck let the process exit', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    const keep = []
    keep.push(concurrent([() => 1]))
    const paused = concurrent([() => 1], {timeout: 60_000})
    paused.pause()
    keep.push(paused, paused.next())
    const stuck = concurrent(async function* () { yield () => 1; await new Promise(() => {}) }, {timeout: 60_000})
    await stuck.next()
    keep.push(stuck, stuck.next())
    const finished = concurrent([() => 1, async () => 2], {timeout: 60_000})
    console.log((await finished.toArray()).length)
    await concurrent([() => 1]).stop({timeout: 60_000})
    await finished.stop({timeout: 60_000})
    const stopped = concurrent([async () => 3])
    const ended = stopped.toArray()
    void stopped.stop({timeout: 60_000})
    await ended
    await new Promise((resolve) => setImmediate(resolve)) // a timer that no task needs is removed after a turn
    console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length, 'timers')
    process.on('exit', () => console.log('exit', keep.length))
  `,
  )
  t.deepEqual(lines, ['2', '0 timers', 'exit 5'])
  t.is(code, 0)
})

test('a failure that the caller caught leaves the process alone', async (t) => {
  const {code, lines, errors} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    const boom = async () => { throw new Error('boom') }
    for (const run of [(r) => r.run(), (r) => r.toArray(), async (r) => { for await (const _ of r); }]) {
      await run(concurrent([boom, boom, Promise.reject(new Error('early'))], {limit: 1})).catch((error) => console.log(error.message))
    }
  `,
  )
  t.deepEqual(lines, Array(3).fill('Task 0 failed: Error: boom'))
  t.is(errors, '')
  t.is(code, 0)
})

test('the reasons that the library makes say what happened', async (t) => {
  const reasonOf = async (end: (runner: ConcurrentRunner<never>) => unknown): Promise<string> => {
    let reason: unknown
    const runner = concurrent<never>([
      ({signal}) => new Promise((_, reject) => (signal.onabort = () => reject(signal.reason))),
    ])
    runner.on('error', ({cause}) => (reason = cause))
    void runner.next().catch(() => {})
    await end(runner)
    await runner.drained
    return String(reason)
  }
  t.is(await reasonOf((runner) => runner.return()), 'AbortError: The consumer has left the run')
  t.is(await reasonOf((runner) => runner.abort()), 'AbortError: The run was aborted')
  t.is(await reasonOf((runner) => runner.stop({timeout: 1})), 'TimeoutError: stop() took longer than 1 ms')
})

// What else holds while a run ends

for (const [name, end] of [
  ['stop()', (runner: Runner) => runner.stop()],
  ['abort()', (runner: Runner) => runner.abort()],
  ['return()', (runner: Runner) => runner.return()],
] as const)
  test(`${name} before the start waits for cleanup() all the same`, async (t) => {
    const gate = pDefer<void>()
    class Cleaning extends ConcurrentRunner<number> {
      protected override cleanup(): Promise<void> {
        return gate.promise
      }
    }
    const runner = new Cleaning([one])
    const log = record(runner)
    void end(runner)
    await turn()
    t.deepEqual(log, [])
    t.not(runner.state, 'drained')
    gate.resolve()
    await runner.drained
    t.deepEqual(log, ['drain'])
  })

test('the reason of the source’s signal after stop() is an AbortError that says so', async (t) => {
  let reason: unknown
  const runner = concurrent<number>(async function* (signal) {
    yield one
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    ;({reason} = signal)
  })
  await runner.next()
  await runner.stop()
  await turn()
  t.like(reason, {name: 'AbortError', message: 'The run was stopped'})
})

test('stop() without a timeout waits for running tasks as long as they take', async (t) => {
  const slow = manual()
  const runner = concurrent([slow.thunk])
  const ended = runner.toArray()
  const stopped = runner.stop()
  await new Promise((resolve) => setTimeout(resolve, 5))
  t.false(slow.context?.signal.aborted)
  slow.resolve('done')
  t.deepEqual(await ended, ['done'])
  await stopped
})

test('a run that closes stays so when stop() is called, and when its source has failed', async (t) => {
  const held = manual()
  const aborted = concurrent([held.thunk])
  void caught(aborted.next())
  aborted.abort(boom)
  void aborted.stop()
  t.is(aborted.state, 'closing')
  const failed = concurrent<unknown>(function* () {
    yield held.thunk
    throw boom
  })
  await caught(failed.next())
  t.is(failed.state, 'closing')
  held.resolve('')
  await Promise.all([aborted.drained, failed.drained])
})

test('stop() waits for every task but those whose outcome was told early, also when some of these have settled', async (t) => {
  const queue = new TaskQueue<string>()
  const runner = queue.run()
  const [late, never1, slow] = [manual(), manual(), manual()]
  await caught(queue.push(late.thunk, {timeout: 1}))
  late.resolve('late')
  await turn()
  const early = caught(queue.push(never1.thunk, {timeout: 1}))
  const last = queue.push(slow.thunk)
  await turn()
  const stopped = runner.stop()
  await early
  t.false(await isSettled(stopped))
  slow.resolve('slow')
  await stopped
  t.is(await last, 'slow')
  t.false(await isSettled(runner.drained))
  await runner.stop() // again: nothing else is waited for
  never1.resolve('at last')
  await runner.drained
})

test('after a second abort() with slots that are free, stop() still waits for cleanup()', async (t) => {
  const gate = pDefer<void>()
  class Cleaning extends ConcurrentRunner<string> {
    protected override cleanup(): Promise<void> {
      return gate.promise
    }
  }
  const [done, held] = manuals(2)
  const runner = new Cleaning(thunks([done, held]), {limit: 2})
  done.resolve('done')
  await runner.next()
  runner.abort(boom)
  runner.abort(boom)
  held.resolve('late')
  await turn()
  const stopped = runner.stop()
  t.false(await isSettled(stopped))
  gate.resolve()
  await stopped
})

test('a disposal that throws an AbortError while the run goes on is reported', async (t) => {
  const item = {
    [Symbol.dispose]: () => {
      throw new DOMException('mine', 'AbortError')
    },
  }
  const runner = concurrent([item as never, one], {limit: 1, yieldExceptions: true})
  const log = record(runner)
  await runner.run()
  t.true(log.includes('error - mine'))
})

for (const [what, make, isSilent] of [
  ['the reason', (reason: unknown) => reason, true],
  ['an AbortError', () => new DOMException('mine', 'AbortError'), true],
  ['an error that the reason has caused', (cause: unknown) => new Error('mine', {cause}), true],
  [
    'an error that the reason has caused in the end',
    (cause: unknown) => new Error('mine', {cause: new Error('between', {cause})}),
    true,
  ],
  ['an error of its own', () => new Error('mine'), false],
  [
    'an error that is its own cause',
    () =>
      Object.assign(new Error('mine'), {
        get cause(): unknown {
          return this
        },
      }),
    false,
  ],
  ['null', () => null, false],
  ['undefined', () => undefined, false],
] as const)
  for (const isStopped of [false, true])
    test(`${what} of a return() that throws it is ${isSilent ? 'no error' : 'an error'}, ${isStopped ? 'after stop() too' : 'after abort()'}`, async (t) => {
      const gate = pDefer<void>()
      const onReturn = async (): Promise<never> => {
        await gate.promise
        throw make(boom)
      }
      const held = manual()
      const runner = concurrent(trackedAsync([held.thunk, held.thunk], {onReturn}), {limit: 1})
      const log = record(runner)
      void caught(runner.next())
      await turn()
      if (isStopped) void runner.stop()
      runner.abort(boom)
      gate.resolve()
      held.resolve('')
      await runner.drained
      t.is(log.filter((line) => line.startsWith('error -')).length, isSilent ? 0 : 1)
    })

test('a return() that settles after it was given up does not let the run drain before its tasks', async (t) => {
  const gate = pDefer<void>()
  const held = manual()
  const source = tracked([held.thunk, held.thunk], {onReturn: () => gate.promise})
  const runner = concurrent(source, {limit: 1})
  void caught(runner.next())
  for (let count = 0; count < 3; count++) runner.abort(boom)
  gate.resolve()
  t.false(await isSettled(runner.drained))
  held.resolve('')
  await runner.drained
})

test('stop() delivers what runs although the source is in the middle of its next item', async (t) => {
  for (const consumeAll of [(runner: ConcurrentRunner<string>) => runner.toArray(), consume]) {
    const slow = manual()
    const runner = concurrent<string>(async function* () {
      yield slow.thunk
      await never()
    })
    const ended = consumeAll(runner)
    await turn()
    void runner.stop()
    await turn()
    slow.resolve('a')
    const got = await ended
    t.deepEqual(Array.isArray(got) ? got : got.values, ['a'])
  }
})

test('abort() is told before the event loop turns although the source is in the middle of its next item', async (t) => {
  const runner = concurrent<number>(async function* () {
    await never()
    yield one
  })
  const next = caught(runner.next())
  await turn()
  let hasTurned = false
  setImmediate(() => (hasTurned = true)) // ahead of any turn that the run asks for
  runner.abort(boom)
  t.is(await next, boom)
  t.false(hasTurned)
})

test('stop() after a second abort() resolves, though a task is stuck', async (t) => {
  const runner = concurrent([never])
  void caught(runner.next())
  runner.abort(boom)
  runner.abort(boom)
  await runner.stop()
  t.is(runner.state, 'closing')
})

test('the source and ready() get the same signal, which aborts after stop(); an error it has caused is none', async (t) => {
  const signals = new Set<AbortSignal>()
  class Gated extends ConcurrentRunner<number> {
    protected override ready(signal: AbortSignal): void {
      signals.add(signal)
    }
  }
  const runner = new Gated(
    (signal) => {
      signals.add(signal)
      const onReturn = async (): Promise<never> => {
        await turn()
        throw new Error('mine', {cause: signal.reason})
      }
      return tracked<Task<number>>([], {forever: () => one, onReturn})
    },
    {limit: 1, highWaterMark: 1},
  )
  const log = record(runner)
  await runner.next()
  await runner.next()
  await runner.stop()
  t.deepEqual(
    [...signals].map(({aborted}) => aborted),
    [true],
  )
  t.is(log.filter((line) => line.startsWith('error')).length, 0)
})

for (const [name, end, message] of [
  ['return()', (runner: ConcurrentRunner<string>) => void runner.return(), 'The consumer has left the run'],
  ['abort()', (runner: ConcurrentRunner<string>) => runner.abort(), 'The run was aborted'],
] as const)
  test(`the reason that a task sees after ${name} is an AbortError that says so`, async (t) => {
    const held = manual()
    const runner = concurrent([held.thunk])
    void runner.next().catch(() => {})
    end(runner)
    t.like(held.context?.signal.reason, {name: 'AbortError', message})
    held.resolve('')
    await runner.drained
  })

test('return() gives back what it was given, as that of a generator does', async (t) => {
  t.deepEqual(await concurrent([one]).return('value'), {done: true, value: 'value'})
  t.deepEqual(await concurrent([one]).return(Promise.resolve(2)), {done: true, value: 2})
})

test('the source’s signal does not abort where the source was exhausted before stop() is called', async (t) => {
  const [task] = manuals(1)
  let given: AbortSignal | undefined
  const runner = concurrent<string>((signal) => {
    given = signal
    return [task.thunk]
  })
  const results = runner.toArray()
  void runner.stop()
  t.false(given?.aborted)
  task.resolve('a')
  t.deepEqual(await results, ['a'])
  t.false(given?.aborted)
})

test('a run() that was aborted keeps the process alive until the timeout of its last task', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    const runner = concurrent([() => new Promise(() => {})], {timeout: 50})
    const run = runner.run()
    runner.abort(new Error('enough'))
    await run.catch((error) => console.log(error.message))
  `,
  )
  t.deepEqual(lines, ['enough'])
  t.is(code, 0)
})
