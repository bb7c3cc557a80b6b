import {getEventListeners} from 'node:events'
import test from 'ava'
import {Context, LinkedContext} from '../../src/context.js'

test('a context knows the place of its task in the source, its item and which attempt it is', (t) => {
  const item = {}
  const context = new Context(7, item, 2)
  t.is(context.index, 7)
  t.is(context.item, item)
  t.is(context.attempt, 2)
})

test('the signal is the same one each time it is read', (t) => {
  const context = new Context(0, undefined, 1)
  t.is(context.signal, context.signal)
})

test('the signal is not aborted until the context is', (t) => {
  const context = new Context(0, undefined, 1)
  t.false(context.signal.aborted)
  context.abort('enough')
  t.true(context.signal.aborted)
  t.is(context.signal.reason, 'enough')
})

test('a signal that is first read after the abort is aborted already', (t) => {
  const context = new Context(0, undefined, 1)
  context.abort('enough')
  t.true(context.signal.aborted)
  t.is(context.signal.reason, 'enough')
})

test('the first reason stays, when the signal has been read', (t) => {
  const context = new Context(0, undefined, 1)
  const {signal} = context
  context.abort('first')
  context.abort('second')
  t.is(signal.reason, 'first')
})

test('the first reason stays, when the signal has not been read', (t) => {
  const context = new Context(0, undefined, 1)
  context.abort('first')
  context.abort('second')
  t.is(context.signal.reason, 'first')
})

test('an abort is told to listeners once', (t) => {
  const context = new Context(0, undefined, 1)
  let calls = 0
  context.signal.addEventListener('abort', () => calls++)
  context.abort('first')
  context.abort('second')
  t.is(calls, 1)
})

for (const reason of [null, 0, '', false]) {
  test(`the falsy reason ${JSON.stringify(reason)} is kept, read early or late`, (t) => {
    const early = new Context(0, undefined, 1)
    const late = new Context(1, undefined, 1)
    const {signal} = early
    early.abort(reason)
    late.abort(reason)
    late.abort('second')
    t.is(signal.reason, reason)
    t.is(late.signal.reason, reason)
  })
}

test('an abort without a reason gives an AbortError, as for an AbortController', (t) => {
  const context = new Context(0, undefined, 1)
  context.abort(undefined)
  t.true(context.signal.aborted)
  t.is((context.signal.reason as DOMException).name, 'AbortError')
})

test('the reason of an abort is known without a signal, also where it is undefined', (t) => {
  const context = new Context(0, undefined, 1)
  t.is(context.aborted, undefined)
  context.abort(undefined)
  context.abort('second')
  t.deepEqual(context.aborted, {reason: undefined})
})

test('the signal is a getter of the class, so that a copy of the context has none', (t) => {
  const context = new Context(0, undefined, 1)
  t.false(Object.hasOwn(context, 'signal'))
  t.deepEqual(Object.keys(context), ['index', 'item', 'attempt'])
})

// Linked to the context of another caller

const linked = (): {outer: Context; inner: LinkedContext} => {
  const outer = new Context(3, 'of the caller', 2)
  return {outer, inner: new LinkedContext(outer, 'item')}
}

test('a linked context has an item of its own, and the index and the attempt of the other', (t) => {
  const {inner} = linked()
  t.deepEqual([inner.index, inner.item, inner.attempt], [3, 'item', 2])
})

test('its signal aborts with that of the other, for the same reason', (t) => {
  const {outer, inner} = linked()
  const {signal} = inner
  t.false(signal.aborted)
  outer.abort('enough')
  t.is(signal.reason, 'enough')
})

test('its signal aborts by itself, too, and leaves the other alone', (t) => {
  const {outer, inner} = linked()
  inner.abort('mine')
  t.is(inner.signal.reason, 'mine')
  t.false(outer.signal.aborted)
})

for (const [first, reason] of [
  ['the other', 'outer'],
  ['itself', 'inner'],
] as const)
  test(`where ${first} was aborted first, that reason stays`, (t) => {
    const {outer, inner} = linked()
    const {signal} = inner
    const contexts = first === 'itself' ? [inner, outer] : [outer, inner]
    for (const context of contexts) context.abort(context === outer ? 'outer' : 'inner')
    t.is(signal.reason, reason)
  })

test('a signal that is first read after the other was aborted is aborted already', (t) => {
  const {outer, inner} = linked()
  outer.abort('enough')
  t.is(inner.signal.reason, 'enough')
})

test('the other signal has no listener before the linked one is read, one then, and none after unlink()', (t) => {
  const {outer, inner} = linked()
  const listeners = (): number => getEventListeners(outer.signal, 'abort').length
  t.is(listeners(), 0)
  const {signal} = inner
  t.is(inner.signal, signal)
  t.is(listeners(), 1)
  inner.unlink()
  t.is(listeners(), 0)
  outer.abort('late')
  t.false(signal.aborted)
})

test('unlink() before the signal is read does nothing', (t) => {
  const {inner} = linked()
  t.notThrows(() => inner.unlink())
})

test('a linked context that is first read after it was unlinked leaves no listener', (t) => {
  const {signal} = new AbortController()
  const linked = new LinkedContext({index: 0, item: undefined, attempt: 1, signal}, undefined)
  linked.unlink()
  t.false(linked.signal.aborted)
  t.is(getEventListeners(signal, 'abort').length, 0)
})
