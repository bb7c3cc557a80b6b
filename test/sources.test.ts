// oxlint-disable unicorn/no-thenable -- foreign ones are what is tested
import {Readable} from 'node:stream'
import test from 'ava'
import pDefer from 'p-defer'
import {
  ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  type Source,
  type Task,
} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  manuals,
  never,
  record,
  startedOf,
  thunks,
  tracked,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const one = (): number => 1
const two = async (): Promise<number> => 2
const three = (): Promise<number> => Promise.resolve(3)

function* generate(): Generator<Task<number>> {
  yield one
  yield two
  yield three
}

async function* generateAsync(): AsyncGenerator<() => number | Promise<number>> {
  yield one
  await turn(1)
  yield two
  yield three
}

const yieldsAll = test.macro(async (t, make: () => Source<number>) => {
  const values = await concurrent(make(), {ordered: true}).toArray()
  t.deepEqual(values, [1, 2, 3])
})

test('a source is an array of functions', yieldsAll, () => [one, two, three])
test('a source is an array of promises', yieldsAll, () => [Promise.resolve(1), two(), three()])
test('a source is an array that mixes functions and promises', yieldsAll, () => [one, Promise.resolve(2), three])
test('a source is an array of foreign thenables', yieldsAll, () => [1, 2, 3].map(foreign))
test('a source is a set', yieldsAll, () => new Set([one, two, three]))
test('a source is the iterator of a map', yieldsAll, () => new Map([one, two, three].entries()).values())
test('a source is a generator', yieldsAll, () => generate())
test('a source is a bare generator function', yieldsAll, () => generate)
test('a source is an async generator', yieldsAll, () => generateAsync())
test('a source is a bare async generator function', yieldsAll, () => generateAsync)
test('a source is a function that returns an array', yieldsAll, () => () => [one, two, three])
test('a source is an async iterator written by hand', yieldsAll, () => trackedAsync([one, two, three]))
test('a source is an async iterator that gives promises', yieldsAll, () => trackedAsync([one, two(), three()]))
test('a source is a Node stream', yieldsAll, () => Readable.from([one, two, three]))
test('a source is a web stream', yieldsAll, () => Readable.toWeb(Readable.from([one, two, three])) as Source<number>)

function foreign<T>(value: T): PromiseLike<T> {
  return {then: (onFulfilled) => Promise.resolve(value).then(onFulfilled)}
}

test('an object with both protocols is read as async', async (t) => {
  const source = Object.assign(trackedAsync([one]), {
    [Symbol.iterator]: (): Iterator<Task<number>> => {
      throw new Error('read as a synchronous one')
    },
  })
  t.deepEqual(await concurrent<number>(source).toArray(), [1])
  t.is(source.opened, 1)
})

const refused = test.macro((t, source: unknown) => {
  const error = t.throws(() => new ConcurrentRunner(source as Source<number>), {instanceOf: TypeError})
  t.regex(error?.message ?? '', /^source must be an iterable, an async iterable or a function/)
})
test('a number is no source, and the constructor says so', refused, 3)
test('a string is no source, though it can be iterated', refused, 'abc')
test('null is no source', refused, null)
test('undefined is no source', refused, undefined)
test('a plain object is no source', refused, {})
test('a promise of an array is no source', refused, Promise.resolve([]))

// Laziness

test('nothing is touched before the run starts', async (t) => {
  const source = tracked([one])
  let calls = 0
  const ofFunction = concurrent(() => {
    calls++
    return source
  })
  const ofIterable = concurrent(source)
  ofFunction.on('start', () => {})
  void ofIterable.drained
  await turn()
  t.deepEqual({calls, opened: source.opened, nexts: source.nexts}, {calls: 0, opened: 0, nexts: 0})
  t.is(ofIterable.state, 'idle')
})

const startsRun = test.macro(async (t, start: (runner: ConcurrentRunner<number>) => Promise<unknown>) => {
  const source = tracked([one])
  const runner = concurrent(source)
  const started = start(runner)
  t.is(source.opened, 1)
  await started
  t.is(source.opened, 1)
})
test('next() starts the run', startsRun, (runner) => runner.next())
test('run() starts the run', startsRun, (runner) => runner.run())
test('toArray() starts the run', startsRun, (runner) => runner.toArray())

test('an array that grows during the run is read to its end', async (t) => {
  const source: Array<Task<number>> = [
    () => {
      source.push(two)
      return 1
    },
  ]
  t.deepEqual(await concurrent(source, {limit: 1}).toArray(), [1, 2])
})

// When items are pulled

test('there is never more than one next() outstanding on an async source', async (t) => {
  const source = trackedAsync<Task<number>>(Array(20).fill(one), {onNext: () => turn(1)})
  const runner = concurrent(source, {limit: 8})
  const results = await Promise.all(Array.from({length: 30}, () => runner.next()))
  t.is(results.filter((result) => !result.done).length, 20)
  t.is(source.mostOutstanding, 1)
})

test('an async source is asked for the next item before the task of the last one has settled', async (t) => {
  const [a, b] = manuals(2)
  const source = trackedAsync(thunks([a, b]))
  const ended = concurrent(source, {limit: 2}).toArray()
  await turn()
  t.deepEqual(startedOf([a, b]), [0, 1])
  b.resolve('b')
  a.resolve('a')
  t.deepEqual(await ended, ['b', 'a'])
})

const pulledWhenFree = test.macro(async (t, track: typeof tracked | typeof trackedAsync) => {
  const tasks = manuals(3)
  const [a, b, c] = tasks
  const source = track(thunks(tasks))
  const ended = concurrent<string>(source, {limit: 2}).run()
  await turn()
  t.is(source.nexts, 2)
  a.resolve('a')
  await turn()
  t.is(source.nexts, 3)
  b.resolve('b')
  c.resolve('c')
  await ended
})
test('an iterable is pulled only when a slot is free', pulledWhenFree, tracked)
test('an async iterable is pulled only when a slot is free', pulledWhenFree, trackedAsync)

test('a source is pulled only when the buffer has room', async (t) => {
  const source = tracked([], {forever: () => one})
  const runner = concurrent(source, {limit: 1, highWaterMark: 2})
  await runner.next()
  await turn()
  t.is(runner.stats.waiting, 2)
  t.is(source.nexts, 3)
  await runner.next()
  await turn()
  t.is(source.nexts, 4)
  await runner.return()
})

test('a source is not pulled while the runner is paused', async (t) => {
  const source = tracked([one])
  const runner = concurrent(source)
  runner.pause()
  const ended = runner.toArray()
  await turn()
  t.is(source.nexts, 0)
  runner.resume()
  t.deepEqual(await ended, [1])
})

test('an item that arrives while the runner is paused is kept and starts on resume()', async (t) => {
  const gate = pDefer<void>()
  const [a] = manuals(1)
  const runner = concurrent<string>(trackedAsync([a.thunk], {onNext: () => gate.promise}))
  const ended = runner.toArray()
  runner.pause()
  gate.resolve()
  await turn()
  t.false(a.isStarted)
  runner.resume()
  t.true(a.isStarted)
  a.resolve('a')
  t.deepEqual(await ended, ['a'])
})

test('a promise counts as running from the moment it is pulled', async (t) => {
  const first = pDefer<number>()
  const source = tracked<Task<number>>([first.promise, two])
  const runner = concurrent(source, {limit: 1})
  const ended = runner.toArray()
  t.deepEqual({nexts: source.nexts, running: runner.stats.running}, {nexts: 1, running: 1})
  first.resolve(1)
  t.deepEqual(await ended, [1, 2])
})

test('a task is told its place in the source', async (t) => {
  const source = Array<Task<number>>(4).fill(({index}) => index)
  t.deepEqual(await concurrent(source).toArray(), [0, 1, 2, 3])
})

// Items that are no tasks

const isBadItem = test.macro(async (t, item: unknown, description: string) => {
  const runner = concurrent([one, item, two] as Array<Task<number>>, {limit: 1, yieldExceptions: true})
  const log = record(runner)
  const [first, error, last] = await runner.toArray()
  t.deepEqual([first, last], [1, 2])
  const {constructor, index, message} = instance(error, ConcurrentError)
  t.is(constructor, ConcurrentError)
  t.is(index, 1)
  const problem = `expected a function or a promise; got ${description}`
  t.is(message, `Item 1 of the source is not a task: ${problem}`)
  t.deepEqual(log, ['start 0', 'result 0 1', `error - ${problem}`, 'start 2', 'result 2 2', 'drain'])
  t.is(runner.stats.failed, 0)
})
test('a number is no task: an error in its place and no start', isBadItem, 7, '7')
test('a string is no task', isBadItem, 'text', '"text"')
test('null is no task', isBadItem, null, 'null')
test('undefined is no task', isBadItem, undefined, 'undefined')
test('a plain object is no task', isBadItem, {}, 'an object of class Object')
test('an object without a prototype is no task', isBadItem, Object.create(null), 'an object of class null')
test(
  'an object whose then is no function is no task',
  isBadItem,
  Object.fromEntries([['then', 1]]),
  'an object of class Object',
)
test('a symbol is no task', isBadItem, Symbol('s'), 'Symbol(s)')
test('an array is no task', isBadItem, [one], 'an array of length 1')

test('a bad item is reported without a context, and ends the run without yieldExceptions', async (t) => {
  const runner = concurrent([one, 7, two] as Array<Task<number>>, {limit: 1})
  const log = record(runner)
  const {values, raised} = await consume(runner)
  t.deepEqual(values, [1])
  t.true(raised instanceof ConcurrentError)
  t.deepEqual(log, ['start 0', 'result 0 1', 'error - expected a function or a promise; got 7', 'drain'])
})

test('for an async generator the message of a bad item names the trap: it awaits what it yields', async (t) => {
  const source = (async function* () {
    yield Promise.resolve(5)
  })() as AsyncIterable<unknown> as Source<number>
  const error = await caught(concurrent(source).toArray())
  t.regex(String(error), /got 5; an async generator awaits what it yields, so let it yield functions/)
})

test('bad items free their slot: many of them do not block the tasks after them', async (t) => {
  const source = [...Array(50).fill(0), one] as Array<Task<number>>
  const values = await concurrent(source, {limit: 1, yieldExceptions: true}).toArray()
  t.is(values.length, 51)
  t.is(values.at(-1), 1)
})

// Promises that reject before anybody asked for them

const staysHandled = test.macro(async (t, body: () => PromiseLike<void> | void) => {
  t.deepEqual(await unhandledDuring(body), [])
})
const reject = (): Promise<never> => Promise.reject(new Error('early'))

test.serial(
  'an array whose second promise rejects before it is pulled leaves no rejection unhandled',
  staysHandled,
  async () => {
    const first = pDefer<number>()
    const ended = concurrent<number>([first.promise, reject()], {limit: 1}).toArray()
    await turn()
    first.resolve(1)
    await caught(ended)
  },
)
test.serial('an array of a runner that is never started leaves no rejection unhandled', staysHandled, () => {
  concurrent([reject(), reject()])
})
test.serial('a set of promises leaves no rejection unhandled', staysHandled, async () => {
  const runner = concurrent<number>(new Set([never(), reject(), reject()]), {limit: 1})
  void runner.next()
  await turn()
  await runner.return()
})
test.serial('an array that a function returns leaves no rejection unhandled', staysHandled, async () => {
  const first = pDefer<number>()
  const ended = concurrent<number>(() => [first.promise, reject()], {limit: 1}).toArray()
  await turn()
  first.resolve(1)
  await caught(ended)
})
test.serial(
  'promises of an array that are never pulled, since the run failed, stay handled',
  staysHandled,
  async () => {
    const late = pDefer<never>()
    await caught(concurrent<number>([reject(), late.promise, reject()], {limit: 1}).toArray())
    late.reject(new Error('late'))
  },
)
test.serial('all promises of an array that reject in the same tick stay handled', staysHandled, async () => {
  await caught(concurrent([reject(), reject(), reject()]).toArray())
})
test.serial('a generator that yields a rejected promise leaves no rejection unhandled', staysHandled, async () => {
  const source = function* () {
    yield reject()
  }
  await caught(concurrent(source).toArray())
})
test.serial('a rejected promise that arrives while the runner is paused stays handled', staysHandled, async () => {
  const runner = concurrent(trackedAsync([reject()]))
  void runner.next()
  runner.pause()
  await turn()
  await runner.return()
})
test.serial(
  'a rejected promise that an async source gives after the run has ended stays handled',
  staysHandled,
  async () => {
    const gate = pDefer<void>()
    const runner = concurrent<number>(
      (async function* () {
        yield one
        await gate.promise
        yield () => reject()
      })(),
    )
    await runner.next()
    await runner.return()
    gate.resolve()
  },
)

test.serial('promises among the items of map() leave no rejection unhandled', staysHandled, async () => {
  const runner = ConcurrentRunner.map([never(), reject()], (promise) => promise, {limit: 1})
  void runner.next()
  await turn()
  await runner.return()
})

test('a promise of an array that rejected early is reported when its turn comes', async (t) => {
  const first = pDefer<number>()
  const failure = new Error('early')
  const runner = concurrent([first.promise, Promise.reject<number>(failure)], {limit: 1, yieldExceptions: true})
  const ended = runner.toArray()
  await turn()
  first.resolve(1)
  const [, error] = await ended
  t.true(error instanceof ConcurrentExecutionError && error.cause === failure)
})

// Functions as sources

test('a function gets a signal that aborts with the reason when the run is aborted', async (t) => {
  let given: AbortSignal | undefined
  const runner = concurrent<never>((signal) => {
    given = signal
    return [never]
  })
  const pending = caught(runner.next())
  t.is(given?.aborted, false)
  const reason = new Error('enough')
  runner.abort(reason)
  t.is(given?.reason, reason)
  t.is(await pending, reason)
})

const keepsSourceSignal = test.macro(async (t, end: (runner: ConcurrentRunner<number>) => Promise<unknown>) => {
  let given: AbortSignal | undefined
  const runner = concurrent<number>((signal) => {
    given = signal
    return [one, two]
  })
  await end(runner)
  await runner.drained
  t.is(given?.aborted, false)
})
test('the signal of a function does not abort when the source is exhausted', keepsSourceSignal, (runner) =>
  runner.run(),
)
test('the signal of a function aborts at stop(), so that a source that waits can be woken', async (t) => {
  let given: AbortSignal | undefined
  const runner = concurrent<number>(
    function* (signal) {
      given = signal
      for (;;) yield one
    },
    {limit: 1},
  )
  await runner.next()
  t.is(given?.aborted, false)
  await runner.stop()
  t.true(given?.aborted)
})

test('a source that waits can be told by its signal to stop waiting', async (t) => {
  const runner = concurrent<number>(async function* (signal) {
    yield one
    await new Promise((_, rejectWait) => signal.addEventListener('abort', () => rejectWait(signal.reason)))
  })
  const log = record(runner)
  await runner.next()
  await runner.return()
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 1', 'drain'])
})

test('a function that throws is a failure of the source', async (t) => {
  const cause = new Error('no source today')
  const error = await caught(
    concurrent(() => {
      throw cause
    }).toArray(),
  )
  t.true(error instanceof ConcurrentIteratorError && error.cause === cause && error.index === 0)
})

test('a function that returns something else than an iterable is a failure of the source', async (t) => {
  const error = await caught(concurrent((() => 5) as unknown as Source<number>).toArray())
  t.true(error instanceof ConcurrentIteratorError && error.cause instanceof TypeError)
})

test('a function is called once, however many loops there are', async (t) => {
  let calls = 0
  const runner = concurrent(() => {
    calls++
    return [one, two]
  })
  await Promise.all([consume(runner), consume(runner), runner.run()])
  t.is(calls, 1)
})

// Protocol

const brokenNext = test.macro(async (t, result: unknown) => {
  const source = {[Symbol.iterator]: () => ({next: () => result})} as Iterable<Task<number>>
  const error = await caught(concurrent(source).toArray())
  t.true(error instanceof ConcurrentIteratorError && error.cause instanceof TypeError)
})
test('a source whose next() gives null has failed', brokenNext, null)
test('a source whose next() gives a number has failed', brokenNext, 3)

test('map() passes each item and the context on, from a synchronous source', async (t) => {
  const runner = ConcurrentRunner.map(new Set(['a', 'b']), (item, {index}) => `${item}${index}`)
  t.deepEqual(await runner.toArray(), ['a0', 'b1'])
})

test('map() passes each item on from an async source', async (t) => {
  const items = async function* () {
    yield 'a'
    yield 'b'
  }
  t.deepEqual(await ConcurrentRunner.map(items, async (item) => item.toUpperCase(), {limit: 1}).toArray(), ['A', 'B'])
})

test('map() leaves its items untouched until the run starts, and closes them', async (t) => {
  const items = tracked(['a', 'b', 'c'])
  const runner = ConcurrentRunner.map(items, (item) => item, {limit: 1, highWaterMark: 1})
  t.is(items.opened, 0)
  await runner.next()
  await runner.return()
  t.is(items.returns, 1)
})

test('an iterator over a collection is read ahead at the start, for the promises that it hides', async (t) => {
  const reasons = await unhandledDuring(async () => {
    const first = pDefer<number>()
    const named = new Map([
      ['slow', first.promise],
      ['early', Promise.reject(new Error('early'))],
    ])
    const results = concurrent(named.values(), {limit: 1, yieldExceptions: true}).toArray()
    await turn()
    first.resolve(1)
    t.is((await results).length, 2)
  })
  t.deepEqual(reasons, [])
})
