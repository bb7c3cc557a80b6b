import test from 'ava'
import {concurrent} from '../../src/concurrent.js'
import {ConcurrentRunner} from '../../src/runner.js'
import {freezeClock} from '../helpers/index.js'

freezeClock()

test('concurrent gives a runner that has not started', (t) => {
  const runner = concurrent([() => 1])
  t.true(runner instanceof ConcurrentRunner)
  t.is(runner.state, 'idle')
})

test('concurrent passes the options on', (t) => {
  t.is(concurrent([], {limit: 3}).limit, 3)
})

test('concurrent yields what the tasks give', async (t) => {
  const results: number[] = []
  for await (const result of concurrent([() => 1, async () => 2], {ordered: true})) results.push(result)
  t.deepEqual(results, [1, 2])
})

test('concurrent passes the signal to a function that makes the source', async (t) => {
  const signals: AbortSignal[] = []
  const runner = concurrent((signal) => {
    signals.push(signal)
    return [() => 'task']
  })
  t.deepEqual(await runner.toArray(), ['task'])
  t.is(signals.length, 1)
  t.true(signals[0] instanceof AbortSignal)
})
