import {Readable} from 'node:stream'
import test from 'ava'
import pDefer from 'p-defer'
import {mapped} from '../../src/mapped.js'
import {type DirectIterator, nothing, type SourceHost, SourceReader} from '../../src/source.js'
import type {QueuedTask} from '../../src/task.js'
import type {Items} from '../../src/types.js'
import {unhandledDuring} from '../helpers/unhandled.js'

/** Writes down what it is told. */
class Host implements SourceHost {
  readonly log: unknown[] = []

  sourceChanged(): void {
    this.log.push('changed')
  }

  leftOver(item: unknown): void {
    this.log.push(['leftOver', item])
  }
}

interface Opened {
  readonly reader: SourceReader
  readonly log: unknown[]
  /** Closes the reader, and writes down when that is done. */
  readonly close: () => void
}

const signal = (): AbortSignal => new AbortController().signal

function unopened(source: Items<unknown>): Opened {
  const {log, reader} = made(source)
  return {
    reader,
    log,
    close: () => reader.close((failure) => log.push(failure === undefined ? 'closed' : ['closed', failure.cause])),
  }
}

function made(source: Items<unknown>): {readonly log: unknown[]; readonly reader: SourceReader} {
  const host = new Host()
  return {log: host.log, reader: new SourceReader(source, host)}
}

function opened(source: Items<unknown>): Opened {
  const result = unopened(source)
  result.reader.open(signal)
  return result
}

const turn = (): Promise<void> => new Promise(setImmediate)

interface Script {
  readonly next?: () => unknown
  readonly close?: () => unknown
}

/** An iterator that does as the test says, and writes down its calls. */
function scripted(calls: string[], {next, close}: Script): Iterable<unknown> & {next(): IteratorResult<unknown>} {
  const iterator = {
    next: () => {
      calls.push('next')
      return next?.() as IteratorResult<unknown>
    },
    return: () => {
      calls.push('return')
      return close?.() as IteratorResult<unknown>
    },
    [Symbol.iterator]: () => iterator,
  }
  return iterator
}

/** The same as an async iterable. */
function scriptedAsync(calls: string[], script: Script): AsyncIterable<unknown> {
  return {[Symbol.asyncIterator]: () => scripted(calls, script) as unknown as AsyncIterator<unknown>}
}

// Opening

test('what cannot be read is refused when the reader is made', (t) => {
  t.throws(() => unopened(5 as never), {instanceOf: TypeError, message: /^source must be an iterable.*; got 5$/})
})

test('nothing of the source is touched before it is opened', (t) => {
  unopened({
    [Symbol.iterator]: () => {
      t.fail('touched')
      return [].values()
    },
  })
  unopened(() => {
    t.fail('called')
    return []
  })
  t.pass()
})

test('nothing is pulled from a reader that is not open', (t) => {
  const {reader, log} = unopened([1])
  t.is(reader.pull(), nothing)
  t.false(reader.isPulling)
  t.false(reader.isOver)
  t.deepEqual(log, [])
})

test('a function is called with the signal, once, when the source is opened', (t) => {
  const expected = signal()
  const signals: AbortSignal[] = []
  const {reader} = unopened((given) => {
    signals.push(given)
    return [1]
  })
  t.deepEqual(signals, [])
  reader.open(() => expected)
  reader.open(() => expected)
  t.is(signals.length, 1)
  t.is(signals[0], expected)
  t.is(reader.pull(), 1)
})

test('a source that is no function costs no signal', (t) => {
  const {reader} = unopened([1])
  reader.open(() => {
    t.fail('asked for a signal')
    return signal()
  })
  t.is(reader.pull(), 1)
})

test('a function that throws is a source that failed, with that very cause', (t) => {
  const cause = new Error('no source')
  const {reader, log} = opened(() => {
    throw cause
  })
  t.is(reader.failure?.cause, cause)
  t.true(reader.isOver)
  t.is(reader.pull(), nothing)
  t.deepEqual(log, [])
})

test('a function that returns nothing to read is a source that failed, and the cause says what came', (t) => {
  const {reader} = opened((() => 5) as never)
  t.is(
    String(reader.failure?.cause),
    'TypeError: what the source function returns must be an iterable or an async iterable; got 5',
  )
})

test('a source that gives no iterator failed', (t) => {
  const cause = new Error('no iterator')
  const {reader} = opened({
    [Symbol.iterator]: () => {
      throw cause
    },
  })
  t.is(reader.failure?.cause, cause)
})

test('an object with both protocols is read as async', async (t) => {
  const {reader} = opened({
    [Symbol.iterator]: () => ['sync'].values(),
    async *[Symbol.asyncIterator]() {
      yield 'async'
    },
  })
  t.true(reader.isAsync)
  t.is(reader.pull(), nothing)
  await turn()
  t.is(reader.pull(), 'async')
})

test('the promises in an array or a set are handled as soon as the reader has it', async (t) => {
  const early = (): Promise<never> => Promise.reject(new Error('early'))
  const reasons = await unhandledDuring(() => {
    unopened([early()])
    unopened(new Set([early()]))
    opened(() => [early()])
  })
  t.deepEqual(reasons, [])
})

// Reading

for (const [title, source] of [
  ['an array', ['a', 'b']],
  ['a set', new Set(['a', 'b'])],
  ['a string object', Object('ab') as Iterable<string>],
  [
    'an iterator of a map',
    new Map([
      ['a', 1],
      ['b', 2],
    ] as const).keys(),
  ],
  ['a function that returns an array', () => ['a', 'b']],
  [
    'a generator function',
    function* () {
      yield 'a'
      yield 'b'
      return 'no item'
    },
  ],
] as ReadonlyArray<readonly [string, Items<string>]>) {
  test(`the items of ${title} are pulled at once, in order, and then it is over`, (t) => {
    const {reader, log} = opened(source)
    t.false(reader.isAsync)
    t.deepEqual([reader.pull(), reader.pull()], ['a', 'b'])
    t.is(reader.pull(), nothing)
    t.true(reader.isOver)
    t.is(reader.failure, undefined)
    t.deepEqual(log, [])
  })
}

test('the items of an async generator come later, in order, each with a notice, and so does its end', async (t) => {
  const {reader, log} = opened(async function* () {
    yield 1
    yield 2
  })
  for (const item of [1, 2]) {
    t.is(reader.pull(), nothing)
    t.true(reader.isPulling)
    await turn()
    t.false(reader.isPulling)
    t.is(reader.pull(), item)
  }
  t.deepEqual(log, ['changed', 'changed'])
  reader.pull()
  t.false(reader.isOver)
  await turn()
  t.true(reader.isOver)
  t.deepEqual(log, ['changed', 'changed', 'changed'])
})

test('undefined is an item like any other', (t) => {
  const {reader} = opened([undefined])
  t.is(reader.pull(), undefined)
  t.false(reader.isOver)
})

test('there is never more than one next() outstanding', async (t) => {
  const calls: string[] = []
  const {reader} = opened(scriptedAsync(calls, {next: async () => ({done: false, value: 1})}))
  reader.pull()
  t.is(reader.pull(), nothing)
  t.deepEqual(calls, ['next'])
  await turn()
  t.is(reader.pull(), 1)
  t.deepEqual(calls, ['next'])
})

test('a source that is over is not asked again', (t) => {
  const calls: string[] = []
  const {reader} = opened(scripted(calls, {next: () => ({done: true})}))
  reader.pull()
  reader.pull()
  t.deepEqual(calls, ['next'])
})

// Iterators over collections

test('an iterator over a collection is read lazily, so that what is added meanwhile is read, too', (t) => {
  const map = new Map<string, () => number>([['a', () => 1]])
  const {reader} = opened(map.values())
  reader.pull()
  const added = (): number => 2
  map.set('b', added)
  t.is(reader.pull(), added)
  t.is(reader.pull(), nothing)
  t.true(reader.isOver)
})

test('where such an iterator gives a promise, the rest is looked through, so that none is an unhandled rejection', async (t) => {
  const values = [() => 1, Promise.resolve(2), Promise.reject(new Error('early')), () => 4]
  const {reader} = opened(values.values())
  const reasons = await unhandledDuring(() => {
    t.is(reader.pull(), values[0])
    t.is(reader.pull(), values[1])
  })
  t.deepEqual(reasons, [])
  t.deepEqual([reader.pull() === values[2], reader.pull() === values[3]], [true, true])
  t.is(reader.pull(), nothing)
  t.true(reader.isOver)
})

test('an item of such an iterator whose then cannot be read is an item like any other', (t) => {
  const {proxy: item, revoke} = Proxy.revocable({}, {})
  revoke()
  const {reader} = opened(new Map([[1, item]]).values())
  t.true(reader.pull() === item)
  t.is(reader.failure, undefined)
})

test('an iterator that has the tag of one over a collection, and throws, is a source that failed', (t) => {
  const cause = new Error('no item')
  const iterator = new Map([[1, 2]]).values()
  iterator.next = () => {
    throw cause
  }
  const {reader} = opened(iterator)
  t.is(reader.pull(), nothing)
  t.is(reader.failure?.cause, cause)
  t.true(reader.isOver)
})

// Items that cannot start yet

test('what is put back comes again before all others, the last one first', (t) => {
  const {reader} = opened([1, 2, 3])
  const [first, second] = [reader.pull(), reader.pull()]
  reader.putBack(second)
  reader.putBack(first)
  t.deepEqual([reader.pull(), reader.pull(), reader.pull(), reader.pull()], [1, 2, 3, nothing])
})

test('a source is not over while something is put back', (t) => {
  const {reader} = opened([1])
  const item = reader.pull()
  t.is(reader.pull(), nothing)
  reader.putBack(item)
  t.false(reader.isOver)
  t.is(reader.pull(), 1)
  t.true(reader.isOver)
})

test('a promise that is put back is no unhandled rejection', async (t) => {
  const {reader} = opened(
    (function* () {
      yield Promise.reject(new Error('early'))
    })(),
  )
  t.deepEqual(await unhandledDuring(() => reader.putBack(reader.pull())), [])
})

test('what was put back is handed over when the source is closed', (t) => {
  const {reader, log, close} = opened(function* () {
    yield 'a'
    yield 'b'
  })
  const items = [reader.pull(), reader.pull()]
  for (const item of items.toReversed()) reader.putBack(item)
  close()
  t.deepEqual(log, [['leftOver', 'a'], ['leftOver', 'b'], 'closed'])
  t.true(reader.isOver)
})

// Plain items and queues

test('of a mapped source the plain items are read, and the mapper is given', async (t) => {
  const mapper = (item: number): number => item * 2
  const {reader} = opened(mapped([1, 2], mapper))
  t.true(Object.is(reader.mapper, mapper))
  t.deepEqual([reader.pull(), reader.pull(), reader.pull()], [1, 2, nothing])
  const async = opened(
    mapped(async function* () {
      yield 1
    }, mapper),
  )
  t.true(async.reader.isAsync)
  async.reader.pull()
  await turn()
  t.is(async.reader.pull(), 1)
  t.is(opened([() => 1]).reader.mapper, undefined)
})

/** An iterator as a TaskQueue gives it. */
class Direct implements DirectIterator, AsyncIterator<never> {
  readonly tasks: QueuedTask[] = []
  readonly callbacks: Array<() => void> = []
  isOver = false

  tryTake(): QueuedTask | undefined {
    return this.tasks.shift()
  }

  whenAvailable(callback: () => void): void {
    this.callbacks.push(callback)
  }

  whenEmpty(callback: () => void): void {
    this.callbacks.push(callback)
  }

  next(): Promise<IteratorResult<never>> {
    throw new Error('asked for a promise')
  }

  [Symbol.asyncIterator](): AsyncIterator<never> {
    return this
  }
}

const queuedTask = (): QueuedTask => ({}) as unknown as QueuedTask

test('the iterator of a queue gives a task at once, and is asked to call back when it has none', (t) => {
  const direct = new Direct()
  const [first, second] = [queuedTask(), queuedTask()]
  direct.tasks.push(first)
  const {reader, log} = opened(direct)
  t.true(reader.isQueue)
  t.is(reader.pull(), first)
  t.is(reader.pull(), nothing)
  t.true(reader.isPulling)
  t.is(reader.pull(), nothing)
  t.is(direct.callbacks.length, 1)
  direct.tasks.push(second)
  direct.callbacks[0]?.()
  t.deepEqual(log, ['changed'])
  t.is(reader.pull(), second)
})

test('a queue that is closed and empty is a source that is over', (t) => {
  const direct = new Direct()
  direct.isOver = true
  const {reader} = opened(direct)
  t.is(reader.pull(), nothing)
  t.true(reader.isOver)
  t.false(reader.isPulling)
  t.is(direct.callbacks.length, 0)
})

test('a queue whose iterator has a next() that somebody put there is read by that', async (t) => {
  const direct = Object.assign(new Direct(), {next: async () => ({done: false as const, value: 'wrapped' as never})})
  const {reader} = opened(direct)
  t.false(reader.isQueue)
  t.is(reader.pull(), nothing)
  await turn()
  t.is(reader.pull(), 'wrapped')
})

// Failing

for (const cause of [new Error('no item'), undefined, null, 0]) {
  test(`a source that throws ${String(cause)} failed with that very value, and is not closed`, (t) => {
    const calls: string[] = []
    const {reader, log, close} = opened(
      scripted(calls, {
        next: () => {
          throw cause
        },
      }),
    )
    t.is(reader.pull(), nothing)
    t.is(reader.pull(), nothing)
    close()
    t.deepEqual(reader.failure, {cause})
    t.is(reader.failure?.cause, cause)
    t.deepEqual(log, ['closed'])
    t.deepEqual(calls, ['next'])
  })

  test(`an async source that rejects with ${String(cause)} failed with that very value, and is not closed`, async (t) => {
    const calls: string[] = []
    const {reader, log, close} = opened(scriptedAsync(calls, {next: () => Promise.reject(cause)}))
    reader.pull()
    await turn()
    close()
    t.deepEqual(reader.failure, {cause})
    t.is(reader.failure?.cause, cause)
    t.deepEqual(log, ['changed', 'closed'])
    t.deepEqual(calls, ['next'])
  })
}

test('an async source whose next() throws at once failed', (t) => {
  const cause = new Error('no promise')
  const {reader} = opened(
    scriptedAsync([], {
      next: () => {
        throw cause
      },
    }),
  )
  t.is(reader.pull(), nothing)
  t.false(reader.isPulling)
  t.is(reader.failure?.cause, cause)
})

test('an async source whose next() gives a plain result is read all the same', async (t) => {
  const {reader} = opened(scriptedAsync([], {next: () => ({done: false, value: 1})}))
  reader.pull()
  await turn()
  t.is(reader.pull(), 1)
})

test('a result whose value throws when it is read is a failure of the source', async (t) => {
  const cause = new Error('no value')
  const result = Object.defineProperty({done: false}, 'value', {
    get: () => {
      throw cause
    },
  })
  for (const source of [scripted([], {next: () => result}), scriptedAsync([], {next: async () => result})]) {
    const {reader} = opened(source)
    t.is(reader.pull(), nothing)
    await turn()
    t.false(reader.isPulling)
    t.is(reader.failure?.cause, cause)
  }
})

for (const result of [undefined, null, 5])
  test(`a next() that gives ${result}, or a promise of that, breaks the protocol, and the cause says so`, async (t) => {
    for (const source of [scripted([], {next: () => result}), scriptedAsync([], {next: async () => result})]) {
      const {reader} = opened(source)
      t.is(reader.pull(), nothing)
      await turn()
      t.is(String(reader.failure?.cause), `TypeError: next() of the source must give an object; got ${result}`)
    }
  })

test('a sync source whose next() gives promises failed: it would give undefined for ever', async (t) => {
  const reasons = await unhandledDuring(() => {
    const {reader} = opened(scripted([], {next: () => Promise.reject(new Error('also'))}))
    t.is(reader.pull(), nothing)
    t.regex(String(reader.failure?.cause), /^TypeError: next\(\) of the source gave a promise; .*Symbol\.asyncIterator/)
  })
  t.deepEqual(reasons, [])
})

// Closing

test('closing runs the cleanup of a generator, and is done when that is', (t) => {
  const order: string[] = []
  const {reader, log, close} = opened(
    (function* () {
      try {
        yield 1
      } finally {
        order.push('clean')
      }
    })(),
  )
  reader.pull()
  close()
  t.deepEqual(order, ['clean'])
  t.deepEqual(log, ['closed'])
  t.true(reader.isOver)
})

test('closing waits for the cleanup of an async generator', async (t) => {
  const cleanup = pDefer<void>()
  const {reader, log, close} = opened(async function* () {
    try {
      yield 1
    } finally {
      await cleanup.promise
    }
  })
  reader.pull()
  await turn()
  reader.pull()
  close()
  await turn()
  t.deepEqual(log, ['changed'])
  cleanup.resolve()
  await turn()
  t.deepEqual(log, ['changed', 'closed'])
})

test('a closed source is not pulled from, and not closed again', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(scripted(calls, {}))
  close()
  close()
  t.is(reader.pull(), nothing)
  t.deepEqual(calls, ['return'])
  t.deepEqual(log, ['closed', 'closed'])
})

test('return() is not called on a source that has ended by itself', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(scripted(calls, {next: () => ({done: true})}))
  reader.pull()
  close()
  t.deepEqual(calls, ['next'])
  t.deepEqual(log, ['closed'])
})

test('the source is closed with what return() throws', (t) => {
  const cause = new Error('stuck')
  const {reader, log, close} = opened(
    scripted([], {
      close: () => {
        throw cause
      },
    }),
  )
  close()
  t.deepEqual(log, [['closed', cause]])
  t.is(reader.failure, undefined)
})

test('the source is closed with what return() rejects with', async (t) => {
  const cause = new Error('stuck')
  const {log, close} = opened(scriptedAsync([], {close: () => Promise.reject(cause)}))
  close()
  t.deepEqual(log, [])
  await turn()
  t.deepEqual(log, [['closed', cause]])
})

test('a return() of an async source that gives no promise closes it at once', (t) => {
  const {log, close} = opened(scriptedAsync([], {close: () => undefined}))
  close()
  t.deepEqual(log, ['closed'])
})

test('a return that is no function is reported as a failure of closing', (t) => {
  const iterator = {next: () => ({done: false, value: 1}), return: 5 as never}
  const {log, close} = opened({[Symbol.iterator]: () => iterator})
  close()
  const [closed, ...others] = log as Array<[string, unknown]>
  t.is(closed?.[0], 'closed')
  t.true(closed?.[1] instanceof TypeError)
  t.deepEqual(others, [])
})

test('return() is called at once on an iterator in the middle of an item', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(scriptedAsync(calls, {next: () => new Promise(() => {})}))
  reader.pull()
  close()
  t.deepEqual(calls, ['next', 'return'])
  t.deepEqual(log, ['closed'])
  t.true(reader.isPulling)
})

test('an item that comes after the close is handed over, so that it can be disposed of', async (t) => {
  const {reader, log, close} = opened(async function* () {
    await turn()
    yield 1
  })
  reader.pull()
  close()
  await turn()
  await turn()
  t.false(reader.isPulling)
  t.is(reader.pull(), nothing)
  t.deepEqual(log, [['leftOver', 1], 'changed', 'closed'])
})

test('an end that comes after the close is reported as a change', async (t) => {
  const {reader, log, close} = opened(scriptedAsync([], {next: async () => ({done: true})}))
  reader.pull()
  close()
  await turn()
  t.deepEqual(log, ['closed', 'changed'])
  t.false(reader.isPulling)
})

test('what fails because it was closed is no failure of the source', async (t) => {
  const {reader, log, close} = opened(scriptedAsync([], {next: () => Promise.reject(new Error('late'))}))
  reader.pull()
  close()
  await turn()
  t.is(reader.failure, undefined)
  t.deepEqual(log, ['closed', 'changed'])
})

test('a generator that closes its own reader is closed after its item, which is handed over', (t) => {
  const order: string[] = []
  const {reader, log, close} = opened(function* () {
    try {
      close()
      yield 1
    } finally {
      order.push('clean')
    }
  })
  t.is(reader.pull(), nothing)
  t.deepEqual(order, ['clean'])
  t.deepEqual(log, [['leftOver', 1], 'closed'])
})

test('return() is not called on a source that closes its own reader and then ends or throws, and it is closed once', (t) => {
  for (const next of [
    () => ({done: true}),
    () => {
      throw new Error('after all')
    },
  ]) {
    const calls: string[] = []
    const {reader, log, close} = opened(
      scripted(calls, {
        next: () => {
          close()
          return next()
        },
      }),
    )
    t.is(reader.pull(), nothing)
    t.deepEqual(calls, ['next'])
    t.deepEqual(log, ['closed'])
    t.is(reader.failure, undefined)
  }
})

test('a function that closes the reader while it makes the source leads to a closed source', (t) => {
  const calls: string[] = []
  const {reader, log, close} = unopened(() => {
    close()
    return scripted(calls, {})
  })
  reader.open(signal)
  t.deepEqual(calls, ['return'])
  t.deepEqual(log, ['closed'])
  t.is(reader.pull(), nothing)
})

test('a Node stream is destroyed while it waits for a chunk', async (t) => {
  const stream = new Readable({read: () => {}})
  const {reader, log, close} = opened(stream)
  reader.pull()
  close()
  await turn()
  t.true(stream.destroyed)
  t.is(reader.failure, undefined)
  t.true(log.includes('closed'))
})

test('a ReadableStream is cancelled while it waits for a chunk', async (t) => {
  const calls: string[] = []
  const stream = new ReadableStream({cancel: () => void calls.push('cancel')})
  const {reader, log, close} = opened(stream)
  reader.pull()
  close()
  await turn()
  t.deepEqual(calls, ['cancel'])
  t.is(reader.failure, undefined)
  t.true(log.includes('closed'))
})

// Closing what was never opened

test('a generator that was never opened is closed, too', (t) => {
  const calls: string[] = []
  const {log, close} = unopened(scripted(calls, {}))
  close()
  t.deepEqual(calls, ['return'])
  t.deepEqual(log, ['closed'])
})

test('a function that was never called is not called to be closed, nor is an iterable opened for that', (t) => {
  for (const source of [
    () => {
      t.fail('called')
      return []
    },
    {
      [Symbol.iterator]: () => {
        t.fail('opened')
        return [].values()
      },
    },
  ]) {
    const {log, close} = unopened(source)
    close()
    t.deepEqual(log, ['closed'])
  }
})

test('a source that was closed before it was opened stays closed', (t) => {
  const {reader, close} = unopened(() => {
    t.fail('called')
    return []
  })
  close()
  reader.open(signal)
  t.true(reader.isOver)
  t.is(reader.pull(), nothing)
})

test('an unopened source whose parts throw when they are looked at is closed, and what they throw is reported', (t) => {
  const cause = new Error('hostile')
  const source = Object.defineProperty({[Symbol.iterator]: () => [].values()}, 'next', {
    get: () => {
      throw cause
    },
  })
  const {log, close} = unopened(source)
  close()
  t.deepEqual(log, [['closed', cause]])
})

// What is left in a collection

for (const [title, source] of [
  ['an array', ['a', 'b', 'c']],
  ['a set', new Set(['a', 'b', 'c'])],
  ['an iterator of an array', ['a', 'b', 'c'].values()],
  [
    'an iterator of a map',
    new Map([
      ['x', 'a'],
      ['y', 'b'],
      ['z', 'c'],
    ] as const).values(),
  ],
] as ReadonlyArray<readonly [string, Items<string>]>) {
  test(`closing ${title} hands over what is left in it`, (t) => {
    const {reader, log, close} = opened(source)
    t.is(reader.pull(), 'a')
    close()
    t.deepEqual(log, [['leftOver', 'b'], ['leftOver', 'c'], 'closed'])
  })
}

test('closing an array that was never opened hands over all of it', (t) => {
  const {log, close} = unopened(['a', 'b'])
  close()
  t.deepEqual(log, [['leftOver', 'a'], ['leftOver', 'b'], 'closed'])
})

test('closing a generator, or an endless iterator without return, hands over nothing', (t) => {
  for (const source of [
    function* () {
      for (;;) yield 1
    },
    {[Symbol.iterator]: () => ({next: () => ({done: false as const, value: 1})})},
  ]) {
    const {reader, log, close} = opened(source)
    reader.pull()
    close()
    t.deepEqual(log, ['closed'])
  }
})
