/** However many pushes reject at once, no turn of the event loop rejects more than a bounded number. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {ConcurrentRunner, TaskQueue} from '../../src/index.js'
import {turn} from '../helpers/index.js'
import {serve, standing} from './serving.js'

/** More than this in one turn is too much: at some microseconds each, it takes less than 50 ms. */
const most = 5000

/** How many of the pushes reject in each turn of the event loop, until all have. */
async function rejectionsByTurn(pushes: ReadonlyArray<Promise<unknown>>, act: () => void): Promise<number[]> {
  let rejections = 0
  for (const push of pushes) push.catch(() => rejections++)
  const counts: number[] = []
  const turned = new Promise((resolve) => setImmediate(resolve)) // before what the queue asks for
  act()
  await turned
  counts.push(rejections)
  for (let seen = rejections; seen < pushes.length; seen = rejections) {
    await turn(1)
    counts.push(rejections - seen)
  }
  return counts
}

const task = (): void => {}

for (const [what, count, prepare] of [
  ['clear() of 1,000,000 pushes', 1_000_000, (queue) => [undefined, () => queue.clear('gone')]],
  [
    'an abort of a signal that 100,000 pushes share',
    100_000,
    () => {
      const controller = new AbortController()
      return [controller.signal, () => controller.abort('gone')]
    },
  ],
  ['remove() of 100,000 pushes', 100_000, (queue) => [undefined, () => queue.remove(() => true, 'gone')]],
  [
    'the end of the last runner of 100,000 pushes',
    100_000,
    (queue) => {
      const runner = queue.run()
      runner.pause()
      return [undefined, () => runner.abort('gone')]
    },
  ],
] as ReadonlyArray<[string, number, (queue: TaskQueue) => [signal: AbortSignal | undefined, act: () => void]]>) {
  test.serial(`${what} rejects a bounded number in each turn of the event loop`, async (t) => {
    const queue = new TaskQueue()
    const [signal, act] = prepare(queue)
    await turn()
    const options = signal && {signal}
    const pushes = Array.from({length: count}, () => queue.push(task, options))
    let left = 0
    const counts = await rejectionsByTurn(pushes, () => {
      act()
      left = queue.size
    })
    t.true(Math.max(...counts) <= most)
    t.true(left > count - most) // pushes that have not rejected are counted
    t.is(queue.size, 0)
    if (signal) t.deepEqual(getEventListeners(signal, 'abort'), [])
  })
}

test('pushes that are about to reject take no room, are not seen, and are not run', async (t) => {
  const queue = new TaskQueue({capacity: 10_000})
  const pushes = Array.from({length: 10_000}, () => queue.push(() => t.fail()))
  queue.clear('gone')
  t.true(queue.size > 0)
  t.deepEqual(queue.waiting, [])
  t.is(
    queue.remove(() => true),
    0,
  )
  const push = queue.push(() => 'next')
  const runner = new ConcurrentRunner(queue)
  void runner.run()
  t.is(await push, 'next')
  await queue.onIdle()
  t.deepEqual(new Set(await Promise.all(pushes.map(standing))), new Set(['rejected: gone']))
  t.is(runner.stats.started, 1)
})

test('a signal of a push that is about to reject changes nothing', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  for (let count = 0; count < 10_000; count++) void queue.push(task)
  const push = queue.push(task, {signal: controller.signal})
  queue.clear('gone')
  controller.abort('aborted')
  const size = queue.size
  const next = queue.push(() => 'next')
  t.is(queue.size, size + 1)
  void new ConcurrentRunner(queue).run()
  t.is(await next, 'next')
  await queue.onIdle()
  t.is(await standing(push), 'rejected: gone')
  t.is(queue.size, 0)
})

test('onIdle and shutdown wait for the pushes that are about to reject', async (t) => {
  const queue = new TaskQueue()
  let rejections = 0
  for (let count = 0; count < 10_000; count++) queue.push(task).catch(() => rejections++)
  queue.clear()
  await Promise.all([queue.onIdle(), queue.shutdown()])
  t.is(rejections, 10_000)
})

for (const how of ['throws', 'refuses'] as const)
  test(`a governor of groups that ${how} is asked a bounded number of times in each turn of the event loop`, async (t) => {
    let asked = 0
    const governor = {
      isIdle: true,
      tryAcquire() {
        asked++
        if (how === 'throws') throw new Error('closed')
        return undefined
      },
      acquire: () => new Promise<never>(() => {}),
    }
    const queue = new TaskQueue({groups: {governor: () => governor}})
    const count = 20_000
    for (let group = 0; group < count; group++) void queue.push(task, {group})
    const last = queue.push(() => 'done')
    serve(queue)
    const counts: number[] = []
    for (let seen = 0; seen < count && counts.length < count; seen = asked) {
      await turn(1)
      counts.push(asked - seen)
    }
    t.is(asked, count)
    t.true(Math.max(...counts) <= most)
    t.is(await last, 'done')
  })
