/** One signal that many pushes share. */
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {serve} from './serving.js'

test('an abort tells a bounded number of pushes in each turn of the event loop, and starts no task of the others', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const {signal} = controller
  let rejected = 0
  for (let i = 0; i < 20_000; i++) {
    void queue
      .push(() => t.fail(), {signal})
      .catch((reason) => {
        if (reason === signal.reason) rejected++
      })
  }
  controller.abort()
  t.true(queue.size > 10_000)
  const runner = serve(queue, {limit: 1})
  const steps: number[] = []
  for (let before = 0; queue.size > 0; before = rejected) {
    await new Promise((resolve) => setImmediate(resolve))
    steps.push(rejected - before)
  }
  t.is(rejected, 20_000)
  t.true(Math.max(...steps) < 10_000, steps.join())
  runner.abort()
})

for (const [title, group] of [
  ['tasks of a group whose shared signal has aborted give back its place one after the other', 'a'],
  ['tasks whose shared signal has aborted are taken out in many turns, and the task behind them runs', undefined],
] as const)
  test(title, async (t) => {
    const queue = new TaskQueue({groups: {limit: 1}})
    const controller = new AbortController()
    const {signal} = controller
    const aborted = Array.from({length: 10_000}, () => queue.push(() => t.fail(), {signal, group}))
    const last = queue.push(() => 'last', {group})
    const settled = Promise.allSettled(aborted)
    controller.abort('gone')
    const runner = serve(queue)
    t.is(await last, 'last')
    t.deepEqual(
      new Set((await settled).map((push) => push.status === 'rejected' && (push.reason as unknown))),
      new Set(['gone']),
    )
    runner.abort()
  })
