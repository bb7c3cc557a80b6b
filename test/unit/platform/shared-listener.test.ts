import {getEventListeners} from 'node:events'
import test from 'ava'
import {onAbort} from '../../../src/platform/shared-listener.js'

test('any number of callbacks share one listener, and all are called, in order', (t) => {
  const {signal, abort} = made()
  const log: string[] = []
  onAbort(signal, () => log.push('a'))
  onAbort(signal, () => log.push('b'))
  t.is(getEventListeners(signal, 'abort').length, 1)
  abort()
  t.deepEqual(log, ['a', 'b'])
  t.is(getEventListeners(signal, 'abort').length, 0)
})

test('a callback that is removed is not called, and the last one takes the listener along', (t) => {
  const {signal, abort} = made()
  const log: string[] = []
  const ignore = onAbort(signal, () => log.push('a'))
  onAbort(signal, () => log.push('b'))()
  t.is(getEventListeners(signal, 'abort').length, 1)
  ignore()
  ignore()
  t.is(getEventListeners(signal, 'abort').length, 0)
  abort()
  t.deepEqual(log, [])
})

test('a callback that removes another one that is due keeps it from being called', (t) => {
  const {signal, abort} = made()
  const log: string[] = []
  onAbort(signal, () => {
    log.push('a')
    ignore()
  })
  const ignore = onAbort(signal, () => log.push('b'))
  abort()
  t.deepEqual(log, ['a'])
})

test('after the last callback was removed, the signal can be listened to again', (t) => {
  const {signal, abort} = made()
  onAbort(signal, () => t.fail())()
  t.plan(1)
  onAbort(signal, () => t.pass())
  abort()
})

test('removing a callback twice does not remove callbacks that were added since', (t) => {
  const {signal, abort} = made()
  const ignore = onAbort(signal, () => t.fail())
  ignore()
  t.plan(1)
  onAbort(signal, () => t.pass())
  ignore()
  abort()
})

test('after a callback was removed twice, callbacks that were added since share one listener', (t) => {
  const {signal} = made()
  const ignore = onAbort(signal, () => t.fail())
  ignore()
  onAbort(signal, () => {})
  ignore()
  onAbort(signal, () => {})
  t.is(getEventListeners(signal, 'abort').length, 1)
})

function made(): {signal: AbortSignal; abort: () => void} {
  const controller = new AbortController()
  return {signal: controller.signal, abort: () => controller.abort()}
}
