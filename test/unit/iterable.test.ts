import {Readable} from 'node:stream'
import {runInNewContext} from 'node:vm'
import test from 'ava'
import {
  checkSource,
  handleRejections,
  isCollectionIterator,
  openIterator,
  unopenedIterator,
} from '../../src/iterable.js'
import {unhandledDuring} from '../helpers/unhandled.js'

const end = {done: true, value: undefined}

// What can be read

test('what can be read is an iterable, an async iterable or a function', (t) => {
  for (const source of [[], new Set(), new Map(), [].values(), () => [], (async function* () {})(), Object('text')])
    t.notThrows(() => checkSource('source', source))
})

for (const [title, value, got] of [
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a number', 5, '5'],
  ['a plain object', {}, 'an object of class Object'],
  ['a promise', Promise.resolve([]), 'an object of class Promise'],
  ['an object whose iterator is no function', {[Symbol.iterator]: 5}, 'an object of class Object'],
] as const)
  test(`${title} cannot be read, and the error says what came`, (t) => {
    t.throws(() => checkSource('things', value), {
      instanceOf: TypeError,
      message: `things must be an iterable, an async iterable or a function that returns one; got ${got}`,
    })
  })

test('an iterator over an array, a set or a map is one over a collection, in any realm; others are not', (t) => {
  const collections = [[].values(), [].entries(), new Set().values(), new Map().keys()]
  for (const iterator of [...collections, runInNewContext('new Map().values()')]) t.true(isCollectionIterator(iterator))
  for (const value of [[], new Set(), new Map(), (function* () {})(), ''[Symbol.iterator](), undefined, null])
    t.false(isCollectionIterator(value))
})

// Opening

test('a sync iterable gives its own iterator, an async one its async iterator, one with both the async one', (t) => {
  const [sync, async] = [[1].values(), (async function* () {})()]
  t.is(openIterator({[Symbol.iterator]: () => sync}), sync)
  t.is(openIterator({[Symbol.asyncIterator]: () => async}), async)
  t.is(openIterator({[Symbol.iterator]: () => sync, [Symbol.asyncIterator]: () => async}), async)
})

test('a Node stream is read to its end', async (t) => {
  const iterator = openIterator<string>(Readable.from(['a', 'b']))
  t.deepEqual(await iterator.next(), {done: false, value: 'a'})
  t.deepEqual(await iterator.next(), {done: false, value: 'b'})
  t.deepEqual(await iterator.next(), end)
})

test('a Node stream that is closed while it waits for a chunk is destroyed at once, without an error', async (t) => {
  const stream = new Readable({read: () => {}})
  const errors: unknown[] = []
  stream.on('error', (error) => errors.push(error))
  const iterator = openIterator(stream)
  const pending = Promise.resolve(iterator.next()).then(
    () => 'given',
    (error: NodeJS.ErrnoException) => error.code,
  )
  t.deepEqual(await iterator.return?.(), end)
  t.true(stream.destroyed)
  t.is(stream.errored, null)
  t.is(await pending, 'ERR_STREAM_PREMATURE_CLOSE')
  t.deepEqual(errors, [])
})

test('a Node stream that is closed between two chunks is destroyed', async (t) => {
  const stream = Readable.from(['a', 'b'])
  const iterator = openIterator(stream)
  await iterator.next()
  t.deepEqual(await iterator.return?.(), end)
  t.true(stream.destroyed)
})

test('a Node stream that was not read yet is destroyed when it is closed', async (t) => {
  const stream = Readable.from(['a'])
  await openIterator(stream).return?.()
  t.true(stream.destroyed)
})

test('a ReadableStream is read to its end, and is not locked then', async (t) => {
  const stream = new ReadableStream<string>({
    start: (controller) => {
      controller.enqueue('a')
      controller.close()
    },
  })
  const iterator = openIterator(stream as unknown as AsyncIterable<string>)
  t.deepEqual(await iterator.next(), {done: false, value: 'a'})
  t.true(stream.locked)
  t.deepEqual(await iterator.next(), end)
  t.false(stream.locked)
})

test('a ReadableStream that is closed while it waits for a chunk is cancelled at once, and its next() ends', async (t) => {
  const calls: string[] = []
  const stream = new ReadableStream<string>({cancel: () => void calls.push('cancel')})
  const iterator = openIterator(stream as unknown as AsyncIterable<string>)
  const pending = iterator.next()
  t.deepEqual(await iterator.return?.(), end)
  t.deepEqual(await pending, end)
  t.deepEqual(calls, ['cancel'])
  t.false(stream.locked)
})

test('what cancelling a ReadableStream rejects with is passed on', async (t) => {
  const error = new Error('cancel')
  const stream = new ReadableStream({cancel: () => Promise.reject(error)})
  const iterator = openIterator(stream as unknown as AsyncIterable<never>)
  t.is(await t.throwsAsync(async () => iterator.return?.()), error)
})

test('a stream is known by its shape, so that those of other packages are closed, too', async (t) => {
  const calls: string[] = []
  const source = {
    read: () => null,
    destroy: () => calls.push('destroy'),
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<never>>(() => {}),
      return: async () => {
        calls.push('return')
        return {done: true as const, value: undefined}
      },
    }),
  }
  const iterator = openIterator(source)
  void iterator.next()
  await iterator.return?.()
  t.deepEqual(calls, ['destroy']) // the iterator's own return() would wait for the chunk
})

test('a stream whose iterator cleans up does so between two chunks, and is destroyed then', async (t) => {
  const calls: string[] = []
  const stream = {
    read: () => null,
    destroy: () => calls.push('destroy'),
    [Symbol.asyncIterator]: async function* () {
      try {
        yield 'a'
        yield 'b'
      } finally {
        calls.push('cleanup')
      }
    },
  }
  const iterator = openIterator(stream)
  await iterator.next()
  await iterator.return?.()
  t.deepEqual(calls, ['cleanup', 'destroy'])
})

test('a stream that was not read yet tells its iterator, if that has return()', async (t) => {
  const calls: string[] = []
  const returning = {
    next: async () => end,
    return: async () => {
      calls.push('return')
      return end
    },
  }
  for (const iterator of [returning, {next: async () => end}]) {
    const stream = {read: () => null, destroy: () => calls.push('destroy'), [Symbol.asyncIterator]: () => iterator}
    await openIterator(stream as AsyncIterable<never>).return?.()
  }
  t.deepEqual(calls, ['return', 'destroy', 'destroy'])
})

test('what can only be read or only be destroyed is no stream: its own iterator is taken', (t) => {
  const iterator = (async function* () {})()
  const iterable = {[Symbol.asyncIterator]: () => iterator}
  for (const half of [{read: () => null}, {destroy: () => {}}]) t.is(openIterator({...iterable, ...half}), iterator)
})

// What was never opened

test('of what was never opened, an iterator, a collection or a stream must be closed, and nothing else', async (t) => {
  const generator = (function* () {})()
  t.is(unopenedIterator(generator), generator)
  t.deepEqual([...(unopenedIterator(['a']) as IterableIterator<string>)], ['a'])
  t.deepEqual([...(unopenedIterator(new Set(['a'])) as IterableIterator<string>)], ['a'])
  const stream = new Readable({read: () => {}})
  await unopenedIterator(stream)?.return?.()
  t.true(stream.destroyed)
  const untouched = {[Symbol.asyncIterator]: (): AsyncIterator<never> => t.fail('opened')}
  for (const source of [undefined, new Map(), Object.assign(new Map(), {next: 5}), untouched])
    t.is(unopenedIterator(source), undefined)
  t.is(
    unopenedIterator(() => []),
    undefined,
  )
  t.is(unopenedIterator(Object.assign(() => [], {next: () => {}})), undefined)
})

test('the promises in an array or a set are handled; other iterables are not read for that', async (t) => {
  const early = (): Promise<never> => Promise.reject(new Error('early'))
  const reasons = await unhandledDuring(() => {
    handleRejections([early(), , 5, early()]) // oxlint-disable-line no-sparse-arrays -- a hole is passed over
    handleRejections(new Set([early()]))
    handleRejections({
      [Symbol.iterator]: () => {
        t.fail('read')
        return [].values()
      },
    })
    handleRejections(undefined)
  })
  t.deepEqual(reasons, [])
})
