import test from 'ava'
import pDefer from 'p-defer'
import {Disposals} from '../../src/disposals.js'
import type {Task} from '../../src/index.js'
import {turn} from '../helpers/index.js'

function disposals(): {all: Disposals; log: string[]} {
  const log: string[] = []
  const all = new Disposals({
    disposed: () => log.push(`disposed, ${all.pending} pending`),
    disposalFailed: (cause) => log.push(`failed: ${String(cause)}, ${all.pending} pending`),
  })
  return {all, log}
}

const disposable = (dispose: () => unknown): Task<unknown> => Object.assign(() => {}, {[Symbol.asyncDispose]: dispose})

test('what disposes at once is pending only while it does', (t) => {
  const {all, log} = disposals()
  let during = 0
  all.dispose(disposable(() => void (during = all.pending)))
  t.is(during, 1)
  t.is(all.pending, 0)
  t.deepEqual(log, [])
})

test('what disposes slowly is pending until it is done, and that is told', async (t) => {
  const {all, log} = disposals()
  const done = pDefer<void>()
  all.dispose(disposable(() => done.promise))
  t.is(all.pending, 1)
  done.resolve()
  await turn()
  t.deepEqual(log, ['disposed, 0 pending'])
})

test('a disposal that throws is told while it is pending, so that nobody thinks that all is over', (t) => {
  const {all, log} = disposals()
  all.dispose(
    disposable(() => {
      throw 'no'
    }),
  )
  t.deepEqual(log, ['failed: no, 1 pending'])
  t.is(all.pending, 0)
})

test('a disposal that rejects is told, and is done', async (t) => {
  const {all, log} = disposals()
  all.dispose(disposable(() => Promise.reject('no')))
  await turn()
  t.deepEqual(log, ['failed: no, 1 pending', 'disposed, 0 pending'])
})

test('a disposal that is expected is pending before it begins', (t) => {
  const {all} = disposals()
  all.expect()
  t.is(all.pending, 1)
  all.expected()
  t.is(all.pending, 0)
})
