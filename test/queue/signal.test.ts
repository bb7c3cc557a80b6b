/** A push’s own signal takes its task out of the queue, or aborts it while it runs. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {ConcurrentRunner, type Task, type TaskContext, TaskQueue} from '../../src/index.js'
import {caught, isSettled, manual, manuals, turn, unhandledDuring} from '../helpers/index.js'
import {finish, pushAll, Retrying, serve, standings} from './serving.js'

test('a push whose signal has aborted already rejects with the reason, and nothing waits', async (t) => {
  const queue = new TaskQueue()
  const reason = {why: 'no need'}
  t.is(await caught(queue.push(() => t.fail(), {signal: AbortSignal.abort(reason)})), reason)
  t.is(queue.size, 0)
})

test('an abort takes a waiting task out of the queue, and the others keep their order', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const log: string[] = []
  void pushAll(queue, 'ab', log)
  const push = queue.push(() => t.fail(), {signal: controller.signal})
  void pushAll(queue, 'cd', log)
  controller.abort('changed my mind')
  t.is(queue.size, 4)
  t.is(await caught(push), 'changed my mind')
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcd')
})

test('a push that is aborted at once is not run, though a runner was waiting for it', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  const controller = new AbortController()
  const push = queue.push(() => t.fail(), {signal: controller.signal})
  controller.abort('changed my mind')
  t.is(await caught(push), 'changed my mind')
  await turn()
  t.is(runner.stats.running, 0)
  t.true(await isSettled(queue.onIdle()))
})

test('a push that a paused runner holds rejects as soon as its signal aborts', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  runner.pause()
  const controller = new AbortController()
  const push = queue.push(() => t.fail(), {signal: controller.signal})
  await turn()
  controller.abort('changed my mind')
  t.is(await caught(push), 'changed my mind')
  const next = queue.push(() => 'next')
  runner.resume()
  t.is(await next, 'next')
})

test('an abort while a task runs aborts its context’s signal, and the push gives what the task does', async (t) => {
  const queue = new TaskQueue()
  const [stubborn, obedient] = manuals(2)
  const controller = new AbortController()
  const pushes = [stubborn, obedient].map(({thunk}) => queue.push(thunk, {signal: controller.signal}))
  serve(queue)
  await turn()
  const signal = obedient.context?.signal
  t.false(signal?.aborted)
  controller.abort('stop')
  t.is(signal?.reason, 'stop')
  t.is(stubborn.context?.signal.reason, 'stop')
  obedient.reject(signal?.reason)
  stubborn.resolve('done')
  t.deepEqual(await standings(pushes), ['done', 'rejected: stop'])
})

test('a push that is aborted in a listener of its start settles once, and shutdown() still waits for the others', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const [other, last] = manuals(2)
  const controller = new AbortController()
  const aborted = queue.push(() => t.fail(), {signal: controller.signal, group: 'a'})
  const pushes = [queue.push(other.thunk, {group: 'a'}), queue.push(last.thunk, {group: 'a'})]
  const runner = new ConcurrentRunner<unknown, boolean>(queue, {yieldExceptions: true})
  runner.once('start', () => controller.abort('changed my mind'))
  void runner.run()
  t.is(await caught(aborted), 'changed my mind')
  const shutdown = queue.shutdown()
  await turn()
  t.deepEqual(await standings([...pushes, shutdown]), ['pending', 'pending', 'pending'])
  other.resolve('other')
  await turn()
  t.deepEqual(await standings([...pushes, shutdown]), ['other', 'pending', 'pending'])
  last.resolve('last')
  await shutdown
  t.deepEqual(await standings(pushes), ['other', 'last'])
})

test('while a task of one runner is about to start, that of another may be taken out in a listener of its start', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const first = queue.push(() => t.fail(), {item: 'first', signal: controller.signal})
  const second = queue.push(() => 'second', {item: 'second'})
  const [outer, inner] = [0, 1].map(() => new ConcurrentRunner<unknown, boolean>(queue, {yieldExceptions: true}))
  const seen: unknown[] = []
  outer?.once('start', () => void inner?.run())
  inner?.once('start', () => {
    controller.abort('changed my mind')
    seen.push(...queue.waiting.map(({item}) => item), queue.size)
  })
  void outer?.run()
  t.is(await caught(first), 'changed my mind')
  t.is(await second, 'second')
  t.deepEqual(seen, ['second', 1])
  t.is(queue.size, 0)
})

test.serial('a runner that ends another one, which waits too, in a listener breaks nothing', async (t) => {
  const queue = new TaskQueue()
  const [first, second] = [serve(queue, {limit: 1}), serve(queue, {limit: 1})]
  await turn()
  first.once('start', () => second.abort('over'))
  const pushes = ['a', 'b'].map((name) => queue.push(() => name))
  const reasons = await unhandledDuring(async () => {
    t.deepEqual(await Promise.all(pushes), ['a', 'b'])
  })
  t.deepEqual(reasons, [])
})

test('a push’s abort reaches no task of another push', async (t) => {
  const queue = new TaskQueue()
  const [a, b] = manuals(2)
  const controller = new AbortController()
  void queue.push(a.thunk, {signal: controller.signal})
  void queue.push(b.thunk, {signal: new AbortController().signal})
  const runner = serve(queue)
  await turn()
  controller.abort()
  t.false(b.context?.signal.aborted)
  t.is(runner.state, 'running')
})

test('the end of a run aborts the context’s signal of a push that has one of its own', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const controller = new AbortController()
  void queue.push(task.thunk, {signal: controller.signal})
  const runner = serve(queue)
  await turn()
  runner.abort('over')
  t.is(task.context?.signal.reason, 'over')
  t.false(controller.signal.aborted)
})

test('a retry after an abort sees the aborted signal', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const seen: boolean[] = []
  const push = queue.push(
    ({signal}) => {
      seen.push(signal.aborted)
      controller.abort('stop')
      throw new Error('again')
    },
    {signal: controller.signal},
  )
  void new Retrying(queue, 2).run()
  await caught(push)
  t.deepEqual(seen, [false, true])
})

test('a thousand pushes share one listener on their signal, and leave none', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const {signal} = controller
  const pushes = Array.from({length: 1000}, (_, number) => queue.push(({signal: own}) => [number, own], {signal}))
  t.is(getEventListeners(signal, 'abort').length, 1)
  await finish(queue)
  await Promise.all(pushes)
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('one abort takes out all pushes of its signal, wherever they are', async (t) => {
  const queue = new TaskQueue()
  const running = manual()
  void queue.push(running.thunk)
  serve(queue, {limit: 1})
  await turn()
  const controller = new AbortController()
  const options = {signal: controller.signal}
  const pushes = Array.from({length: 100}, (_, number) =>
    queue.push(() => t.fail(), {...options, priority: number % 3}),
  )
  const other = queue.push(() => 'other')
  controller.abort('all of you')
  t.is(queue.size, 1)
  t.deepEqual(new Set(await standings(pushes)), new Set(['rejected: all of you']))
  running.resolve('')
  t.is(await other, 'other')
})

test('an abort after the end changes nothing', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const push = queue.push(() => 'done', {signal: controller.signal})
  await finish(queue)
  controller.abort()
  t.is(await push, 'done')
  t.is(queue.size, 0)
})

for (const [how, make] of [
  [
    'map',
    (queue: TaskQueue, signal: AbortSignal) =>
      ConcurrentRunner.map(queue, (task, {index}) => task({index, item: 0, attempt: 1, signal})),
  ],
  [
    'execute',
    (queue: TaskQueue, signal: AbortSignal) => {
      class Passing extends ConcurrentRunner<unknown> {
        protected override execute(task: Task<unknown>, {index}: TaskContext): unknown {
          return super.execute(task, {index, item: 0, attempt: 1, signal})
        }
      }
      return new Passing(queue)
    },
  ],
] as ReadonlyArray<[string, (queue: TaskQueue, signal: AbortSignal) => ConcurrentRunner<unknown>]>) {
  test(`pushes that ${how} calls with the context of a long-lived signal hear both signals, and leave no listener`, async (t) => {
    const queue = new TaskQueue()
    const lasting = new AbortController()
    void make(queue, lasting.signal).run()
    const own = new AbortController()
    const [first, second] = manuals(2)
    const pushes = [
      queue.push(({signal, ...rest}) => first.thunk({...rest, signal}), {signal: own.signal}),
      queue.push(({signal, ...rest}) => second.thunk({...rest, signal}), {signal: new AbortController().signal}),
    ]
    await turn()
    t.true(getEventListeners(lasting.signal, 'abort').length <= 2)
    own.abort('own')
    t.is(first.context?.signal.reason, 'own')
    t.false(second.context?.signal.aborted)
    first.resolve('')
    second.resolve('')
    await Promise.all(pushes)
    t.deepEqual(getEventListeners(lasting.signal, 'abort'), [])
    t.deepEqual(getEventListeners(own.signal, 'abort'), [])
    const third = manual()
    const push = queue.push(({signal}) => third.thunk({index: 0, item: 0, attempt: 1, signal}), {
      signal: new AbortController().signal,
    })
    await turn()
    lasting.abort('lasting')
    t.is(third.context?.signal.reason, 'lasting')
    third.resolve('')
    await push
  })
}
