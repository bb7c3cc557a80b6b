/** Pushing from listeners and tasks. */
import test from 'ava'
import {ConcurrentRunner, TaskQueue} from '../../src/index.js'
import {caught, turn} from '../helpers/index.js'
import {finish, pushAll, serve} from './serving.js'

for (const event of ['start', 'result', 'error', 'drain'] as const) {
  test(`a push in a listener of ${event} is taken like any other`, async (t) => {
    const queue = new TaskQueue()
    const log: string[] = []
    const runner = new ConcurrentRunner(queue, {yieldExceptions: true})
    let inner: Promise<unknown> | undefined
    runner.once(event, () => {
      inner = queue.push(() => void log.push('inner'))
    })
    void queue.push(() => void log.push('outer'))
    void queue.push(() => Promise.reject(new Error('boom')))
    if (event === 'drain') runner.on('error', () => void runner.stop())
    else queue.closeWhenIdle()
    await runner.run()
    if (event === 'drain') await finish(queue)
    await inner
    t.deepEqual(log, ['outer', 'inner'])
  })
}

test('a task may await the result of a task that it pushed', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(async () => `outer ${await queue.push(() => 'inner')}`)
  await finish(queue, {limit: 2})
  t.is(await push, 'outer inner')
})

test('a task may close its own queue, and those that wait still run', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  void queue.push(() => queue.close())
  void pushAll(queue, 'ab', log)
  await serve(queue, {limit: 1}).drained
  t.is(log.join(''), 'ab')
})

test('a task may end its own runner, and its push gives its result', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  const runner = new ConcurrentRunner(queue, {limit: 1})
  const push = queue.push(() => {
    runner.abort('over')
    return 'done'
  })
  void pushAll(queue, 'ab', log)
  t.is(await caught(runner.run()), 'over')
  t.is(await push, 'done')
  await finish(queue)
  t.is(log.join(''), 'ab')
})

test('a slow consumer holds up a queue’s tasks, and loses none', async (t) => {
  const queue = new TaskQueue<string>()
  const pushes = ['a', 'b', 'c', 'd'].map((name) => queue.push(() => name))
  queue.close()
  const runner = new ConcurrentRunner(queue, {limit: 1, highWaterMark: 1})
  const log: string[] = []
  for await (const result of runner) {
    await turn()
    t.true(runner.stats.waiting <= 1)
    log.push(result)
  }
  t.deepEqual(log, await Promise.all(pushes))
})
