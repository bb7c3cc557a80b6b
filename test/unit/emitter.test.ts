import test from 'ava'
import {Emitter} from '../../src/emitter.js'
import {reported} from './globals.js'

type Events = {greet: [name: string]; leave: []}

const silent = (): void => {}
const other = (): void => {}

test('a listener gets the arguments of each event', (t) => {
  const emitter = new Emitter<Events>()
  const names: string[] = []
  emitter.on('greet', (name) => names.push(name))
  emitter.emit('greet', 'Ada')
  emitter.emit('greet', 'Grace')
  t.deepEqual(names, ['Ada', 'Grace'])
})

test('emit says whether anybody listens, for error too', (t) => {
  const emitter = new Emitter<{error: [Error]}>()
  t.false(emitter.emit('error', new Error('unheard')))
  emitter.on('error', () => {})
  t.true(emitter.emit('error', new Error('heard')))
})

test('on, once, addListener, off and removeListener give the emitter back', (t) => {
  const emitter = new Emitter<Events>()
  t.is(emitter.on('greet', silent), emitter)
  t.is(emitter.once('greet', silent), emitter)
  t.is(emitter.addListener('greet', silent), emitter)
  t.is(emitter.off('greet', silent), emitter)
  t.is(emitter.removeListener('greet', silent), emitter)
})

test('what a listener throws is reported once, and emit does not throw', (t) => {
  const emitter = new Emitter<Events>()
  const error = new Error('listener')
  emitter.on('leave', () => {
    throw error
  })
  t.deepEqual(
    reported(() => t.true(emitter.emit('leave'))),
    [error],
  )
})

test('a listener that throws undefined is reported too', (t) => {
  const emitter = new Emitter<Events>()
  emitter.once('leave', () => {
    throw undefined
  })
  t.deepEqual(
    reported(() => emitter.emit('leave')),
    [undefined],
  )
})

test('the listeners after one that throws are called', (t) => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  emitter.on('leave', () => calls.push('before'))
  emitter.on('leave', () => {
    throw new Error('listener')
  })
  emitter.once('leave', () => {
    throw new Error('listener once')
  })
  emitter.on('leave', () => calls.push('after'))
  t.is(reported(() => emitter.emit('leave')).length, 2)
  t.deepEqual(calls, ['before', 'after'])
})

test('a listener is called with its context, and with the emitter where none is given', (t) => {
  const emitter = new Emitter<Events>()
  const context = {}
  const seen: unknown[] = []
  function listener(this: unknown): void {
    seen.push(this)
  }
  emitter.on('leave', listener)
  emitter.on('leave', listener, context)
  emitter.once('leave', listener, context)
  emitter.addListener('leave', listener, context)
  emitter.emit('leave')
  t.is(seen[0], emitter)
  t.deepEqual(seen.slice(1), [context, context, context])
  t.true(seen.slice(1).every((thing) => thing === context))
})

test('a listener added with once is called once, by any number of events', (t) => {
  const emitter = new Emitter<Events>()
  let calls = 0
  emitter.once('leave', () => calls++)
  emitter.emit('leave')
  emitter.emit('leave')
  t.is(calls, 1)
  t.is(emitter.listenerCount('leave'), 0)
})

test('a once listener that throws is gone, too', (t) => {
  const emitter = new Emitter<Events>()
  emitter.once('leave', () => {
    throw new Error('listener')
  })
  t.is(reported(() => emitter.emit('leave')).length, 1)
  t.is(emitter.listenerCount('leave'), 0)
})

test('off removes what on, once and addListener added', (t) => {
  const emitter = new Emitter<Events>()
  let calls = 0
  const listener = (): void => void calls++
  emitter.on('leave', listener).off('leave', listener)
  emitter.once('leave', listener).off('leave', listener)
  emitter.addListener('leave', listener).removeListener('leave', listener)
  emitter.emit('leave')
  t.is(calls, 0)
})

test('off removes one listener and leaves the others', (t) => {
  const emitter = new Emitter<Events>()
  emitter.on('leave', silent).on('leave', other).off('leave', other)
  t.deepEqual(emitter.listeners('leave'), [silent])
})

test('off can be told the context, or to remove once listeners only', (t) => {
  const emitter = new Emitter<Events>()
  const context = {}
  emitter.on('leave', silent).on('leave', silent, context).once('leave', silent)
  emitter.off('leave', silent, context)
  t.is(emitter.listenerCount('leave'), 2)
  emitter.off('leave', silent, undefined, true)
  t.is(emitter.listenerCount('leave'), 1)
})

test('off without a listener removes all of the event', (t) => {
  const emitter = new Emitter<Events>()
  emitter.on('leave', () => {})
  emitter.on('leave', () => {})
  emitter.off('leave')
  t.is(emitter.listenerCount('leave'), 0)
})

test('off with a listener that was never added does nothing', (t) => {
  const emitter = new Emitter<Events>()
  emitter.on('leave', () => {})
  emitter.off('leave', () => {})
  t.is(emitter.listenerCount('leave'), 1)
})

test('listeners gives the very functions that were added', (t) => {
  const emitter = new Emitter<Events>()
  emitter.on('leave', silent).once('leave', other)
  const listeners = emitter.listeners('leave')
  t.is(listeners[0], silent)
  t.is(listeners[1], other)
  t.deepEqual(emitter.listeners('greet'), [])
})

test('one function listens to two emitters, and leaves one without leaving the other', (t) => {
  const one = new Emitter<Events>()
  const two = new Emitter<Events>()
  one.on('leave', silent)
  two.on('leave', silent)
  one.off('leave', silent)
  t.is(one.listenerCount('leave'), 0)
  t.is(two.listenerCount('leave'), 1)
})

test('a listener that removes itself while it is called does not keep the next from its call', (t) => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  const first = (): void => {
    calls.push('first')
    emitter.off('leave', first)
  }
  emitter.on('leave', first).on('leave', () => calls.push('second'))
  emitter.emit('leave')
  emitter.emit('leave')
  t.deepEqual(calls, ['first', 'second', 'second'])
})

test('a listener added while an event is told hears the next one', (t) => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  emitter.once('leave', () => emitter.on('leave', () => calls.push('late')))
  emitter.emit('leave')
  t.deepEqual(calls, [])
  emitter.emit('leave')
  t.deepEqual(calls, ['late'])
})

test('a listener added with addListener stays', (t) => {
  const emitter = new Emitter<Events>()
  let calls = 0
  emitter.addListener('leave', () => calls++)
  emitter.emit('leave')
  emitter.emit('leave')
  t.is(calls, 2)
})

// For the runner, which tells its audience without `emit`

class Audible extends Emitter<Events> {
  get heard(): typeof this.audience {
    return this.audience
  }
}

test('the audience of an event has one who calls each listener, and is undefined where nobody listens', (t) => {
  const emitter = new Audible()
  const names: string[] = []
  t.is(emitter.heard.greet, undefined)
  emitter.on('greet', (name) => names.push(name))
  t.is(emitter.heard.greet?.length, 1)
  t.is(emitter.heard.leave, undefined)
  for (const tell of emitter.heard.greet ?? []) tell('Ada')
  t.deepEqual(names, ['Ada'])
})

const leaving: Record<string, (emitter: Audible) => unknown> = {
  'off with the listener': (emitter) => emitter.off('greet', silent),
  'off with the event': (emitter) => emitter.off('greet'),
  'removeAllListeners with the event': (emitter) => emitter.removeAllListeners('greet'),
  removeAllListeners: (emitter) => emitter.removeAllListeners(),
  'having been called once': (emitter) => emitter.off('greet', silent).once('greet', silent).emit('greet', 'Ada'),
}

for (const [how, leave] of Object.entries(leaving)) {
  test(`the audience is undefined again after ${how}`, (t) => {
    const emitter = new Audible()
    emitter.on('greet', silent)
    t.is(emitter.heard.greet?.length, 1)
    leave(emitter)
    t.is(emitter.heard.greet, undefined)
  })
}

test('removeAllListeners with an event leaves the audience of the others', (t) => {
  const emitter = new Audible()
  emitter.on('greet', silent).on('leave', other).removeAllListeners('greet')
  t.is(emitter.heard.leave?.length, 1)
  t.is(emitter.listenerCount('leave'), 1)
})
