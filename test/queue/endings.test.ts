/** A queue outlives its runners: what they have not called is for the next. */
import test from 'ava'
import {ConcurrentExecutionError, ConcurrentRunner, type TaskFunction, TaskQueue} from '../../src/index.js'
import {caught, instance, isSettled, manual, manuals, turn} from '../helpers/index.js'
import {finish, pushAll, type Runner, serve, standing, standings} from './serving.js'

const endings: ReadonlyArray<readonly [how: string, end: (runner: Runner, abort: () => void) => unknown]> = [
  ['is aborted', (runner) => runner.abort('over')],
  ['is aborted by its signal', (_, abort) => abort()],
  ['is stopped', (runner) => runner.stop()],
  ['is stopped with a deadline', (runner) => runner.stop({timeout: 0})],
  ['is left with return()', (runner) => runner.return()],
  ['is left with throw()', (runner) => caught(runner.throw('over'))],
  ['is disposed of', (runner) => void runner[Symbol.asyncDispose]()],
  [
    'is stopped and then aborted',
    (runner) => {
      void runner.stop()
      runner.abort('over')
    },
  ],
]

for (const [how, end] of endings) {
  // The deadline of stop() tells the outcome of a task that still runs.
  const isTold = how.includes('deadline')

  test(`when a runner ${how}, the tasks that it runs settle, and the next runner gets those that it has not called`, async (t) => {
    const queue = new TaskQueue()
    const running = manual()
    const log: string[] = []
    const controller = new AbortController()
    const first = serve(queue, {signal: controller.signal})
    const own = queue.push(running.thunk)
    await turn()
    first.pause()
    const pushes = pushAll(queue, 'abc', log)
    await turn() // a paused runner holds nothing
    t.is(queue.size, 3)
    void end(first, () => controller.abort('over'))
    await turn()
    t.is(queue.size, 3)
    if (isTold) await caught(own)
    else t.is(await standing(own), 'pending')
    t.deepEqual(await standings(pushes), ['pending', 'pending', 'pending'])
    running.resolve('own result')
    t.is(await standing(own), isTold ? 'rejected: TimeoutError' : 'own result')
    await first.drained
    await finish(queue, {limit: 1})
    t.is(log.join(''), 'abc')
    t.deepEqual(await standings(pushes), ['undefined', 'undefined', 'undefined'])
  })

  test(`when a runner ${how} in a listener of start, the task that was to start is run once, by it or the next`, async (t) => {
    const queue = new TaskQueue()
    const log: string[] = []
    const controller = new AbortController()
    const first = new ConcurrentRunner<unknown, boolean>(queue, {limit: 1, signal: controller.signal})
    first.once('start', () => void end(first, () => controller.abort('over')))
    const pushes = pushAll(queue, 'ab', log)
    void first.run().catch(() => {})
    await first.drained
    await finish(queue, {limit: 1})
    t.is(log.join(''), 'ab')
    t.deepEqual(await standings(pushes), ['undefined', 'undefined'])
  })

  test(`a runner that ${how} while it waits for a task takes none with it`, async (t) => {
    const queue = new TaskQueue()
    const controller = new AbortController()
    const first = serve(queue, {signal: controller.signal})
    await turn()
    void end(first, () => controller.abort('over'))
    const push = queue.push(() => 'for the next')
    await first.drained
    serve(queue)
    t.is(await push, 'for the next')
  })

  test(`a runner that ${how} in the tick of a push does not lose the push`, async (t) => {
    const queue = new TaskQueue()
    const controller = new AbortController()
    const first = serve(queue, {signal: controller.signal})
    await turn()
    const push = queue.push(() => 'for one of them')
    void end(first, () => controller.abort('over'))
    await first.drained
    serve(queue)
    t.is(await push, 'for one of them')
  })
}

test('a failure that ends its runner rejects its own push, and the next runner gets the rest', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  const reason = new Error('boom')
  const failed = queue.push(() => Promise.reject(reason))
  const pushes = pushAll(queue, 'abc', log)
  const runner = new ConcurrentRunner(queue, {limit: 1})
  t.is(instance(await caught(runner.run()), ConcurrentExecutionError).cause, reason)
  t.is(await caught(failed), reason)
  t.is(queue.size, 3)
  await finish(queue)
  await Promise.all(pushes)
  t.is(log.join(''), 'abc')
})

test('a loop that is broken off leaves the rest in the queue', async (t) => {
  const queue = new TaskQueue()
  const pushes = ['a', 'b', 'c'].map((name) => queue.push(() => name))
  for await (const result of new ConcurrentRunner(queue, {limit: 1})) {
    t.is(result, 'a')
    break
  }
  await finish(queue)
  t.deepEqual(await Promise.all(pushes), ['a', 'b', 'c'])
})

test('a runner that is never started takes nothing, and neither does one that is aborted before', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => 'a')
  const idle = new ConcurrentRunner(queue)
  const aborted = new ConcurrentRunner(queue)
  aborted.abort('no')
  t.is(await caught(aborted.run()), 'no')
  t.is(idle.state, 'idle')
  t.is(queue.size, 1)
  serve(queue)
  t.is(await push, 'a')
})

test('tasks that come back from several runners stand in their old order, whichever runner ends first', async (t) => {
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const queue = new TaskQueue()
    const log: string[] = []
    const runners = [serve(queue), serve(queue), serve(queue)]
    await turn()
    for (const runner of runners) runner.pause()
    void pushAll(queue, 'abcd', log)
    await turn()
    t.is(queue.size, 4)
    for (const number of order) {
      runners[number]?.abort()
      await turn(1)
    }
    await finish(queue, {limit: 1})
    t.is(log.join(''), 'abcd')
  }
})

test('a task that comes back goes to a runner that waits', async (t) => {
  const queue = new TaskQueue()
  const first = serve(queue)
  await turn()
  serve(queue)
  await turn()
  first.pause()
  t.is(await queue.push(() => 'a'), 'a')
})

test('a paused runner holds nothing: what it was waiting for can be cleared, outranked, and taken once it resumes', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue, {limit: 1})
  await turn()
  runner.pause()
  const cleared = queue.push(() => 'a')
  await turn()
  t.is(queue.size, 1)
  queue.clear('cleared')
  t.is(await caught(cleared), 'cleared')
  const log: string[] = []
  const pushes = [queue.push(() => log.push('low')), queue.push(() => log.push('high'), {priority: 1})]
  await turn()
  runner.resume()
  await Promise.all(pushes)
  t.deepEqual(log, ['high', 'low'])
})

test('a place that room() reserved under a paused runner is kept, and the next comes when the runner goes on', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const runner = serve(queue, {limit: 1})
  await turn()
  runner.pause()
  const push = await queue.room()
  const first = push(() => 1)
  const room = queue.room()
  t.is(await standing(queue.push(() => 3)), 'rejected: QuotaExceededError')
  t.is(await standing(room), 'pending')
  runner.resume()
  t.is(await first, 1)
  t.is(await (await room)(() => 2), 2)
})

test('when a pulled task goes back to the queue, the pull needs no second ready()', async (t) => {
  let permits = 1
  const granted: Array<() => void> = []
  class Gated extends ConcurrentRunner<unknown> {
    protected override async ready(): Promise<void> {
      if (permits === 0) await new Promise<void>((resolve) => granted.push(resolve))
      permits--
    }
  }
  const queue = new TaskQueue()
  const runner = new Gated(queue)
  void runner.run()
  await turn()
  runner.pause()
  const push = queue.push(() => 'a')
  await turn()
  runner.resume()
  t.is(await push, 'a')
})

test('an iterator that wraps a queue’s is read by its own next()', async (t) => {
  const queue = new TaskQueue()
  const pushes = [1, 2, 3].map((number) => queue.push(() => number))
  queue.close()
  let seen = 0
  const source = {
    [Symbol.asyncIterator]() {
      const iterator = queue[Symbol.asyncIterator]()
      return {
        ...iterator,
        next: async () => {
          const result = await iterator.next()
          if (!result.done) seen++
          return result
        },
      }
    },
  }
  await new ConcurrentRunner(source).run()
  t.is(seen, 3)
  t.deepEqual(await Promise.all(pushes), [1, 2, 3])
})

test('what a generator has taken from a queue stays with its runner', async (t) => {
  const queue = new TaskQueue()
  const first = async function* (): AsyncGenerator<TaskFunction<unknown>> {
    for await (const task of queue) {
      yield task
      return
    }
  }
  const runner = new ConcurrentRunner(first(), {limit: 1})
  const running = runner.run()
  await turn()
  runner.pause()
  const push = queue.push(() => 'a')
  await turn()
  runner.resume()
  t.is((await running).started, 1)
  t.is(await push, 'a')
})

test('what comes back from a runner never makes the queue longer than its capacity', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const runner = new ConcurrentRunner(queue)
  const refused: Array<Promise<unknown>> = []
  runner.once('start', () => {
    t.is(queue.size, 1) // it is not called yet
    refused.push(queue.push(() => t.fail()))
    runner.abort('over')
  })
  const push = queue.push(() => 'a')
  const room = queue.room()
  t.is(await caught(runner.run()), 'over')
  t.deepEqual(await standings([...refused, room]), ['rejected: QuotaExceededError', 'pending'])
  t.is(queue.size, 1)
  await finish(queue)
  t.is(await push, 'a')
})

test('what comes back to a closed queue is run by the next runner', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  runner.pause()
  const push = queue.push(() => 'a')
  queue.close()
  runner.abort()
  await runner.drained
  serve(queue)
  t.is(await push, 'a')
})

test('clear rejects what has come back', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  runner.pause()
  const push = queue.push(() => t.fail())
  await turn()
  runner.abort()
  await runner.drained
  queue.clear('enough')
  t.is(await caught(push), 'enough')
})

test('an aborted run’s tasks settle their pushes when they end, however late', async (t) => {
  const queue = new TaskQueue()
  const [a, b] = manuals(2)
  const pushes = [queue.push(a.thunk), queue.push(b.thunk)]
  const runner = serve(queue)
  await turn()
  runner.abort('over')
  t.deepEqual(await standings(pushes), ['pending', 'pending'])
  a.resolve('late')
  b.reject(new TypeError('late too'))
  t.deepEqual(await standings(pushes), ['late', 'rejected: TypeError'])
  t.true(await isSettled(queue.onIdle()))
})
