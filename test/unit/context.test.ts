import test from 'ava'
import {Context} from '../../src/context.js'

test('a context knows the place of its task in the source', (t) => {
  t.is(new Context(7).index, 7)
})

test('the signal is the same one each time it is read', (t) => {
  const context = new Context(0)
  t.is(context.signal, context.signal)
})

test('the signal is not aborted until the context is', (t) => {
  const context = new Context(0)
  t.false(context.signal.aborted)
  context.abort('enough')
  t.true(context.signal.aborted)
  t.is(context.signal.reason, 'enough')
})

test('a signal that is first read after the abort is aborted already', (t) => {
  const context = new Context(0)
  context.abort('enough')
  t.true(context.signal.aborted)
  t.is(context.signal.reason, 'enough')
})

test('the first reason stays, when the signal has been read', (t) => {
  const context = new Context(0)
  const {signal} = context
  context.abort('first')
  context.abort('second')
  t.is(signal.reason, 'first')
})

test('the first reason stays, when the signal has not been read', (t) => {
  const context = new Context(0)
  context.abort('first')
  context.abort('second')
  t.is(context.signal.reason, 'first')
})

test('an abort is told to listeners once', (t) => {
  const context = new Context(0)
  let calls = 0
  context.signal.addEventListener('abort', () => calls++)
  context.abort('first')
  context.abort('second')
  t.is(calls, 1)
})

for (const reason of [null, 0, '', false]) {
  test(`the falsy reason ${JSON.stringify(reason)} is kept, read early or late`, (t) => {
    const early = new Context(0)
    const late = new Context(1)
    const {signal} = early
    early.abort(reason)
    late.abort(reason)
    late.abort('second')
    t.is(signal.reason, reason)
    t.is(late.signal.reason, reason)
  })
}

test('an abort without a reason gives an AbortError, as for an AbortController', (t) => {
  const context = new Context(0)
  context.abort(undefined)
  t.true(context.signal.aborted)
  t.is((context.signal.reason as DOMException).name, 'AbortError')
})
