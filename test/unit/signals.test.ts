import {getEventListeners} from 'node:events'
import test from 'ava'
import {onAbort} from '../../src/signals.js'

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

test('a callback that is taken back is not called, and the last one takes the listener along', (t) => {
  const {signal, abort} = made()
  const log: string[] = []
  const takeBack = onAbort(signal, () => log.push('a'))
  onAbort(signal, () => log.push('b'))()
  t.is(getEventListeners(signal, 'abort').length, 1)
  takeBack()
  takeBack()
  t.is(getEventListeners(signal, 'abort').length, 0)
  abort()
  t.deepEqual(log, [])
})

test('a callback that takes back another one that is due keeps it from being called', (t) => {
  const {signal, abort} = made()
  const log: string[] = []
  onAbort(signal, () => {
    log.push('a')
    takeBack()
  })
  const takeBack = onAbort(signal, () => log.push('b'))
  abort()
  t.deepEqual(log, ['a'])
})

test('after everyone has left, the signal can be heard anew', (t) => {
  const {signal, abort} = made()
  onAbort(signal, () => t.fail())()
  t.plan(1)
  onAbort(signal, () => t.pass())
  abort()
})

test('a callback taken back twice does not make others deaf that have come since', (t) => {
  const {signal, abort} = made()
  const takeBack = onAbort(signal, () => t.fail())
  takeBack()
  t.plan(1)
  onAbort(signal, () => t.pass())
  takeBack()
  abort()
})

test('a callback taken back twice leaves those who have come since on one listener', (t) => {
  const {signal} = made()
  const takeBack = onAbort(signal, () => t.fail())
  takeBack()
  onAbort(signal, () => {})
  takeBack()
  onAbort(signal, () => {})
  t.is(getEventListeners(signal, 'abort').length, 1)
})

function made(): {signal: AbortSignal; abort: () => void} {
  const controller = new AbortController()
  return {signal: controller.signal, abort: () => controller.abort()}
}
