/** `queue.run` makes a runner, and the queue lives as long as such runners do. */
import test from 'ava'
import {
  ConcurrentError,
  ConcurrentRunner,
  type RunnerOptions,
  type Source,
  type Task,
  type TaskContext,
  TaskQueue,
} from '../../src/index.js'
import {caught, instance, manual, never, record, turn, unhandledDuring} from '../helpers/index.js'
import {serve, standing, standings} from './serving.js'

test('run makes a runner that hears everything from listeners added at once', async (t) => {
  const queue = new TaskQueue()
  const pushes = [queue.push(() => 'a'), queue.push(() => Promise.reject(new Error('boom')))]
  const log = record(queue.run({limit: 1}))
  t.deepEqual(log, [])
  t.deepEqual(await standings(pushes), ['a', 'rejected: Error'])
  await queue.shutdown()
  await turn()
  t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'error 1 boom', 'drain'])
})

test('a task that fails does not end a runner that run has made', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run()
  await caught(queue.push(() => Promise.reject(new Error('boom'))))
  t.is(runner.state, 'running')
  t.is(await queue.push(() => 'next'), 'next')
})

test('run makes an instance of the given class', async (t) => {
  class Doubling extends ConcurrentRunner<number, true> {
    protected override async execute(task: Task<number>, context: TaskContext): Promise<number> {
      return 2 * (await super.execute(task, context))
    }
  }
  const queue = new TaskQueue<number>()
  t.true(queue.run({limit: 2}, Doubling) instanceof Doubling)
  t.is(await queue.push<number>(() => 21), 42)
})

test('run refuses yieldExceptions and wrong options', (t) => {
  const queue = new TaskQueue()
  t.throws(() => queue.run({yieldExceptions: true} as object), {instanceOf: TypeError, message: /yieldExceptions/})
  t.throws(() => queue.run({limit: 0}), {instanceOf: RangeError})
  const push = queue.push(() => 'a')
  serve(queue)
  return t.notThrowsAsync(push) // none of them has made the queue depend on it
})

const reason = new Error('the database is gone')
class Failing extends ConcurrentRunner<unknown, true> {
  protected override ready(signal: AbortSignal): Promise<void> | void {
    if (this.stats.started > 0) throw reason
    void signal
  }
}

const endings: ReadonlyArray<
  readonly [how: string, end: (runner: ConcurrentRunner<unknown, true>) => unknown, cause: (cause: unknown) => boolean]
> = [
  ['is aborted', (runner) => runner.abort(reason), (cause) => cause === reason],
  ['is stopped', (runner) => runner.stop(), (cause) => instance(cause, DOMException).name === 'AbortError'],
  ['is stopped with a deadline', (runner) => runner.stop({timeout: 0}), (cause) => cause instanceof DOMException],
  ['is left', (runner) => runner.return(), (cause) => instance(cause, DOMException).name === 'AbortError'],
  ['is thrown into', (runner) => caught(runner.throw(reason)), (cause) => cause === reason],
]

for (const [how, end, isCause] of endings)
  for (const when of ['while it runs', 'before it began']) {
    test(`when the last runner ${how} ${when}, pushes and calls of room that wait reject with the reason`, async (t) => {
      const queue = new TaskQueue({capacity: 2})
      const runner = queue.run({limit: 1})
      if (when === 'while it runs') {
        void queue.push(never)
        await turn()
      }
      const waiting = [queue.push(() => t.fail()), queue.push(() => t.fail(), {priority: 1}), queue.room()]
      void end(runner)
      await turn()
      const later = [queue.push(() => t.fail()), queue.room()]
      for (const promise of [...waiting, ...later]) {
        const error = instance(await caught(promise), ConcurrentError)
        t.regex(error.message, /^No runner of the queue is left: /)
        if (how === 'is thrown into' && when === 'before it began') t.truthy(error.cause)
        else t.true(isCause(error.cause))
        t.is(error.index, -1)
      }
      t.is(queue.size, 0)
    })
  }

for (const end of ['stop', 'return'] as const)
  test(`a runner that ends by ${end}() before it began says so to the pushes`, async (t) => {
    const queue = new TaskQueue()
    void queue.run()[end]()
    const error = instance(await caught(queue.push(() => t.fail())), ConcurrentError)
    t.is(error.message, 'No runner of the queue is left: AbortError: The runner was stopped before it began')
  })

test('an iterator that is closed twice counts once among those that keep the queue alive', async (t) => {
  const queue = new TaskQueue()
  const [closed, open] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()]
  await closed.return?.()
  await closed.return?.()
  queue.run().abort(reason)
  await turn()
  const push = queue.push(() => t.fail())
  t.is(await standing(push), 'pending')
  await open.return?.()
  t.is(await standing(push), 'rejected: ConcurrentError')
})

test('what a reader holds rejects when it was the last, and its iterator is closed', async (t) => {
  const queue = new TaskQueue()
  const reader = queue[Symbol.asyncIterator]()
  const pushes = [queue.push(() => t.fail()), queue.push(() => t.fail())]
  await reader.next()
  queue.run().abort(reason)
  await turn()
  t.deepEqual(await standings(pushes), ['pending', 'pending'])
  await reader.return?.()
  t.deepEqual(await standings(pushes), ['rejected: ConcurrentError', 'rejected: ConcurrentError'])
  t.is(queue.size, 0)
})

test('a hook that fails ends the runner, and pushes reject with its error', async (t) => {
  const queue = new TaskQueue()
  queue.run({limit: 1}, Failing)
  const pushes = [queue.push(() => 'a'), queue.push(() => t.fail())]
  t.is(await pushes[0], 'a')
  const error = instance(await caught(pushes[1] ?? t.fail()), ConcurrentError)
  t.is(instance(error.cause, ConcurrentError).cause, reason)
})

test('a runner whose signal has aborted already leaves no push waiting', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => t.fail())
  queue.run({signal: AbortSignal.abort(reason)})
  t.is(instance(await caught(push), ConcurrentError).cause, reason)
})

test('the task that runs when the last runner ends settles as it does', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const runner = queue.run()
  const push = queue.push(task.thunk)
  await turn()
  runner.abort(reason)
  t.is(await standing(push), 'pending')
  task.resolve('done')
  t.is(await push, 'done')
})

test('another runner that run has made keeps the queue alive', async (t) => {
  const queue = new TaskQueue()
  const [first, second] = [queue.run({limit: 1}), queue.run({limit: 1})]
  await turn()
  first.abort(reason)
  t.is(await queue.push(() => 'a'), 'a')
  second.abort(reason)
  t.is(await standing(queue.push(() => t.fail())), 'rejected: ConcurrentError')
})

test('a plain runner keeps the queue alive, until it ends too', async (t) => {
  const queue = new TaskQueue()
  const plain = serve(queue)
  const made = queue.run()
  await turn()
  made.abort(reason)
  t.is(await queue.push(() => 'a'), 'a')
  plain.pause()
  const push = queue.push(() => t.fail())
  void plain.stop()
  t.is(instance(await caught(push), ConcurrentError).cause, reason)
})

test('a plain runner that wraps the queue keeps it alive, too', async (t) => {
  const queue = new TaskQueue()
  const plain = ConcurrentRunner.map(queue, (task, context) => task(context))
  void plain.run().catch(() => {})
  const made = queue.run()
  await turn()
  made.abort(reason)
  t.is(await queue.push(() => 'a'), 'a')
  plain.abort(reason)
  await turn()
  t.is(await standing(queue.push(() => t.fail())), 'rejected: ConcurrentError')
})

test('without a runner that run has made, the queue outlives its runners', async (t) => {
  const queue = new TaskQueue()
  const plain = serve(queue)
  await turn()
  plain.abort(reason)
  const push = queue.push(() => 'a')
  t.is(await standing(push), 'pending')
  serve(queue)
  t.is(await push, 'a')
})

test('a new runner makes an abandoned queue take pushes again', async (t) => {
  const queue = new TaskQueue()
  queue.run().abort(reason)
  await turn()
  t.is(await standing(queue.push(() => t.fail())), 'rejected: ConcurrentError')
  queue.run()
  t.is(await queue.push(() => 'a'), 'a')
})

test('onIdle resolves when the last runner has ended and all has been rejected', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({limit: 1})
  runner.pause()
  void queue.push(() => t.fail())
  const idle = queue.onIdle()
  runner.abort(reason)
  await idle
  t.is(queue.size, 0)
})

test('nothing of an abandoned queue is an unhandled rejection', async (t) => {
  const reasons = await unhandledDuring(async () => {
    const queue = new TaskQueue({capacity: 1})
    const runner = queue.run({limit: 1})
    void queue.push(never)
    await turn()
    void queue.push(Promise.reject(new Error('its own')))
    void queue.room()
    runner.abort(reason)
    await turn()
    void queue.push(() => {})
    void queue.room()
  })
  t.deepEqual(reasons, [])
})

test('a runner that its own constructor ends leaves no push pending, and takes none from other runners', async (t) => {
  class Broken extends ConcurrentRunner<unknown, true> {
    constructor(source: Source<unknown>, options: RunnerOptions<true>) {
      super(source, options)
      void this.next().catch(() => {})
      this.abort(new Error('broken'))
    }
  }
  const alone = new TaskQueue()
  const pushes = [1, 2].map((name) => alone.push(() => name))
  alone.run({limit: 1}, Broken)
  t.deepEqual(await standings(pushes), ['1', 'rejected: ConcurrentError'])
  const shared = new TaskQueue()
  const others = [1, 2].map((name) => shared.push(() => name))
  shared.run({limit: 1})
  shared.run({limit: 1}, Broken)
  t.deepEqual(await standings(others), ['1', '2'])
})
