import test from 'ava'
import pDefer from 'p-defer'
import {Gate} from '../../src/gate.js'
import {turn} from '../helpers/index.js'

function gateWith(ask: () => PromiseLike<void> | void): {gate: Gate; log: string[]} {
  const log: string[] = []
  const gate = new Gate(ask, {
    opened: () => log.push('opened'),
    gateFailed: (cause) => log.push(`failed: ${String(cause)}`),
  })
  return {gate, log}
}

test('an answer at once lets one pull through, and each pull is asked for', (t) => {
  let asked = 0
  const {gate} = gateWith(() => void asked++)
  t.true(gate.letsThrough())
  t.true(gate.letsThrough())
  t.is(asked, 2)
})

test('while an answer is awaited nobody is let through, and nobody is asked again', async (t) => {
  let asked = 0
  const answer = pDefer<void>()
  const {gate, log} = gateWith(() => {
    asked++
    return answer.promise
  })
  t.false(gate.letsThrough())
  t.false(gate.letsThrough())
  t.deepEqual(log, [])
  answer.resolve()
  await turn()
  t.deepEqual(log, ['opened'])
  t.true(gate.letsThrough())
  t.is(asked, 1)
})

test('a pass that is given back lets the next pull through unasked, once', (t) => {
  let asked = 0
  const {gate} = gateWith(() => void asked++)
  t.true(gate.letsThrough())
  gate.giveBack()
  t.true(gate.letsThrough())
  t.is(asked, 1)
  t.true(gate.letsThrough())
  t.is(asked, 2)
})

test('a question that throws lets nobody through, and is told', (t) => {
  const {gate, log} = gateWith(() => {
    throw 'no'
  })
  t.false(gate.letsThrough())
  t.deepEqual(log, ['failed: no'])
})

test('an answer that rejects lets nobody through, and is told; the next pull asks anew', async (t) => {
  const answers = [Promise.reject('no'), undefined]
  const {gate, log} = gateWith(() => answers.shift())
  t.false(gate.letsThrough())
  await turn()
  t.deepEqual(log, ['failed: no'])
  t.true(gate.letsThrough())
})
