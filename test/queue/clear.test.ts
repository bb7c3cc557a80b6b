/** `clear` takes out all that was not called. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {caught, instance, manual, reportedDuring, turn} from '../helpers/index.js'
import {finish, serve, standing, standings} from './serving.js'

test('clear rejects what waits with the very reason, and leaves what runs', async (t) => {
  const queue = new TaskQueue()
  const running = manual()
  const push = queue.push(running.thunk)
  serve(queue, {limit: 1})
  await turn()
  const waiting = [queue.push(() => t.fail()), queue.push(Promise.reject(new Error('its own')), {priority: 1})]
  const reason = {why: 'enough'}
  queue.clear(reason)
  t.is(queue.size, 0)
  for (const cleared of waiting) t.is(await caught(cleared), reason)
  t.is(await standing(push), 'pending')
  running.resolve('done')
  t.is(await push, 'done')
  t.is(await queue.push(() => 'more'), 'more')
})

test('without a reason, clear rejects with an AbortError', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => t.fail())
  queue.clear()
  const {name, message} = instance(await caught(push), DOMException)
  t.deepEqual([name, message], ['AbortError', 'The queue was cleared'])
})

test('closeWhenIdle opens no queue again that is closed', async (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 'waits')
  queue.close()
  queue.closeWhenIdle()
  t.is(instance(await caught(queue.push(() => t.fail())), DOMException).name, 'InvalidStateError')
})

test('clear disposes of the tasks it takes out', (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const name of ['a', 'b']) void queue.push(Object.assign(() => {}, {[Symbol.dispose]: () => void log.push(name)}))
  queue.clear()
  t.deepEqual(log, ['a', 'b'])
})

test.serial('what a disposal throws, or rejects with, is reported and keeps no push pending', async (t) => {
  const queue = new TaskQueue()
  const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
  const dispose = (): never => {
    throw thrown
  }
  const pushes = [
    queue.push(Object.assign(() => {}, {[Symbol.dispose]: dispose})),
    queue.push(Object.assign(() => {}, {[Symbol.asyncDispose]: () => Promise.reject(rejected)})),
    queue.push(() => {}),
  ]
  const reported = await reportedDuring(async () => {
    queue.clear('enough')
    t.deepEqual(await standings(pushes), ['rejected: enough', 'rejected: enough', 'rejected: enough'])
  })
  t.deepEqual(reported, [thrown, rejected])
})

test('clear takes out what waits then, and not what a disposal pushes', async (t) => {
  const queue = new TaskQueue()
  let pushes = 0
  const task = Object.assign(() => {}, {
    [Symbol.dispose]: () => {
      if (++pushes < 100) void queue.push(task)
    },
  })
  void queue.push(task)
  queue.clear()
  t.is(pushes, 1)
  t.is(queue.size, 1)
})

test('a task may clear the queue, and settles as it would', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => {
    queue.clear('enough')
    return 'done'
  })
  const other = queue.push(() => t.fail())
  await finish(queue, {limit: 1})
  t.is(await push, 'done')
  t.is(await caught(other), 'enough')
})

test('clear leaves no listener on a push’s signal', (t) => {
  const queue = new TaskQueue()
  const {signal} = new AbortController()
  void queue.push(() => {}, {signal})
  queue.clear()
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a closed queue can be cleared, and its runners then end', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => t.fail())
  queue.close()
  queue.clear('enough')
  await serve(queue).drained
  t.is(await caught(push), 'enough')
})
