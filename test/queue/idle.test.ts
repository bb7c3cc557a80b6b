/** `onIdle` resolves when nothing waits and nothing runs. */
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {isSettled, manual, manuals, turn} from '../helpers/index.js'
import {serve, standing, standings} from './serving.js'

test('onIdle resolves at once while nothing waits or runs', async (t) => {
  const queue = new TaskQueue()
  t.true(await isSettled(queue.onIdle()))
  serve(queue)
  await queue.push(() => 1)
  t.true(await isSettled(queue.onIdle()))
})

test('onIdle waits for what waits, runs, and is pushed meanwhile', async (t) => {
  const queue = new TaskQueue()
  const [a, b] = manuals(2)
  void queue.push(a.thunk)
  const idle = [queue.onIdle(), queue.onIdle()]
  t.deepEqual(await standings(idle), ['pending', 'pending'])
  serve(queue, {limit: 1})
  await turn()
  void queue.push(b.thunk)
  a.resolve('')
  t.deepEqual(await standings(idle), ['pending', 'pending'])
  b.resolve('')
  await turn()
  t.deepEqual(await standings(idle), ['undefined', 'undefined'])
})

test('onIdle resolves after what the last result has started', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  void (async () => {
    await queue.push(() => {})
    log.push('first')
    await queue.push(() => {})
    log.push('second')
  })()
  serve(queue)
  await queue.onIdle()
  log.push('idle')
  t.deepEqual(log, ['first', 'second', 'idle'])
})

test('onIdle can be waited for again and again', async (t) => {
  const queue = new TaskQueue()
  serve(queue)
  for (let round = 0; round < 3; round++) {
    const task = manual()
    void queue.push(task.thunk)
    const idle = queue.onIdle()
    t.is(await standing(idle), 'pending')
    task.resolve('')
    await idle
  }
})

test('onIdle resolves when the last waiting task is aborted or cleared', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  void queue.push(() => {}, {signal: controller.signal})
  const aborted = queue.onIdle()
  controller.abort()
  await aborted
  void queue.push(() => {})
  const cleared = queue.onIdle()
  queue.clear()
  await cleared
  t.pass()
})

test('onIdle waits for a task that an ended runner still runs, and for one that has come back', async (t) => {
  const queue = new TaskQueue()
  const [running, held] = manuals(2)
  void queue.push(running.thunk)
  const runner = serve(queue)
  await turn()
  runner.pause()
  void queue.push(held.thunk)
  const idle = queue.onIdle()
  runner.abort()
  running.resolve('')
  await runner.drained
  t.is(await standing(idle), 'pending')
  serve(queue)
  await turn()
  t.is(await standing(idle), 'pending')
  held.resolve('')
  await idle
})
