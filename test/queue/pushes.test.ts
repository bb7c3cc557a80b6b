/* oxlint-disable unicorn/no-thenable -- foreign thenables are pushed too */
/** What a push gives: its own task’s outcome, and never an unhandled rejection. */
import test from 'ava'
import {ConcurrentExecutionError, ConcurrentRunner, type Task, TaskQueue} from '../../src/index.js'
import {caught, consume, instance, manuals, record, reportedDuring, turn, unhandledDuring} from '../helpers/index.js'
import {type Equal, holds} from '../helpers/types.js'
import {finish, serve, standings} from './serving.js'

test('a push gives its own task’s very result', async (t) => {
  const queue = new TaskQueue()
  const [a, b] = [{}, {}]
  const pushes = [queue.push(() => a), queue.push(async () => b)]
  serve(queue)
  t.is(await pushes[0], a)
  t.is(await pushes[1], b)
})

for (const reason of [new Error('boom'), undefined, null, 0, '']) {
  test(`a push rejects with the very value that its task threw: ${JSON.stringify(reason) ?? 'undefined'}`, async (t) => {
    const queue = new TaskQueue()
    const pushes = [
      queue.push(() => {
        throw reason
      }),
      queue.push(() => Promise.reject(reason)),
      queue.push(Promise.reject(reason)),
    ]
    await finish(queue)
    for (const push of pushes) t.is(await caught(push), reason)
  })
}

test('promises and foreign thenables can be pushed', async (t) => {
  const queue = new TaskQueue()
  const pushes = [
    queue.push(Promise.resolve('a')),
    queue.push({then: (resolve?: ((value: string) => unknown) | null) => resolve?.('b')} as PromiseLike<string>),
  ]
  await finish(queue)
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('a lazy thenable is not started before its turn', async (t) => {
  const queue = new TaskQueue()
  let calls = 0
  const lazy = {
    then: (resolve?: ((value: string) => unknown) | null) => {
      calls++
      resolve?.('now')
    },
  } as PromiseLike<string>
  const push = queue.push(lazy)
  await turn()
  t.is(calls, 0)
  serve(queue)
  t.is(await push, 'now')
  t.is(calls, 1)
})

test('an Error that a task returns is a result', async (t) => {
  const queue = new TaskQueue()
  const error = new Error('returned')
  const push = queue.push(() => error)
  serve(queue)
  t.is(await push, error)
})

test('the same function pushed twice runs twice', async (t) => {
  const queue = new TaskQueue()
  let calls = 0
  const count = (): number => ++calls
  const pushes = [queue.push(count), queue.push(count)]
  serve(queue)
  t.deepEqual(await Promise.all(pushes), [1, 2])
})

test('every push has the type of its task, and a queue of one type takes no other', (t) => {
  const queue = new TaskQueue()
  const push = queue.push(async () => 5)
  t.true(holds<Equal<typeof push, Promise<number>>>())
  const numbers = new TaskQueue<number>()
  // @ts-expect-error a string is no number
  void numbers.push(() => 'five')
  const runner = new ConcurrentRunner(numbers)
  t.true(holds<Equal<Awaited<ReturnType<typeof runner.toArray>>, number[]>>())
})

test('a runner gives the results of the queue as it does of any source', async (t) => {
  const queue = new TaskQueue<string>()
  for (const name of ['a', 'b', 'c']) void queue.push(() => name)
  queue.close()
  t.deepEqual(await new ConcurrentRunner(queue, {limit: 1}).toArray(), ['a', 'b', 'c'])
})

test('an ordered runner gives them in the order in which it took them', async (t) => {
  const queue = new TaskQueue<string>()
  const [slow, fast] = manuals(2)
  const pushes = [queue.push(slow.thunk), queue.push(fast.thunk)]
  queue.close()
  const results = new ConcurrentRunner(queue, {limit: 2, ordered: true}).toArray()
  await turn()
  fast.resolve('fast')
  t.deepEqual(await standings(pushes), ['pending', 'fast'])
  slow.resolve('slow')
  t.deepEqual(await results, ['slow', 'fast'])
})

test('the events of a queue’s tasks are those of any others', async (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 'a')
  void queue.push(() => Promise.reject(new Error('boom')))
  queue.close()
  const runner = new ConcurrentRunner(queue, {limit: 1, yieldExceptions: true})
  const log = record(runner)
  await runner.run()
  t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'error 1 boom', 'drain'])
})

test('a task’s error event wraps the very reason with which its push rejects', async (t) => {
  const queue = new TaskQueue()
  const reason = new Error('boom')
  const push = queue.push(() => Promise.reject(reason))
  queue.close()
  const {values} = await consume(new ConcurrentRunner(queue, {yieldExceptions: true}))
  t.is(instance(values[0], ConcurrentExecutionError).cause, reason)
  t.is(await caught(push), reason)
})

test.serial('a listener that throws changes no push', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  const error = new Error('of a listener')
  for (const event of ['start', 'result', 'error'] as const)
    runner.on(event, () => {
      throw error
    })
  const reported = await reportedDuring(async () => {
    t.is(await queue.push(() => 'a'), 'a')
    t.is(await caught(queue.push(() => Promise.reject('b'))), 'b')
    await turn()
  })
  t.deepEqual(reported, [error, error, error, error])
})

test('no promise that a queue hands out is ever an unhandled rejection', async (t) => {
  const reasons = await unhandledDuring(async () => {
    const queue = new TaskQueue({capacity: 5})
    const controller = new AbortController()
    void queue.push(Promise.reject(new Error('promise')))
    void queue.push(() => Promise.reject(new Error('task')))
    void queue.push(() => {}, {signal: controller.signal})
    void queue.push(() => {}, {signal: AbortSignal.abort()})
    void queue.push(Promise.reject(new Error('cleared')), {priority: -1})
    void queue.push(() => {}, {priority: -1})
    void queue.push(() => {})
    const full = new TaskQueue({capacity: 1})
    void full.push(() => {})
    void full.room()
    full.close()
    await turn()
    controller.abort(new Error('aborted'))
    const runner = serve(queue, {limit: 1})
    runner.once('error', () => {
      queue.clear(new Error('cleared'))
      void queue.push(Promise.reject(new Error('held')))
      runner.abort(new Error('over'))
    })
    await runner.drained
    queue.close()
    void queue.push(Promise.reject(new Error('closed')))
    void queue.room()
  })
  t.deepEqual(reasons, [])
})

test('tasks that are wrapped on their way to the runner settle their pushes too', async (t) => {
  const queue = new TaskQueue<number>()
  const boom = new Error('boom')
  const runner = ConcurrentRunner.map(
    queue,
    (task: Task<number>, context) => (typeof task === 'function' ? task(context) : task),
    {yieldExceptions: true},
  )
  const running = runner.run()
  const pushes = [queue.push(() => 1), queue.push(() => Promise.reject(boom)), queue.push(Promise.resolve(3))]
  t.deepEqual(
    (await Promise.allSettled(pushes)).map((push) => (push.status === 'fulfilled' ? push.value : push.reason)),
    [1, boom, 3],
  )
  queue.closeWhenIdle()
  t.is((await running).succeeded, 2)
})

test('a push has settled before drain', async (t) => {
  const log: string[] = []
  const queue = new TaskQueue()
  const runner = new ConcurrentRunner(queue)
  runner.on('result', () => {}).on('drain', () => void Promise.resolve().then(() => log.push('a tick after drain')))
  const running = runner.run()
  const settled = queue.push(() => 1).then(() => log.push('push'))
  queue.close()
  await Promise.all([running, settled])
  t.deepEqual(log, ['push', 'a tick after drain'])
})
