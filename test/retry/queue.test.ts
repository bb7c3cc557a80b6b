/** Tasks of a queue that are tried again: a push settles with the last attempt. */
import {AsyncLocalStorage} from 'node:async_hooks'
import test from 'ava'
import {ConcurrentRunner, type TaskContext, TaskQueue} from '../../src/index.js'
import {caught, isSettled, manual, record, turn} from '../helpers/index.js'
import {clock, pass, serial} from '../helpers/virtual-time.js'
import {flaky, second} from './flaky.js'

serial('a push settles with the last attempt of its task', async (t) => {
  const queue = new TaskQueue()
  queue.run({retry: second})
  const good = queue.push(flaky(2))
  const bad = caught(queue.push(flaky(9)))
  await pass(1999)
  t.false(await isSettled(good))
  t.false(await isSettled(bad))
  await pass(1)
  t.is(await good, 0)
  t.is(String(await bad), 'Error: 1.3')
})

serial(
  'a task that waits for its next attempt counts as running: the queue is not idle, and closes afterwards',
  async (t) => {
    const queue = new TaskQueue()
    const runner = queue.run({retry: second})
    void queue.push(flaky(1))
    await turn()
    const idle = queue.onIdle()
    queue.closeWhenIdle()
    t.deepEqual([queue.size, queue.running, runner.stats.running, runner.stats.retrying], [0, 1, 0, 1])
    t.false(await isSettled(idle))
    await pass(1000)
    await idle
    await turn()
    t.deepEqual([queue.size, queue.running], [0, 0])
    t.is(runner.state, 'drained')
  },
)

serial('a pushed promise is not tried again', async (t) => {
  const queue = new TaskQueue()
  const log = record(queue.run({retry: second}))
  t.is(await caught(queue.push(Promise.reject('late'))), 'late')
  t.deepEqual(log, ['start 0', 'error 0 late'])
})

serial(
  'what push({item}) had in hand is there in each attempt, and each runs in the async context of the push',
  async (t) => {
    const storage = new AsyncLocalStorage<string>()
    const queue = new TaskQueue()
    queue.run({retry: second})
    const seen: unknown[] = []
    const pushed = storage.run('push', () =>
      queue.push(
        ({item, attempt}) => {
          seen.push([item, attempt, storage.getStore()])
          if (attempt < 3) throw 'again'
        },
        {item: 'thing'},
      ),
    )
    await pass(2000)
    await pushed
    t.deepEqual(seen, [
      ['thing', 1, 'push'],
      ['thing', 2, 'push'],
      ['thing', 3, 'push'],
    ])
  },
)

serial('a push whose signal aborts while its task waits ends the wait at once, with the last error', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({retry: second})
  const controller = new AbortController()
  const pushed = caught(queue.push(flaky(9), {signal: controller.signal}))
  await turn()
  t.is(runner.stats.retrying, 1)
  controller.abort()
  t.is(String(await pushed), 'Error: 0.1')
  t.deepEqual([runner.stats.retrying, queue.running, clock.timers], [0, 0, 0])
})

serial('a task whose push was given up while it ran is not tried again', async (t) => {
  const queue = new TaskQueue()
  const log = record(queue.run({retry: second}))
  const controller = new AbortController()
  const pushed = caught(
    queue.push(
      ({signal}) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      {
        signal: controller.signal,
      },
    ),
  )
  await turn()
  controller.abort('enough')
  t.is(await pushed, 'enough')
  t.deepEqual(log, ['start 0', 'error 0 enough'])
})

serial('a task that is cleared by a start listener is not tried again', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({retry: second})
  const log = record(runner)
  runner.on('start', () => queue.clear('cleared'))
  t.is(await caught(queue.push(flaky(0))), 'cleared')
  await pass(5000)
  t.deepEqual(log, ['start 0', 'error 0 cleared'])
})

serial('when the runner stops, a push whose task waits rejects with the last error', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({retry: second})
  const pushed = caught(queue.push(flaky(9)))
  await turn()
  await runner.stop()
  t.is(String(await pushed), 'Error: 0.1')
  t.deepEqual([queue.size, queue.running], [0, 0])
})

serial(
  'a timed-out attempt whose failure is final at the end of the backoff rejects its push, and is running until it settles',
  async (t) => {
    const queue = new TaskQueue()
    queue.run({limit: 1, retry: {delay: 100}})
    const stuck = manual()
    const pushed = caught(queue.push(stuck.thunk, {timeout: 20}))
    await pass(119)
    t.false(await isSettled(pushed))
    await pass(1)
    t.regex(String(await pushed), /TimeoutError/)
    t.is(queue.running, 1)
    stuck.resolve('')
    await turn()
    t.is(queue.running, 0)
  },
)

serial(
  'a retry that is due when another task ends the run, and whose start is made possible by an error listener, settles its push',
  async (t) => {
    const queue = new TaskQueue()
    const tasks = [manual(), manual()] as const
    const [one, other] = tasks.map(({thunk}) => caught(queue.push(thunk)))
    const runner = new ConcurrentRunner(queue, {
      limit: 3,
      timeout: 20,
      retry: {
        delay: 7,
        budget: {
          take: () => {
            runner.pause()
            return true
          },
          give: () => {},
        },
      },
    })
    runner.once('error', () => runner.resume())
    runner.run().catch(() => {})
    await pass(20)
    tasks[1].resolve('late')
    await pass(7)
    tasks[0].resolve('late')
    await turn()
    t.regex(String(await one), /TimeoutError/)
    t.true(await isSettled(other ?? Promise.resolve()))
    t.deepEqual([queue.size, queue.running], [0, 0])
  },
)

serial(
  'of several retries that are due, an abort of a push ends its own alone, and the others keep their order',
  async (t) => {
    const queue = new TaskQueue<number>()
    const runner = queue.run({limit: 4, retry: second})
    const controller = new AbortController()
    const order: number[] = []
    const pushes = [0, 1, 2, 3].map((index) =>
      queue.push(flaky(1), index === 1 ? {signal: controller.signal, item: index} : {item: index}),
    )
    runner.on('result', (_, {index}) => order.push(index))
    await pass(500)
    runner.pause()
    await pass(1000)
    t.is(runner.stats.retrying, 4)
    controller.abort()
    t.is(runner.stats.retrying, 3)
    t.is(String(await caught(pushes[1] ?? Promise.resolve())), 'Error: 1.1')
    runner.resume()
    await pass(10)
    t.deepEqual(order, [0, 2, 3])
    await queue.shutdown()
  },
)

serial('a signal that thousands of waiting retries share ends all of their waits with one look at them', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({limit: Infinity, retry: {...second, waiting: Infinity}})
  const controller = new AbortController()
  const pushes = Array.from({length: 3000}, () => caught(queue.push(flaky(9), {signal: controller.signal})))
  const other = queue.push(flaky(1))
  await turn()
  t.is(runner.stats.retrying, 3001)
  controller.abort()
  t.is(runner.stats.retrying, 1)
  for (const [index, error] of (await Promise.all(pushes)).entries()) t.is(String(error), `Error: ${index}.1`)
  await pass(1000)
  t.is(await other, 3000)
})

test('a push whose signal aborts after an attempt has timed out waits no longer, and is not called again', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({timeout: 1, retry: {delay: 60_000}})
  const controller = new AbortController()
  let calls = 0
  const task = ({signal}: TaskContext): Promise<never> => {
    calls++
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }
  const push = caught(queue.push(task, {signal: controller.signal}))
  await new Promise((resolve) => runner.on('retry', resolve))
  await turn()
  controller.abort()
  await turn()
  t.true(await isSettled(push))
  await queue.shutdown({timeout: 0})
  t.is(((await push) as Error).name, 'TimeoutError')
  t.is(calls, 1)
})

serial('the signal of a push aborts the attempt that runs, and none before it', async (t) => {
  const queue = new TaskQueue()
  queue.run({retry: {delay: 0}})
  const controller = new AbortController()
  const signals: AbortSignal[] = []
  const held = manual()
  const task = (context: TaskContext): Promise<string> => {
    signals.push(context.signal)
    if (context.attempt === 1) throw 'again'
    return held.thunk(context)
  }
  const pushed = queue.push(task, {signal: controller.signal})
  await pass(1)
  controller.abort('enough')
  t.deepEqual(
    signals.map(({aborted}) => aborted),
    [false, true],
  )
  held.resolve('done all the same')
  t.is(await pushed, 'done all the same')
})
