/** Never more tasks wait than `capacity`, and `room` reserves a place. */
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {isSettled, never, turn} from '../helpers/index.js'
import {serve, standing, standings} from './serving.js'

test('beyond its capacity a queue refuses, and what runs does not count', async (t) => {
  const queue = new TaskQueue({capacity: 2})
  void queue.push(never)
  serve(queue, {limit: 1})
  await turn()
  const pushes = [queue.push(() => 1), queue.push(() => 2), queue.push(() => t.fail())]
  t.deepEqual(await standings(pushes), ['pending', 'pending', 'rejected: QuotaExceededError'])
  t.is(queue.size, 2)
})

test('room resolves at once while there is some, and always where there is no bound', async (t) => {
  t.true(await isSettled(new TaskQueue({capacity: 1}).room()))
  const queue = new TaskQueue()
  for (let number = 0; number < 100; number++) void queue.push(() => number)
  t.true(await isSettled(queue.room()))
})

test('room resolves when a runner takes a task', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(never)
  const room = queue.room()
  t.is(await standing(room), 'pending')
  serve(queue)
  await room
  t.pass()
})

for (const [how, empty] of [
  ['a waiting task is aborted', (_, abort) => abort()],
  ['the queue is cleared', (queue) => queue.clear()],
] as ReadonlyArray<[string, (queue: TaskQueue, abort: () => void) => void]>) {
  test(`room resolves when ${how}`, async (t) => {
    const queue = new TaskQueue({capacity: 1})
    const controller = new AbortController()
    void queue.push(() => 1, {signal: controller.signal})
    const room = queue.room()
    empty(queue, () => controller.abort())
    await room
    t.pass()
  })
}

test('room rejects when the queue is closed, for those who wait as well', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(() => 1)
  const rooms = [queue.room(), queue.room()]
  queue.close()
  rooms.push(queue.room())
  t.deepEqual(await standings(rooms), Array(3).fill('rejected: InvalidStateError'))
})

/** Each waits for room and pushes at once, so often. */
function produce(queue: TaskQueue, names: string, rounds: number, log: string[]): Promise<unknown> {
  return Promise.all(
    names.split('').map(async (name) => {
      for (let round = 0; round < rounds; round++) {
        const push = await queue.room()
        void push(() => log.push(name)).catch((reason) => log.push(`${name} ${String(reason)}`))
      }
    }),
  )
}

for (const capacity of [1, 2, 3, 10])
  for (const limit of [1, 2, Infinity]) {
    test(`of those who push when there is room, none is refused or left out (capacity ${capacity}, limit ${limit})`, async (t) => {
      const queue = new TaskQueue({capacity})
      const log: string[] = []
      serve(queue, {limit})
      await produce(queue, 'abcde', 10, log)
      await queue.onIdle()
      t.is(log.sort().join(''), 'a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10) + 'd'.repeat(10) + 'e'.repeat(10))
    })
  }

test('those who wait for room are let through in their order', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const log: string[] = []
  const producing = produce(queue, 'abcde', 2, log)
  await turn()
  t.is(queue.size, 1)
  serve(queue, {limit: 1})
  await producing
  await queue.onIdle()
  t.is(log.join(''), 'abcdeabcde')
})

test('one who pushes as often as there is room need not wait for the event loop', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  serve(queue, {limit: Infinity})
  let hasTurned = false
  setImmediate(() => {
    hasTurned = true
  })
  for (let number = 0; number < 10; number++) {
    const push = await queue.room()
    void push(() => number)
  }
  t.false(hasTurned)
})

test('who asks for room while another was let through waits until that one has pushed', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const first = queue.room().then((push) => push(() => 'first'))
  const second = queue.room().then((push) => push(() => 'second'))
  serve(queue)
  t.deepEqual(await Promise.all([first, second]), ['first', 'second'])
})

test('who is let through and pushes nothing keeps nobody waiting for good', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const rooms = Array.from({length: 5}, () => queue.room())
  await Promise.all(rooms)
  t.is(queue.size, 0)
})

test('who is let through and pushes later does so as one who did not ask', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const push = await queue.room()
  await turn()
  void queue.push(() => 'other')
  t.is(await standing(push(() => 'late')), 'rejected: QuotaExceededError')
})
