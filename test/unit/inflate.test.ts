import test from 'ava'
import pDefer from 'p-defer'
import {ConcurrentError, ConcurrentExecutionError} from '../../src/errors.js'
import {inflate} from '../../src/inflate.js'
import {ConcurrentRunner} from '../../src/runner.js'
import {turn} from '../helpers/index.js'

/** What an object needs, and what the one called bad does not get. */
const part = (object: string): Promise<string> =>
  object === 'bad' ? Promise.reject(new Error(object)) : Promise.resolve(object)

test('inflate gives a runner that has touched nothing yet', (t) => {
  const objects = {
    [Symbol.iterator]: () => {
      t.fail('touched')
      return [].values()
    },
  }
  const runner = inflate(objects, () => [], {limit: 3})
  t.true(runner instanceof ConcurrentRunner)
  t.is(runner.limit, 3)
})

test('the very objects are yielded, one for each', async (t) => {
  const objects = [{name: 'a'}, {name: 'b'}]
  const inflated = await inflate(objects, () => [], {ordered: true}).toArray()
  t.is(inflated.length, 2)
  for (const [index, object] of objects.entries()) t.is(inflated[index], object)
})

test('an object is yielded once all that it needs has settled', async (t) => {
  const [first, second] = [pDefer(), pDefer()]
  const runner = inflate(['object'], () => [first.promise, () => second.promise])
  let isYielded = false
  const next = runner.next().then((result) => {
    isYielded = true
    return result
  })
  first.resolve()
  await turn()
  t.false(isYielded)
  second.resolve()
  t.deepEqual(await next, {value: 'object', done: false})
})

test('all that one object needs runs at once, whatever the limit', async (t) => {
  let running = 0
  let most = 0
  const count = async (): Promise<void> => {
    most = Math.max(most, ++running)
    await turn()
    running--
  }
  await inflate(['object', 'next'], () => [count, count, count], {limit: 1}).run()
  t.is(most, 3)
})

test('the limit counts objects', async (t) => {
  const started: string[] = []
  const runner = inflate(
    ['a', 'b', 'c'],
    (object) => {
      started.push(object)
      return [new Promise(() => {})]
    },
    {limit: 2},
  )
  void runner.next()
  await turn()
  t.deepEqual(started, ['a', 'b'])
})

test('what an object needs may come from an async generator', async (t) => {
  const calls: string[] = []
  const inflated = await inflate(['object'], async function* (object) {
    yield () => calls.push(`first of ${object}`)
    await turn()
    yield () => calls.push(`second of ${object}`)
  }).toArray()
  t.deepEqual(inflated, ['object'])
  t.deepEqual(calls, ['first of object', 'second of object'])
})

test('objects may come from an async generator', async (t) => {
  const runner = inflate(
    async function* () {
      yield 'a'
      yield 'b'
    },
    () => [Promise.resolve()],
    {ordered: true},
  )
  t.deepEqual(await runner.toArray(), ['a', 'b'])
})

test('the callback gets the context of the object’s task', async (t) => {
  const indexes: number[] = []
  await inflate(['a', 'b'], (_, {index}) => {
    indexes.push(index)
    return []
  }).run()
  t.deepEqual(indexes, [0, 1])
})

for (const cause of [new Error('part'), undefined, null, 0]) {
  test(`a part that rejects with ${String(cause)} fails its object with that very cause`, async (t) => {
    const [error] = await inflate(['object'], () => [Promise.resolve(), Promise.reject(cause)], {
      yieldExceptions: true,
    }).toArray()
    t.true(error instanceof ConcurrentExecutionError)
    t.is((error as ConcurrentError).cause, cause)
    t.is((error as ConcurrentError).index, 0)
  })
}

test('of many rejections the first to happen is the cause', async (t) => {
  const [early, late] = [pDefer(), pDefer()]
  const run = inflate(['object'], () => [late.promise, early.promise], {yieldExceptions: true}).toArray()
  early.reject('early')
  await turn()
  late.reject('late')
  const [error] = await run
  t.is((error as unknown as ConcurrentError).cause, 'early')
})

test('an object that fails does so once its other parts have settled', async (t) => {
  const slow = pDefer()
  const runner = inflate(['object'], () => [Promise.reject(new Error('part')), slow.promise])
  let isFailed = false
  const failure = t.throwsAsync(
    runner.next().catch((error: unknown) => {
      isFailed = true
      throw error
    }),
  )
  await turn()
  t.false(isFailed)
  slow.resolve()
  await failure
  t.true(isFailed)
})

test('one object that fails leaves the others alone, with yieldExceptions', async (t) => {
  const options = {yieldExceptions: true, ordered: true} as const
  const [bad, good] = await inflate(['bad', 'good'], (object) => [part(object)], options).toArray()
  t.true(bad instanceof ConcurrentExecutionError)
  t.is(good, 'good')
})

test('a callback that throws fails its object with that cause', async (t) => {
  const cause = new Error('callback')
  const [error] = await inflate(
    ['object'],
    () => {
      throw cause
    },
    {yieldExceptions: true},
  ).toArray()
  t.is((error as unknown as ConcurrentError).cause, cause)
})

test('a callback that returns nothing to read fails its object with a TypeError', async (t) => {
  const [error] = await inflate(['object'], () => 5 as never, {yieldExceptions: true}).toArray()
  const {cause} = error as unknown as ConcurrentError
  t.true(cause instanceof TypeError)
  t.regex((cause as TypeError).message, /^what awaitables\(\) returns must be an iterable.*; got 5$/)
})

test('a part that is no awaitable fails its object with the error that says so', async (t) => {
  const [error] = await inflate(['object'], () => [5 as never], {yieldExceptions: true}).toArray()
  const {cause} = error as unknown as ConcurrentError
  t.true(cause instanceof ConcurrentError)
  t.regex((cause as ConcurrentError).message, /Item 0 .* is not a task: .*; got 5$/)
})

test('when the consumer leaves, the signal of the parts that run aborts', async (t) => {
  const signals: AbortSignal[] = []
  const runner = inflate(['object'], () => [
    ({signal}) => {
      signals.push(signal)
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve())
      })
    },
  ])
  void runner.next()
  await turn()
  t.deepEqual(
    signals.map(({aborted}) => aborted),
    [false],
  )
  await runner.return()
  await runner.drained
  t.deepEqual(
    signals.map(({aborted}) => aborted),
    [true],
  )
})

test('the callback is checked before anything else', (t) => {
  t.throws(() => inflate([], 5 as never), {instanceOf: TypeError, message: 'awaitables must be a function; got 5'})
})
