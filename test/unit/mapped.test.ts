import test from 'ava'
import {Context} from '../../src/context.js'
import {mapped, mappingOf} from '../../src/mapped.js'
import type {Items, Source, Task} from '../../src/types.js'
import {unhandledDuring} from '../helpers/unhandled.js'

type Mapper<I, T> = (item: I, context: {index: number}) => T

function opened<I, T>(items: Items<I>, mapper: Mapper<I, T>): Exclude<Source<T>, (signal: AbortSignal) => unknown> {
  const made = mapped(items, mapper)
  return typeof made === 'function' ? made(new AbortController().signal) : made
}

/** The tasks made of sync items. */
function iterator<I, T>(items: Iterable<I>, mapper: Mapper<I, T>): Iterator<Task<T>> {
  return (opened(items, mapper) as Iterable<Task<T>>)[Symbol.iterator]()
}

/** The tasks made of async items. */
function asyncIterator<I, T>(items: AsyncIterable<I>, mapper: Mapper<I, T>): AsyncIterator<Task<T>> {
  return (opened(items, mapper) as AsyncIterable<Task<T>>)[Symbol.asyncIterator]()
}

/** Runs a task as a runner would. */
function call<T>(result: IteratorResult<Task<T>>, index = 0): unknown {
  const task: unknown = result.value
  return typeof task === 'function' ? task(new Context(index, undefined, 1)) : `no function but ${String(task)}`
}

test('there is one task for each item, which calls the mapper with it', (t) => {
  const tasks = iterator(['a', 'b'], (item) => item.toUpperCase())
  t.is(call(tasks.next()), 'A')
  t.is(call(tasks.next()), 'B')
  t.deepEqual(tasks.next(), {done: true, value: undefined})
})

test('the mapper gets the context of the task', (t) => {
  const tasks = iterator(['a'], (item, {index}) => `${item}${index}`)
  t.is(call(tasks.next(), 5), 'a5')
})

test('a task keeps its item however late it is called', (t) => {
  const tasks = iterator([1, 2], (item) => item)
  const [first, second] = [tasks.next(), tasks.next()]
  t.deepEqual([call(second), call(first)], [2, 1])
})

test('the mapper is not called before its task is, and may throw', (t) => {
  const cause = new Error('mapper')
  const task = iterator(['a'], () => {
    throw cause
  }).next()
  t.is(
    t.throws(() => call(task)),
    cause,
  )
})

test('items are read lazily, one for each pull', (t) => {
  const read: number[] = []
  const tasks = iterator(
    (function* () {
      for (let item = 0; ; item++) {
        read.push(item)
        yield item
      }
    })(),
    (item) => item,
  )
  t.deepEqual(read, [])
  tasks.next()
  t.deepEqual(read, [0])
})

test('undefined, functions and promises are items like any other', (t) => {
  const items = [undefined, () => 5, Promise.resolve(5)]
  const tasks = iterator(items, (item) => [item])
  for (const item of items) t.deepEqual(call(tasks.next()), [item])
})

test('a string is read character by character', (t) => {
  const tasks = iterator('ab', (item) => item.toUpperCase())
  t.deepEqual([call(tasks.next()), call(tasks.next())], ['A', 'B'])
  t.true(tasks.next().done)
})

test('the items of an async iterable become tasks too', async (t) => {
  const items = (async function* () {
    yield 'a'
  })()
  const tasks = asyncIterator(items, (item) => item.toUpperCase())
  t.is(call(await tasks.next()), 'A')
  t.true((await tasks.next()).done)
})

test('a function is called with the signal when the source is made, and not before', (t) => {
  const {signal} = new AbortController()
  const signals: AbortSignal[] = []
  const source = mapped(
    (given) => {
      signals.push(given)
      return ['a']
    },
    (item: string) => item,
  )
  t.deepEqual(signals, [])
  if (typeof source === 'function') source(signal)
  t.is(signals.length, 1)
  t.is(signals[0], signal)
})

test('a function that returns nothing to read is refused by what it gave', (t) => {
  const source = mapped((() => 5) as never, (item) => item)
  t.throws(() => typeof source === 'function' && source(new AbortController().signal), {
    instanceOf: TypeError,
    message: /^items must be an iterable.*; got 5$/,
  })
})

test('a source can be opened more than once, as often as its items can', (t) => {
  const source = opened(['a', 'b'], (item) => item) as Iterable<Task<string>>
  t.is([...source].length, 2)
  t.is([...source].length, 2)
})

test('the parts of a mapped source can be read, and no other source has any', (t) => {
  const items = ['a']
  const mapper = (item: string): string => item
  const mapping = mappingOf(opened(items, mapper))
  t.is(mapping?.items, items)
  t.true(Object.is(mapping?.mapper, mapper))
  const async = (async function* () {})()
  t.is(mappingOf(opened(async, mapper))?.items, async)
  t.is(mappingOf([]), undefined)
})

test('the mapper gets the item and the context with which its task is called', (t) => {
  const seen: unknown[] = []
  const context = new Context(3, undefined, 2)
  const source = mapped(['a'], (_, {index, item, attempt, signal}) => seen.push([index, item, attempt, signal]))
  const [task] = source as Iterable<Task<number>>
  if (typeof task === 'function') void task(context)
  t.deepEqual(seen, [[3, 'a', 2, context.signal]])
})

test('the mapper that does not read the signal costs none', (t) => {
  const context = {
    index: 0,
    item: undefined,
    attempt: 1,
    get signal(): AbortSignal {
      t.fail('read')
      return new AbortController().signal
    },
  }
  const [task] = mapped(['a'], (item, {index}) => `${item}${index}`) as Iterable<Task<string>>
  t.is(typeof task === 'function' && task(context), 'a0')
})

test('what mapped is given is checked at once', (t) => {
  t.throws(() => mapped(5 as never, () => 1), {instanceOf: TypeError, message: /^items must be an iterable.*; got 5$/})
  t.throws(() => mapped([], 5 as never), {instanceOf: TypeError, message: 'mapper must be a function; got 5'})
})

test('closing the tasks closes the items', (t) => {
  let isClean = false
  const tasks = iterator(
    (function* () {
      try {
        yield 1
      } finally {
        isClean = true
      }
    })(),
    (item) => item,
  )
  tasks.next()
  tasks.return?.()
  t.true(isClean)
})

test('closing the tasks before the first one closes a generator of items', (t) => {
  const items = (function* () {
    yield 1
  })()
  iterator(items, (item) => item).return?.()
  t.deepEqual(items.next(), {done: true, value: undefined})
})

test('closing the tasks of items that need no closing is fine', async (t) => {
  t.deepEqual(iterator([1], (item) => item).return?.(), {done: true, value: undefined})
  t.deepEqual(iterator(new Map([[1, 2]]), (item) => item).return?.(), {done: true, value: undefined})
  const items = {[Symbol.asyncIterator]: () => ({next: async () => ({done: false, value: 1})})}
  const tasks = asyncIterator(items, (item) => item)
  await tasks.next()
  t.deepEqual(await tasks.return?.(), {done: true, value: undefined})
})

test('async items can be closed while they wait for an item', async (t) => {
  const calls: string[] = []
  const items = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        calls.push('next')
        return new Promise<IteratorResult<number>>(() => {})
      },
      return: async () => {
        calls.push('return')
        return {done: true as const, value: undefined}
      },
    }),
  }
  const tasks = asyncIterator(items, (item) => item)
  void tasks.next()
  await tasks.return?.()
  t.deepEqual(calls, ['next', 'return'])
})

test('what the items throw is passed on, at once or as a rejection', async (t) => {
  const cause = new Error('items')
  const fail = (): never => {
    throw cause
  }
  t.is(
    t.throws(() => iterator({[Symbol.iterator]: fail}, (item) => item).next()),
    cause,
  )
  const tasks = asyncIterator({[Symbol.asyncIterator]: fail}, (item) => item)
  t.is(await t.throwsAsync(async () => tasks.next()), cause)
})

test('promises among the items are no unhandled rejections while they wait', async (t) => {
  const early = (): Promise<never> => Promise.reject(new Error('early'))
  const reasons = await unhandledDuring(() => {
    mapped([early()], (item) => item)
    opened(
      () => [early()],
      (item: Promise<never>) => item,
    )
  })
  t.deepEqual(reasons, [])
})
