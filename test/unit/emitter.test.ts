import test from 'ava'
import {Emitter} from '../../src/emitter.js'
import {reported} from './globals.js'

const silent = (): void => {}
const other = (): void => {}
const throwing = (): never => {
  throw new Error('listener')
}

test('a listener gets the arguments of each event, however many', (t) => {
  const emitter = new Emitter({})
  const seen: unknown[][] = []
  emitter.add('greet', (...args) => seen.push(args))
  emitter.emit('greet', [])
  emitter.emit('greet', ['Ada'])
  emitter.emit('greet', ['Ada', undefined])
  emitter.emit('greet', [1, 2, 3, 4, 5, 6, 7])
  t.deepEqual(seen, [[], ['Ada'], ['Ada', undefined], [1, 2, 3, 4, 5, 6, 7]])
})

test('emit says whether anybody listens, for error too', (t) => {
  const emitter = new Emitter({})
  t.false(emitter.emit('error', [new Error('unheard')]))
  emitter.add('error', silent)
  t.true(emitter.emit('error', [new Error('heard')]))
})

test('a name may be a symbol, or one that every object has', (t) => {
  const emitter = new Emitter({})
  const event = Symbol('event')
  for (const name of [event, 'toString', '__proto__', 'constructor']) {
    t.false(emitter.emit(name, []))
    emitter.add(name, silent)
    t.true(emitter.emit(name, []))
  }
  t.deepEqual(emitter.names(), ['toString', '__proto__', 'constructor', event])
})

test('what a listener throws is reported once, and emit does not throw', (t) => {
  const emitter = new Emitter({})
  const error = new Error('listener')
  emitter.add('leave', () => {
    throw error
  })
  t.deepEqual(
    reported(() => t.true(emitter.emit('leave', []))),
    [error],
  )
})

test('a listener that throws undefined is reported too', (t) => {
  const emitter = new Emitter({})
  emitter.add(
    'leave',
    () => {
      throw undefined
    },
    {isOnce: true},
  )
  t.deepEqual(
    reported(() => emitter.emit('leave', [])),
    [undefined],
  )
})

test('the listeners after one that throws are called', (t) => {
  const emitter = new Emitter({})
  const calls: string[] = []
  emitter.add('leave', () => calls.push('before'))
  emitter.add('leave', throwing)
  emitter.add('leave', throwing, {isOnce: true})
  emitter.add('leave', () => calls.push('after'))
  t.is(reported(() => emitter.emit('leave', [])).length, 2)
  t.deepEqual(calls, ['before', 'after'])
})

test('a listener that is no function is refused', (t) => {
  const emitter = new Emitter({})
  t.throws(() => emitter.add('leave', 5 as unknown as () => void), {
    instanceOf: TypeError,
    message: 'listener must be a function; got 5',
  })
})

test('a listener is called with its context, and with the target where none is given', (t) => {
  const target = {name: 'target'}
  const emitter = new Emitter(target)
  const context = {name: 'context'}
  const seen: unknown[] = []
  function listener(this: unknown): void {
    seen.push(this)
  }
  emitter.add('leave', listener)
  emitter.add('leave', listener, {context})
  emitter.add('leave', listener, {context, isOnce: true})
  emitter.emit('leave', [])
  t.is(seen.length, 3)
  t.is(seen[0], target)
  t.true(seen.slice(1).every((thing) => thing === context))
})

// Once

test('a once listener is called once, by any number of events', (t) => {
  const emitter = new Emitter({})
  let calls = 0
  emitter.add('leave', () => calls++, {isOnce: true})
  emitter.emit('leave', [])
  emitter.emit('leave', [])
  t.is(calls, 1)
  t.is(emitter.count('leave'), 0)
})

test('a once listener is gone before it is called, also if it throws', (t) => {
  const emitter = new Emitter({})
  const counts: number[] = []
  emitter.add(
    'leave',
    () => {
      counts.push(emitter.count('leave'))
      throw new Error('listener')
    },
    {isOnce: true},
  )
  t.is(reported(() => emitter.emit('leave', [])).length, 1)
  t.deepEqual(counts, [0])
})

test('a once listener that causes the same event again is called once', (t) => {
  const emitter = new Emitter({})
  let calls = 0
  const again = (): void => {
    calls++
    emitter.emit('result', [])
    for (const tell of emitter.audience.result ?? []) tell()
  }
  emitter.add('result', again, {isOnce: true})
  emitter.emit('result', [])
  t.is(calls, 1)
})

test('a once listener behind one that causes the same event again is called once', (t) => {
  const emitter = new Emitter({})
  const calls: string[] = []
  emitter.add('result', (depth) => {
    if (depth === 1) emitter.emit('result', [2])
  })
  emitter.add('result', (depth) => calls.push(`once ${String(depth)}`), {isOnce: true})
  emitter.add('result', (depth) => calls.push(`each ${String(depth)}`))
  emitter.emit('result', [1])
  t.deepEqual(calls, ['once 2', 'each 2', 'each 1'])
})

// Removing

test('remove takes out one listener wherever it was added, and leaves the others', (t) => {
  const emitter = new Emitter({})
  emitter.add('leave', silent)
  emitter.add('leave', other)
  emitter.add('leave', other, {isOnce: true})
  emitter.remove('leave', other)
  t.deepEqual(emitter.listeners('leave'), [silent])
})

test('remove can be told the context, or to take out once listeners only', (t) => {
  const emitter = new Emitter({})
  const context = {}
  emitter.add('leave', silent)
  emitter.add('leave', silent, {context})
  emitter.add('leave', silent, {isOnce: true})
  emitter.remove('leave', silent, {context})
  t.is(emitter.count('leave'), 2)
  emitter.remove('leave', silent, {isOnce: true})
  t.is(emitter.count('leave'), 1)
})

test('remove without a listener takes out all of the event', (t) => {
  const emitter = new Emitter({})
  emitter.add('leave', silent)
  emitter.add('leave', other)
  emitter.add('greet', other)
  emitter.remove('leave')
  t.is(emitter.count('leave'), 0)
  t.deepEqual(emitter.names(), ['greet'])
})

test('remove with a listener that was never added does nothing', (t) => {
  const emitter = new Emitter({})
  emitter.add('leave', silent)
  emitter.remove('leave', other)
  emitter.remove('greet', silent)
  t.is(emitter.count('leave'), 1)
})

test('removeAll takes out all listeners of all events', (t) => {
  const emitter = new Emitter({})
  const event = Symbol('event')
  for (const name of ['greet', 'result', event]) emitter.add(name, silent)
  emitter.removeAll()
  t.deepEqual(emitter.names(), [])
  t.is(emitter.audience.result, undefined)
})

test('one function listens to two emitters, and leaves one without leaving the other', (t) => {
  const [one, two] = [new Emitter({}), new Emitter({})]
  one.add('leave', silent)
  two.add('leave', silent)
  one.remove('leave', silent)
  t.is(one.count('leave'), 0)
  t.is(two.count('leave'), 1)
})

test('a listener that removes itself while it is called does not keep the next from its call', (t) => {
  const emitter = new Emitter({})
  const calls: string[] = []
  const first = (): void => {
    calls.push('first')
    emitter.remove('leave', first)
  }
  emitter.add('leave', first)
  emitter.add('leave', () => calls.push('second'))
  emitter.emit('leave', [])
  emitter.emit('leave', [])
  t.deepEqual(calls, ['first', 'second', 'second'])
})

// Adding

test('listeners gives the very functions that were added, in the order of their calls', (t) => {
  const emitter = new Emitter({})
  emitter.add('leave', silent)
  emitter.add('leave', other, {isOnce: true})
  const listeners = emitter.listeners('leave')
  t.is(listeners.length, 2)
  t.is(listeners[0], silent)
  t.is(listeners[1], other)
  t.deepEqual(emitter.listeners('greet'), [])
})

test('a listener can be added before the others, once or for good, with a context', (t) => {
  const emitter = new Emitter({})
  const calls: string[] = []
  const context = {name: 'context'}
  function first(this: unknown): void {
    calls.push(this === context ? 'first' : 'lost')
  }
  emitter.add('leave', () => calls.push('last'))
  emitter.add('leave', () => calls.push('once'), {isOnce: true, isFirst: true})
  emitter.add('leave', first, {isFirst: true, context})
  emitter.emit('leave', [])
  emitter.emit('leave', [])
  t.deepEqual(calls, ['first', 'once', 'last', 'first', 'last'])
})

for (const isFirst of [false, true])
  test(`a listener added ${isFirst ? 'first' : 'last'} while an event is told hears the next one`, (t) => {
    const emitter = new Emitter({})
    const calls: string[] = []
    emitter.add('leave', () => emitter.add('leave', () => calls.push('late'), {isFirst}), {isOnce: true})
    emitter.add('leave', silent)
    emitter.emit('leave', [])
    t.deepEqual(calls, [])
    emitter.emit('leave', [])
    t.deepEqual(calls, ['late'])
  })

// For the runner, which tells its frequent events without `emit`

test('the audience of an event calls its listeners, and is undefined where nobody listens', (t) => {
  const emitter = new Emitter({})
  const seen: unknown[] = []
  t.is(emitter.audience.result, undefined)
  emitter.add('result', (value) => seen.push(value))
  emitter.add('other', silent)
  t.is(emitter.audience.result?.length, 1)
  t.is(emitter.audience.start, undefined)
  for (const tell of emitter.audience.result ?? []) tell('Ada')
  t.deepEqual(seen, ['Ada'])
})

test('an audience calls a once listener once, and all behind a listener that throws', (t) => {
  const emitter = new Emitter({})
  const calls: string[] = []
  emitter.add('start', () => calls.push('once'), {isOnce: true})
  emitter.add('start', throwing)
  emitter.add('start', () => calls.push('each'))
  const errors = reported(() => {
    for (let count = 0; count < 2; count++) for (const tell of emitter.audience.start ?? []) tell()
  })
  t.is(errors.length, 2)
  t.deepEqual(calls, ['once', 'each', 'each'])
})

const leaving: Record<string, (emitter: Emitter) => unknown> = {
  'remove with the listener': (emitter) => emitter.remove('result', silent),
  'remove with the event': (emitter) => emitter.remove('result'),
  removeAll: (emitter) => emitter.removeAll(),
  'the only call of a once listener': (emitter) => {
    emitter.remove('result', silent)
    emitter.add('result', silent, {isOnce: true})
    emitter.emit('result', [])
  },
}

for (const [how, leave] of Object.entries(leaving))
  test(`the audience is undefined again after ${how}`, (t) => {
    const emitter = new Emitter({})
    emitter.add('result', silent)
    t.is(emitter.audience.result?.length, 1)
    leave(emitter)
    t.is(emitter.audience.result, undefined)
  })
