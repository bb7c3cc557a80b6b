/** Never more tasks wait than `capacity`, and `room` reserves a place. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {caught, isSettled, never, turn} from '../helpers/index.js'
import {finish, serve, standing, standings} from './serving.js'

test('beyond its capacity a queue refuses, and what runs does not count', async (t) => {
  const queue = new TaskQueue({capacity: 2})
  void queue.push(never)
  serve(queue, {limit: 1})
  await turn()
  const pushes = [queue.push(() => 1), queue.push(() => 2), queue.push(() => t.fail())]
  t.deepEqual(await standings(pushes), ['pending', 'pending', 'rejected: QuotaExceededError'])
  t.is(queue.size, 2)
})

test('room resolves at once while a place is free, and always in a queue without a capacity', async (t) => {
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

test('room rejects when the queue is closed, and so do the calls that wait', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(() => 1)
  const rooms = [queue.room(), queue.room()]
  queue.close()
  rooms.push(queue.room())
  t.deepEqual(await standings(rooms), Array(3).fill('rejected: InvalidStateError'))
})

/** A caller that awaits room and then pushes at once, as often as given. */
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
    test(`of callers that push once room has resolved, none is refused or left out (capacity ${capacity}, limit ${limit})`, async (t) => {
      const queue = new TaskQueue({capacity})
      const log: string[] = []
      serve(queue, {limit})
      await produce(queue, 'abcde', 10, log)
      await queue.onIdle()
      t.is(log.sort().join(''), 'a'.repeat(10) + 'b'.repeat(10) + 'c'.repeat(10) + 'd'.repeat(10) + 'e'.repeat(10))
    })
  }

test('calls of room resolve in the order in which they were made', async (t) => {
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

test('a caller that awaits room before each push need not wait for the event loop', async (t) => {
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

test('room waits while the only place is reserved, until the reservation is used', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const first = queue.room().then((push) => push(() => 'first'))
  const second = queue.room().then((push) => push(() => 'second'))
  serve(queue)
  t.deepEqual(await Promise.all([first, second]), ['first', 'second'])
})

test('a reservation that is not used lapses, and the next caller gets the place', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const rooms = Array.from({length: 5}, () => queue.room())
  await Promise.all(rooms)
  t.is(queue.size, 0)
})

test('a reserved push that is called in a later turn is a push like any other', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const push = await queue.room()
  await turn()
  void queue.push(() => 'other')
  t.is(await standing(push(() => 'late')), 'rejected: QuotaExceededError')
})

test('a reserved push is never refused, whatever others push', async (t) => {
  const queue = new TaskQueue({capacity: 2})
  const [first, second] = await Promise.all([queue.room(), queue.room()])
  const others = Array.from({length: 5}, () => queue.push(() => t.fail()))
  const pushes = [first(() => 'a'), second(() => 'b')]
  t.deepEqual(new Set(await standings(others)), new Set(['rejected: QuotaExceededError']))
  t.is(queue.size, 2)
  await finish(queue)
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('200 pushes of twenty callers that await room, among others that push at will: none of the 200 is refused', async (t) => {
  const queue = new TaskQueue({capacity: 3})
  serve(queue, {limit: 2})
  let ran = 0
  let most = 0
  const patient = Array.from({length: 20}, async () => {
    for (let count = 0; count < 10; count++) {
      const push = await queue.room()
      const pushed = push(async () => {
        ran++
        await turn(1)
      })
      most = Math.max(most, queue.size)
      if (count % 2 === 0) await pushed
    }
  })
  const rude = Array.from({length: 100}, async () => {
    await turn(1)
    await queue.push(() => {}).catch(() => {})
    most = Math.max(most, queue.size)
  })
  await Promise.all([...patient, ...rude])
  await queue.onIdle()
  t.is(ran, 200)
  t.true(most <= 3)
})

test('a reservation is used up by its push, and the next call is one like any other', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const push = await queue.room()
  void push(never)
  t.is(await standing(push(() => t.fail())), 'rejected: QuotaExceededError')
  t.is(queue.size, 1)
})

test('a reserved push that its own signal refuses leaves its place to the next', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const [first, second] = [queue.room(), queue.room()]
  const refused = (await first)(() => t.fail(), {signal: AbortSignal.abort('no')})
  const push = (await second)(() => 'a')
  t.is(await caught(refused), 'no')
  serve(queue)
  t.is(await push, 'a')
})

test('a reserved push of what is no task throws, and can be called again', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const push = await queue.room()
  t.throws(() => push(5 as never), {instanceOf: TypeError})
  const pushed = push(() => 'a')
  serve(queue)
  t.is(await pushed, 'a')
})

test('a room whose signal aborts rejects with the reason, keeps no other call waiting and leaves no listener', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(() => {})
  const controller = new AbortController()
  const rooms = [queue.room({signal: controller.signal}), queue.room()]
  controller.abort('enough')
  t.is(await caught(rooms[0] ?? t.fail()), 'enough')
  t.is(await caught(queue.room({signal: controller.signal})), 'enough')
  serve(queue)
  await rooms[1]
  const {signal} = new AbortController()
  await queue.room({signal})
  await turn()
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})
