import test from 'ava'
import {
  checkSource,
  isAsyncIterable,
  iteratorToClose,
  nothing,
  SourceReader,
  type SourceSink,
  takeNow,
} from '../../src/source.js'
import type {Items} from '../../src/types.js'

/** Writes down what it is told. */
class Sink<I> implements SourceSink<I> {
  readonly log: unknown[] = []

  arrived(item: I): void {
    this.log.push(['arrived', item])
  }

  exhausted(): void {
    this.log.push('exhausted')
  }

  sourceFailed(cause: unknown): void {
    this.log.push(['sourceFailed', cause])
  }

  closeFailed(cause: unknown): void {
    this.log.push(['closeFailed', cause])
  }

  left(item: I): void {
    this.log.push(['left', item])
  }
}

interface Opened<I> {
  readonly reader: SourceReader<I>
  readonly log: unknown[]
  /** Closes the reader, and writes down when that is done. */
  readonly close: () => void
}

const signal = (): AbortSignal => new AbortController().signal

function unopened<I>(source: Items<I>): Opened<I> {
  const sink = new Sink<I>()
  const reader = new SourceReader(source, sink)
  return {reader, log: sink.log, close: () => reader.close(() => sink.log.push('closed'))}
}

function opened<I>(source: Items<I>): Opened<I> {
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

test('nothing of the source is touched before it is opened', (t) => {
  const source = {
    [Symbol.iterator]: () => {
      t.fail('touched')
      return [].values()
    },
  }
  unopened(source)
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

test('a bare generator function is a source', (t) => {
  const {reader} = opened(function* () {
    yield 1
  })
  t.is(reader.pull(), 1)
})

test('a function that throws is a source that failed', (t) => {
  const cause = new Error('no source')
  const {reader, log} = opened(() => {
    throw cause
  })
  t.deepEqual(log, [['sourceFailed', cause]])
  t.is(reader.pull(), nothing)
})

test('a function that returns nothing to read is a source that failed, and the cause says what came', (t) => {
  const {log} = opened((() => 5) as never)
  const [[what, cause]] = log as [[string, Error]]
  t.is(what, 'sourceFailed')
  t.true(cause instanceof TypeError)
  t.is(cause.message, 'what the source function returns must be an iterable or an async iterable; got 5')
})

test('a source that gives no iterator failed', (t) => {
  const cause = new Error('no iterator')
  const {log} = opened({
    [Symbol.iterator]: () => {
      throw cause
    },
  })
  t.deepEqual(log, [['sourceFailed', cause]])
})

test('an object with both protocols is read as async', async (t) => {
  const {reader, log} = opened({
    [Symbol.iterator]: () => ['sync'].values(),
    async *[Symbol.asyncIterator]() {
      yield 'async'
    },
  })
  t.true(reader.isAsync)
  t.is(reader.pull(), nothing)
  await turn()
  t.deepEqual(log, [['arrived', 'async']])
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
] as ReadonlyArray<readonly [string, Items<string>]>) {
  test(`the items of ${title} are pulled at once, in order, and then it is exhausted`, (t) => {
    const {reader, log} = opened(source)
    t.false(reader.isAsync)
    t.deepEqual([reader.pull(), reader.pull()], ['a', 'b'])
    t.deepEqual(log, [])
    t.is(reader.pull(), nothing)
    t.deepEqual(log, ['exhausted'])
  })
}

test('the items of an async generator arrive, in order, and then it is exhausted', async (t) => {
  const {reader, log} = opened(async function* () {
    yield 1
    yield 2
  })
  for (let pull = 0; pull < 3; pull++) {
    t.is(reader.pull(), nothing)
    await turn()
  }
  t.deepEqual(log, [['arrived', 1], ['arrived', 2], 'exhausted'])
})

test('a ReadableStream is a source', async (t) => {
  const stream = new ReadableStream<number>({
    start: (controller) => {
      controller.enqueue(1)
      controller.close()
    },
  }) as unknown as AsyncIterable<number>
  const {reader, log} = opened(stream)
  reader.pull()
  await turn()
  t.deepEqual(log, [['arrived', 1]])
})

test('undefined is an item like any other', (t) => {
  const {reader, log} = opened([undefined])
  t.is(reader.pull(), undefined)
  t.deepEqual(log, [])
})

test('there is never more than one next() outstanding', async (t) => {
  const calls: string[] = []
  const {reader, log} = opened(scriptedAsync(calls, {next: async () => ({done: false, value: 1})}))
  reader.pull()
  t.true(reader.isPulling)
  t.is(reader.pull(), nothing)
  t.deepEqual(calls, ['next'])
  await turn()
  t.false(reader.isPulling)
  t.deepEqual(log, [['arrived', 1]])
})

test('a source that pulls from its own reader gets nothing, and no second next()', (t) => {
  const inner: unknown[] = []
  const calls: string[] = []
  const {reader} = opened(
    scripted(calls, {
      next: () => {
        inner.push(reader.pull())
        return {done: false, value: 1}
      },
    }),
  )
  t.is(reader.pull(), 1)
  t.deepEqual(inner, [nothing])
  t.deepEqual(calls, ['next'])
})

test('an exhausted source is told of once, and is not asked again', (t) => {
  const calls: string[] = []
  const {reader, log} = opened(scripted(calls, {next: () => ({done: true})}))
  reader.pull()
  reader.pull()
  t.deepEqual(calls, ['next'])
  t.deepEqual(log, ['exhausted'])
})

test('the value a generator returns is no item', (t) => {
  const {reader, log} = opened(
    (function* () {
      yield 1
      return 2
    })(),
  )
  t.is(reader.pull(), 1)
  t.is(reader.pull(), nothing)
  t.deepEqual(log, ['exhausted'])
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
    t.deepEqual(log, [['sourceFailed', cause], 'closed'])
    t.deepEqual(calls, ['next'])
  })

  test(`an async source that rejects with ${String(cause)} failed with that very value, and is not closed`, async (t) => {
    const calls: string[] = []
    const {reader, log, close} = opened(scriptedAsync(calls, {next: () => Promise.reject(cause)}))
    reader.pull()
    await turn()
    close()
    t.deepEqual(log, [['sourceFailed', cause], 'closed'])
    t.deepEqual(calls, ['next'])
  })
}

test('an async source whose next() throws at once failed', (t) => {
  const cause = new Error('no promise')
  const {reader, log} = opened(
    scriptedAsync([], {
      next: () => {
        throw cause
      },
    }),
  )
  t.is(reader.pull(), nothing)
  t.deepEqual(log, [['sourceFailed', cause]])
})

test('an async source whose next() gives a plain result is read all the same', async (t) => {
  const {reader, log} = opened(scriptedAsync([], {next: () => ({done: false, value: 1})}))
  reader.pull()
  await turn()
  t.deepEqual(log, [['arrived', 1]])
})

test('a result whose value throws when it is read is a failure of the source', (t) => {
  const cause = new Error('no value')
  const result = Object.defineProperty({done: false}, 'value', {
    get: () => {
      throw cause
    },
  })
  const {reader, log} = opened(scripted([], {next: () => result}))
  t.is(reader.pull(), nothing)
  t.false(reader.isPulling)
  t.deepEqual(log, [['sourceFailed', cause]])
})

const protocol = (value: unknown): string => `next() of the source must give an object; got ${String(value)}`

for (const result of [undefined, 5]) {
  test(`a next() that gives ${result} breaks the protocol, and the cause says so`, (t) => {
    const {reader, log} = opened(scripted([], {next: () => result}))
    t.is(reader.pull(), nothing)
    const [[what, cause]] = log as [[string, Error]]
    t.is(what, 'sourceFailed')
    t.is(String(cause), `TypeError: ${protocol(result)}`)
  })
}

test('a next() that gives null breaks the protocol, and the cause says so', (t) => {
  const {reader, log} = opened(scripted([], {next: () => null}))
  t.is(reader.pull(), nothing)
  const [[what, cause]] = log as [[string, Error]]
  t.is(what, 'sourceFailed')
  t.is(String(cause), `TypeError: ${protocol(null)}`)
})

for (const result of [undefined, null, 5]) {
  test(`an async next() that gives ${result} breaks the protocol, and the cause says so`, async (t) => {
    const {reader, log} = opened(scriptedAsync([], {next: async () => result}))
    reader.pull()
    await turn()
    const [[what, cause]] = log as [[string, Error]]
    t.is(what, 'sourceFailed')
    t.is(String(cause), `TypeError: ${protocol(result)}`)
  })
}

// Closing

test('closing runs the cleanup of a generator, and is done when that is', (t) => {
  let isClean = false
  const {reader, log, close} = opened(
    (function* () {
      try {
        yield 1
      } finally {
        isClean = true
      }
    })(),
  )
  reader.pull()
  close()
  t.true(isClean)
  t.deepEqual(log, ['closed'])
})

test('closing waits for the cleanup of an async generator', async (t) => {
  const order: string[] = []
  const {reader, log, close} = opened(async function* () {
    try {
      yield 1
    } finally {
      await turn()
      order.push('clean')
    }
  })
  reader.pull()
  await turn()
  close()
  t.deepEqual(log, [['arrived', 1]])
  await turn()
  await turn()
  t.deepEqual(order, ['clean'])
  t.deepEqual(log, [['arrived', 1], 'closed'])
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

test('an exhausted source is not closed', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(scripted(calls, {next: () => ({done: true})}))
  reader.pull()
  close()
  t.deepEqual(calls, ['next'])
  t.deepEqual(log, ['exhausted', 'closed'])
})

test('a source without return is closed without it', (t) => {
  const {log, close} = opened({[Symbol.iterator]: () => ({next: () => ({done: false, value: 1})})})
  close()
  t.deepEqual(log, ['closed'])
})

test('what return() throws is told, and the source is closed', (t) => {
  const cause = new Error('stuck')
  const {log, close} = opened(
    scripted([], {
      close: () => {
        throw cause
      },
    }),
  )
  close()
  t.deepEqual(log, [['closeFailed', cause], 'closed'])
})

test('what return() rejects with is told, and then the source is closed', async (t) => {
  const cause = new Error('stuck')
  const {log, close} = opened(scriptedAsync([], {close: () => Promise.reject(cause)}))
  close()
  await turn()
  t.deepEqual(log, [['closeFailed', cause], 'closed'])
})

test('a return() of an async source that gives no promise closes it at once', (t) => {
  const {log, close} = opened(scriptedAsync([], {close: () => undefined}))
  close()
  t.deepEqual(log, ['closed'])
})

test('a return that is no function is told as a failure of closing', (t) => {
  const iterator = {next: () => ({done: false, value: 1}), return: 5 as never}
  const {log, close} = opened({[Symbol.iterator]: () => iterator})
  close()
  t.is(log.length, 2)
  t.true((log[0] as [string, unknown])[1] instanceof TypeError)
  t.is(log[1], 'closed')
})

test('an iterator in the middle of an item is told to return at once', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(scriptedAsync(calls, {next: () => new Promise(() => {})}))
  reader.pull()
  close()
  t.deepEqual(calls, ['next', 'return'])
  t.deepEqual(log, ['closed'])
})

test('an item that comes after the close still arrives, so that it can be disposed of', async (t) => {
  const {reader, log, close} = opened(async function* () {
    await turn()
    yield 1
  })
  reader.pull()
  close()
  await turn()
  await turn()
  t.deepEqual(log, [['arrived', 1], 'closed'])
})

test('an end that comes after the close is no news', async (t) => {
  const {reader, log, close} = opened(scriptedAsync([], {next: async () => ({done: true})}))
  reader.pull()
  close()
  await turn()
  t.deepEqual(log, ['closed'])
  t.false(reader.isPulling)
})

test('a failure that comes after the close is told', async (t) => {
  const cause = new Error('late')
  const {reader, log, close} = opened(scriptedAsync([], {next: () => Promise.reject(cause)}))
  reader.pull()
  close()
  await turn()
  t.deepEqual(log, ['closed', ['sourceFailed', cause]])
})

test('a generator that closes its own reader is closed after its item, which still arrives', (t) => {
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
  t.deepEqual(log, [['arrived', 1], 'closed'])
})

test('a source that closes its own reader and then ends is not told to return', (t) => {
  const calls: string[] = []
  const {reader, log, close} = opened(
    scripted(calls, {
      next: () => {
        close()
        return {done: true}
      },
    }),
  )
  t.is(reader.pull(), nothing)
  t.deepEqual(calls, ['next'])
  t.deepEqual(log, ['exhausted', 'closed'])
})

test('a source that closes its own reader and then throws is closed by that', (t) => {
  const calls: string[] = []
  const cause = new Error('after all')
  const {reader, log, close} = opened(
    scripted(calls, {
      next: () => {
        close()
        throw cause
      },
    }),
  )
  t.is(reader.pull(), nothing)
  t.deepEqual(calls, ['next'])
  t.deepEqual(log, [['sourceFailed', cause], 'closed'])
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

// Closing what was never opened

test('a generator that was never opened is closed, too', (t) => {
  const calls: string[] = []
  const {log, close} = unopened(scripted(calls, {}))
  close()
  t.deepEqual(calls, ['return'])
  t.deepEqual(log, ['closed'])
})

test('a function that was never called is not called to be closed', (t) => {
  const {log, close} = unopened(() => {
    t.fail('called')
    return []
  })
  close()
  t.deepEqual(log, ['closed'])
})

test('an iterable that was never opened is not opened to be closed', (t) => {
  const {log, close} = unopened({
    [Symbol.iterator]: () => {
      t.fail('opened')
      return [].values()
    },
  })
  close()
  t.deepEqual(log, ['closed'])
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
    t.deepEqual(log, [['left', 'b'], ['left', 'c'], 'closed'])
  })
}

test('closing an array that was never opened hands over all of it', (t) => {
  const {log, close} = unopened(['a', 'b'])
  close()
  t.deepEqual(log, [['left', 'a'], ['left', 'b'], 'closed'])
})

test('closing a generator hands over nothing', (t) => {
  const {log, close} = opened(function* () {
    for (;;) yield 1
  })
  close()
  t.deepEqual(log, ['closed'])
})

test('an endless iterator without return is not emptied', (t) => {
  const {reader, log, close} = opened({[Symbol.iterator]: () => ({next: () => ({done: false, value: 1})})})
  reader.pull()
  close()
  t.deepEqual(log, ['closed'])
})

// Helpers

test('what can be read is an iterable, an async iterable or a function', (t) => {
  for (const source of [[], new Set(), [].values(), () => [], (async function* () {})(), new Map()])
    t.notThrows(() => checkSource('source', source))
})

test('what cannot be read is refused by its name', (t) => {
  for (const source of [undefined, null, 5, 'text', {}, Promise.resolve([])])
    t.throws(() => checkSource('things', source), {instanceOf: TypeError, message: /^things must be .*; got /})
})

test('an async iterable is what has a function under Symbol.asyncIterator', (t) => {
  t.true(isAsyncIterable((async function* () {})()))
  t.false(isAsyncIterable([]))
  t.false(isAsyncIterable({[Symbol.asyncIterator]: undefined}))
})

test('of what was never opened, an iterator or a collection must be closed, and nothing else', (t) => {
  const generator = (function* () {})()
  t.is(iteratorToClose(generator), generator)
  t.deepEqual([...(iteratorToClose(['a']) as IterableIterator<string>)], ['a'])
  t.deepEqual([...(iteratorToClose(new Set(['a'])) as IterableIterator<string>)], ['a'])
  t.is(
    iteratorToClose(() => []),
    undefined,
  )
  t.is(iteratorToClose(undefined), undefined)
  t.is(iteratorToClose(Object.assign(() => [], {next: () => {}})), undefined)
  t.is(iteratorToClose(new Map()), undefined)
  t.is(iteratorToClose(Object.assign(new Map(), {next: 5})), undefined)
})

test('the promises in an array or a set are handled as soon as the reader has it', async (t) => {
  // An unhandled rejection would fail this file.
  unopened([Promise.reject(new Error('early'))])
  unopened(new Set([Promise.reject(new Error('early'))]))
  opened(() => [Promise.reject(new Error('early'))])
  await turn()
  t.pass()
})

test('an async iterator that has an item already may give it at once, and is asked for a promise only when it has none', async (t) => {
  const items = ['a', 'b']
  const calls: string[] = []
  const prompt = {
    next: Object.assign(
      async () => {
        calls.push('next')
        return {done: true as const, value: undefined}
      },
      {
        [takeNow]: () => {
          calls.push('takeNow')
          return items.shift() ?? nothing
        },
      },
    ),
    [Symbol.asyncIterator]: () => prompt,
  }
  const {reader, log} = opened<string>(prompt)
  t.deepEqual([reader.pull(), reader.pull(), reader.pull()], ['a', 'b', nothing])
  t.is(reader.pull(), nothing) // a promise is pending: nothing may overtake it
  await turn()
  t.deepEqual(calls, ['takeNow', 'takeNow', 'takeNow', 'next'])
  t.deepEqual(log, ['exhausted'])
  t.is(reader.pull(), nothing)
})
