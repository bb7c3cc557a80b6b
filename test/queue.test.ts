/* oxlint-disable unicorn/no-thenable -- foreign thenables are pushed too */
import {AsyncLocalStorage} from 'node:async_hooks'
import {getEventListeners} from 'node:events'
import test from 'ava'
import {
  ConcurrentExecutionError,
  ConcurrentRunner,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  isSettled,
  manual,
  manuals,
  never,
  record,
  reportedDuring,
  turn,
  unhandledDuring,
} from './helpers/index.js'
import {type Equal, holds} from './helpers/types.js'

type Options = ConstructorParameters<typeof ConcurrentRunner<unknown, boolean>>[1]

/** A runner that goes on when a task fails, as a service's does. */
function serve(queue: TaskQueue, options: Options = {}): ConcurrentRunner<unknown, boolean> {
  const runner = new ConcurrentRunner<unknown, boolean>(queue, {yieldExceptions: true, ...options})
  void runner.run().catch(() => {})
  return runner
}

/** Runs what waits and what is pushed meanwhile, until the queue is idle. */
async function finish(queue: TaskQueue, options?: Options): Promise<void> {
  queue.closeWhenIdle()
  await serve(queue, options).drained
}

/** What a promise has come to by now, in a word. */
async function standing(promise: Promise<unknown>): Promise<string> {
  if (!(await isSettled(promise))) return 'pending'
  return promise.then(String, (reason) => `rejected: ${reason instanceof Error ? reason.name : String(reason)}`)
}

const standings = (promises: ReadonlyArray<Promise<unknown>>): Promise<string[]> => Promise.all(promises.map(standing))

/** Pushes a task for each letter that writes it down. */
function pushAll(queue: TaskQueue, letters: string, log: string[]): Array<Promise<unknown>> {
  return letters.split('').map((letter) => queue.push(() => void log.push(letter)))
}

// What a push gives

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

test('a lazy thenable is not set going before its turn', async (t) => {
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

// Order

test('tasks run first in, first out', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  void pushAll(queue, 'abcdefgh', log)
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcdefgh')
})

test('a higher priority runs first, and within one the first in', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const [name, priority] of [
    ['c', 0],
    ['e', -1],
    ['a', 5],
    ['d', 0],
    ['b', 5],
    ['f', -Infinity],
  ] as const)
    void queue.push(() => log.push(name), {priority})
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcdef')
})

test('a push of a higher priority overtakes what waits already, and stops nothing that runs', async (t) => {
  const queue = new TaskQueue()
  const running = manual()
  const log: string[] = []
  void queue.push(running.thunk)
  serve(queue, {limit: 1})
  await turn()
  void pushAll(queue, 'b', log)
  const urgent = queue.push(() => log.push('a'), {priority: 1})
  t.is(queue.size, 2)
  running.resolve('')
  await urgent
  await turn()
  t.is(log.join(''), 'ab')
})

test('20,000 tasks of 100 priorities run in order, each once', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  for (let number = 0; number < 20_000; number++)
    void queue.push(() => log.push(number), {priority: (number * 7919) % 100})
  await finish(queue)
  const sorted = Array.from({length: 20_000}, (_, number) => number).sort(
    (a, b) => ((b * 7919) % 100) - ((a * 7919) % 100) || a - b,
  )
  t.deepEqual(log, sorted)
})

// Retries and other ways to run a task

class Retrying extends ConcurrentRunner<unknown, boolean> {
  readonly #attempts: number

  constructor(queue: TaskQueue, attempts: number) {
    super(queue, {yieldExceptions: true, limit: 2})
    this.#attempts = attempts
  }

  protected override async execute(task: Task<unknown>, context: TaskContext): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await super.execute(task, context)
      } catch (error) {
        if (attempt === this.#attempts) throw error
      }
    }
  }
}

/** Fails so often, and then gives how often it was called. */
function failing(times: number): () => Promise<number> {
  let calls = 0
  return async () => {
    if (++calls <= times) throw new Error(`failure ${calls}`)
    return calls
  }
}

test('a task that a runner retries settles its push with the final result only', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(failing(2))
  queue.close()
  const runner = new Retrying(queue, 3)
  const log = record(runner)
  await runner.run()
  t.is(await push, 3)
  t.deepEqual(log, ['start 0', 'result 0 3', 'drain'])
})

test('a task whose retries are used up rejects its push with the last error', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(failing(5))
  const runner = new Retrying(queue, 3)
  void runner.run()
  t.is(String(await caught(push)), 'Error: failure 3')
})

test('between two attempts the push is pending, and the queue is not idle', async (t) => {
  const queue = new TaskQueue()
  const second = manual()
  let calls = 0
  const push = queue.push((context) => (++calls === 1 ? Promise.reject(new Error('first')) : second.thunk(context)))
  void new Retrying(queue, 2).run()
  const idle = queue.onIdle()
  await turn()
  t.is(calls, 2)
  t.deepEqual(await standings([push, idle]), ['pending', 'pending'])
  second.resolve('done')
  await turn()
  t.deepEqual(await standings([push, idle]), ['done', 'undefined'])
})

test('a task that its runner calls twice at once runs twice, and the push gives what the runner makes of it', async (t) => {
  class Racing extends ConcurrentRunner<unknown> {
    protected override execute(task: Task<unknown>, context: TaskContext): Promise<unknown> {
      return Promise.all([super.execute(task, context), super.execute(task, context)])
    }
  }
  const queue = new TaskQueue()
  let calls = 0
  const push: Promise<unknown> = queue.push(() => ++calls)
  void new Racing(queue).run()
  t.deepEqual(await push, [1, 2])
})

test('a task that its runner never calls gives what the runner gives for it', async (t) => {
  class Cached extends ConcurrentRunner<unknown> {
    protected override execute(): unknown {
      return 'cached'
    }
  }
  const queue = new TaskQueue()
  const {signal} = new AbortController()
  const push = queue.push<unknown>(() => t.fail(), {signal})
  queue.close()
  await new Cached(queue).run()
  t.is(await push, 'cached')
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('an execute that throws before it calls the task rejects the push', async (t) => {
  const error = new Error('of execute')
  class Broken extends ConcurrentRunner<unknown, boolean> {
    protected override execute(): never {
      throw error
    }
  }
  const queue = new TaskQueue()
  const push = queue.push(() => t.fail())
  void new Broken(queue, {yieldExceptions: true}).run()
  t.is(await caught(push), error)
})

test('a gate in front of each pull holds up a queue’s tasks, and loses none', async (t) => {
  class Gated extends ConcurrentRunner<unknown> {
    protected override async ready(): Promise<void> {
      await turn(1)
    }
  }
  const queue = new TaskQueue()
  const log: string[] = []
  void pushAll(queue, 'abc', log)
  queue.closeWhenIdle()
  await new Gated(queue).run()
  t.is(log.join(''), 'abc')
})

// Timeouts

test('a task that overruns its timeout rejects its push with the TimeoutError that aborts its signal', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const push = queue.push(task.thunk)
  serve(queue, {timeout: 1})
  const error = instance(await caught(push), DOMException)
  t.is(error.name, 'TimeoutError')
  t.is(task.context?.signal.reason, error)
})

for (const releaseOnTimeout of [false, true]) {
  test(`what a timed-out task does later changes neither push nor counts (releaseOnTimeout: ${releaseOnTimeout})`, async (t) => {
    const queue = new TaskQueue()
    const [late, other] = manuals(2)
    const push = queue.push(late.thunk)
    const runner = serve(queue, {timeout: 1, releaseOnTimeout})
    await caught(push)
    if (releaseOnTimeout) await queue.onIdle()
    runner.pause()
    void queue.push(other.thunk)
    late.resolve('late')
    await turn()
    t.is(await standing(push), 'rejected: TimeoutError')
    t.is(await standing(queue.onIdle()), 'pending')
    void runner.stop()
    await turn()
    t.is(queue.size, 1)
  })
}

test('a task that has timed out and still takes its slot keeps the queue from being idle', async (t) => {
  const queue = new TaskQueue()
  const late = manual()
  const push = queue.push(late.thunk)
  serve(queue, {timeout: 1})
  queue.closeWhenIdle()
  const idle = queue.onIdle()
  await caught(push)
  t.is(await standing(idle), 'pending')
  const next = queue.push(() => 'pushed while it was running on')
  late.resolve('late')
  t.is(await next, 'pushed while it was running on')
  await idle
})

test('with a signal of its own, a task that overruns hears of the timeout too', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const {signal} = new AbortController()
  const push = queue.push(task.thunk, {signal})
  serve(queue, {timeout: 1})
  const error = await caught(push)
  t.is(task.context?.signal.reason, error)
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

// A push's own signal

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

// Runners that end

type Runner = ConcurrentRunner<unknown, boolean>
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
  test(`when a runner ${how}, what it runs settles, and what it holds or has not taken is for the next`, async (t) => {
    const queue = new TaskQueue()
    const running = manual()
    const log: string[] = []
    const controller = new AbortController()
    const first = serve(queue, {signal: controller.signal})
    const own = queue.push(running.thunk)
    await turn()
    first.pause()
    const pushes = pushAll(queue, 'abc', log) // it takes the first, and holds it
    t.is(queue.size, 2)
    void end(first, () => controller.abort('over'))
    await turn()
    t.is(queue.size, 3)
    t.deepEqual(await standings([own, ...pushes]), ['pending', 'pending', 'pending', 'pending'])
    running.resolve('own result')
    t.is(await own, 'own result')
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

  test(`a runner that ${how} in the very tick of a push loses it not`, async (t) => {
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

test('a failure that ends its runner rejects its own push, and the rest is for the next', async (t) => {
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

test('what comes back from several runners is in its old order, in whichever they end', async (t) => {
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

test('what comes back goes to a runner that waits', async (t) => {
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

test('who was let through by room() may push, also when a task has come back meanwhile', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const runner = serve(queue, {limit: 1})
  await turn()
  runner.pause()
  const pushes: Array<Promise<number>> = []
  for (const number of [1, 2]) {
    await queue.room()
    pushes.push(queue.push(() => number))
  }
  t.is(await standing(queue.push(() => 3)), 'rejected: QuotaExceededError')
  runner.resume()
  t.deepEqual(await Promise.all(pushes), [1, 2])
})

test('a task that comes back leaves its pull what ready() has granted', async (t) => {
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

test('an iterator made of a queue’s own is asked by its own next()', async (t) => {
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

test('what comes back may make the queue longer than its capacity', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const runner = serve(queue)
  await turn()
  runner.pause()
  const pushes = [queue.push(() => 'a'), queue.push(() => 'b')]
  const room = queue.room()
  void runner.stop()
  await turn()
  t.is(queue.size, 2)
  t.is(await standing(room), 'pending')
  t.is(await standing(queue.push(() => 'c')), 'rejected: QuotaExceededError')
  await finish(queue)
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
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

// Several runners

test('several runners share the tasks, and each is run once', async (t) => {
  const queue = new TaskQueue<number>()
  const calls = new Map<number, number>()
  const pushes = Array.from({length: 300}, (_, number) =>
    queue.push(async () => {
      calls.set(number, (calls.get(number) ?? 0) + 1)
      await turn(1)
      return number
    }),
  )
  queue.close()
  const results = await Promise.all([1, 2, 5].map((limit) => new ConcurrentRunner(queue, {limit}).toArray()))
  t.true(results.every((list) => list.length > 0))
  t.deepEqual(
    results.flat().sort((a, b) => a - b),
    [...calls.keys()],
  )
  t.deepEqual(new Set(calls.values()), new Set([1]))
  t.deepEqual(await Promise.all(pushes), [...pushes.keys()])
})

test('runners that wait get tasks in turn, the longest waiting first', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const name of ['x', 'y', 'z'])
    serve(queue, {limit: 1}).on('result', (value) => log.push(`${name}${String(value)}`))
  await turn()
  for (let number = 0; number < 6; number++) await queue.push(() => number)
  t.deepEqual(log, ['x0', 'y1', 'z2', 'x3', 'y4', 'z5'])
})

test('an error of one runner’s task leaves the other runners as they are', async (t) => {
  const queue = new TaskQueue()
  const failed = new ConcurrentRunner(queue, {limit: 1})
  const ended = caught(failed.run())
  await turn()
  const other = serve(queue, {limit: 1})
  await caught(queue.push(() => Promise.reject(new Error('boom'))))
  await ended
  t.is(await queue.push(() => 'a'), 'a')
  t.is(other.state, 'running')
})

/** Numbers from 0 up to 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

for (let seed = 1; seed <= 8; seed++) {
  test(`runners come and go at random: no task is run twice, none is lost, every push settles (seed ${seed})`, async (t) => {
    const next = random(seed)
    const queue = new TaskQueue()
    const calls: number[] = []
    const aborted = new Set<number>()
    const pushes: Array<Promise<unknown>> = []
    const runners: Runner[] = []
    const push = (): void => {
      const number = pushes.length
      const controller = new AbortController()
      calls.push(0)
      const task = async (): Promise<number> => {
        calls[number] = (calls[number] ?? 0) + 1
        for (let ticks = Math.floor(next() * 4); ticks > 0; ticks--) await turn(1)
        if (next() < 0.2) throw new Error('boom')
        return number
      }
      pushes.push(queue.push(task, {priority: Math.floor(next() * 3), signal: controller.signal}))
      if (next() > 0.1) return
      aborted.add(number)
      if (next() < 0.5) controller.abort()
      else queueMicrotask(() => controller.abort())
    }
    for (let step = 0; step < 300; step++) {
      const choice = next()
      const runner = runners[Math.floor(next() * runners.length)]
      if (choice < 0.5) push()
      else if (choice < 0.6)
        runners.push(serve(queue, {limit: 1 + Math.floor(next() * 3), yieldExceptions: next() < 0.5}))
      else if (choice < 0.65) runner?.abort()
      else if (choice < 0.7) void runner?.stop()
      else if (choice < 0.73) void runner?.return()
      else if (choice < 0.78) runner?.pause()
      else if (choice < 0.85) runner?.resume()
      else await (choice < 0.92 ? Promise.resolve() : turn(1))
    }
    for (const runner of runners) void runner.stop()
    await Promise.all(runners.map((runner) => (runner.resume(), runner.drained)))
    await finish(queue)
    t.false((await standings(pushes)).includes('pending'))
    t.deepEqual(
      calls.filter((count, number) => count > 1 || (count === 0 && !aborted.has(number))),
      [],
    )
    t.is(queue.size, 0)
  })
}

// close

test('a closed queue runs what waits, takes no more, and ends its runners', async (t) => {
  const queue = new TaskQueue()
  const pushes = [queue.push(() => 'a'), queue.push(() => 'b')]
  queue.close()
  queue.close()
  const refused = queue.push(() => t.fail())
  t.is(instance(await caught(refused), DOMException).name, 'InvalidStateError')
  await serve(queue, {limit: 1}).drained
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('closing ends runners that wait, and leaves those that run time to finish', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const [idle, busy] = [serve(queue), serve(queue)]
  await turn()
  const first = queue.push(() => 'a')
  const push = queue.push(task.thunk)
  await first
  queue.close()
  await idle.drained
  t.is(busy.state, 'finishing')
  task.resolve('b')
  await busy.drained
  t.is(await push, 'b')
})

test('a runner of a closed and empty queue drains at once', async (t) => {
  const queue = new TaskQueue()
  queue.close()
  t.deepEqual(await new ConcurrentRunner(queue).toArray(), [])
})

test('a refused push’s task is not called, and its promise never an unhandled rejection', async (t) => {
  const queue = new TaskQueue()
  queue.close()
  const reasons = await unhandledDuring(() => {
    void queue.push(Promise.reject(new Error('its own')))
    void queue.push(() => t.fail())
    void queue.room()
  })
  t.deepEqual(reasons, [])
})

test('a push into a queue that is full, closed or given an aborted signal tells which', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(() => 1)
  const full = instance(await caught(queue.push(() => 1)), DOMException)
  t.is(full.name, 'QuotaExceededError')
  t.is(full.message, 'The queue is full: 1 tasks wait')
  queue.close()
  const closed = instance(await caught(queue.push(() => 1)), DOMException)
  t.is(closed.name, 'InvalidStateError')
  t.is(closed.message, 'The queue is closed')
})

// closeWhenIdle

/** Pushes a task for each page of a tree, and each pushes those below it. */
function crawl(queue: TaskQueue, depth: number, log: number[]): void {
  const visit = (page: number): void =>
    void queue.push(async () => {
      await turn(page % 3)
      log.push(page)
      for (const below of [page * 2, page * 2 + 1]) if (below < 2 ** depth) visit(below)
    })
  visit(1)
}

for (const when of ['before it starts', 'while it runs']) {
  test(`a crawl ends by itself, closeWhenIdle called ${when}, and drain comes once, when all is done`, async (t) => {
    const queue = new TaskQueue()
    const log: number[] = []
    const drains: number[] = []
    crawl(queue, 6, log)
    if (when === 'before it starts') queue.closeWhenIdle()
    const runner = serve(queue, {limit: 4})
    runner.on('drain', () => drains.push(log.length))
    await turn()
    queue.closeWhenIdle()
    await runner.drained
    t.deepEqual(
      log.sort((a, b) => a - b),
      Array.from({length: 63}, (_, index) => index + 1),
    )
    t.deepEqual(drains, [63])
  })
}

test('a crawl over several runners ends all of them, when the last task has settled', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  crawl(queue, 6, log)
  queue.closeWhenIdle()
  const stats = await Promise.all([1, 2, 3].map((limit) => serve(queue, {limit}).drained))
  t.is(log.length, 63)
  t.is(
    stats.reduce((sum, {succeeded}) => sum + succeeded, 0),
    63,
  )
})

test('who pushes on as soon as a push has given its result keeps the crawl going', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  const helper = async (page: number): Promise<number> => queue.push(() => turn(1).then(() => page))
  const visit = async (page: number): Promise<void> => {
    log.push(await helper(page))
    if (page < 5) await visit(page + 1)
  }
  const visiting = visit(1)
  await finish(queue)
  await visiting
  t.deepEqual(log, [1, 2, 3, 4, 5])
})

test('closeWhenIdle on an idle queue closes it at once', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  queue.closeWhenIdle()
  t.is(await standing(queue.push(() => t.fail())), 'rejected: InvalidStateError')
  await runner.drained
})

test('after closeWhenIdle the queue takes pushes for as long as something runs', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  void queue.push(task.thunk)
  const runner = serve(queue)
  await turn()
  queue.closeWhenIdle()
  queue.closeWhenIdle()
  t.is(await queue.push(() => 'a'), 'a')
  t.is(await queue.push(() => 'b'), 'b')
  t.is(runner.state, 'running')
  task.resolve('')
  await runner.drained
  t.is(await standing(queue.push(() => t.fail())), 'rejected: InvalidStateError')
})

for (const [how, settle] of [
  ['fails', (task) => task.reject(new Error('boom'))],
  ['succeeds', (task) => task.resolve('')],
] as ReadonlyArray<[string, (task: ReturnType<typeof manual>) => void]>) {
  test(`closeWhenIdle ends the queue when the last task ${how}`, async (t) => {
    const queue = new TaskQueue()
    const task = manual()
    void queue.push(task.thunk)
    queue.closeWhenIdle()
    const runner = serve(queue)
    await turn()
    t.is(runner.state, 'running')
    settle(task)
    await runner.drained
    t.pass()
  })
}

for (const [how, empty] of [
  ['aborted', (_, abort) => abort()],
  ['cleared', (queue) => queue.clear()],
] as ReadonlyArray<[string, (queue: TaskQueue, abort: () => void) => void]>) {
  test(`closeWhenIdle ends the queue when what waits is ${how}`, async (t) => {
    const queue = new TaskQueue()
    const controller = new AbortController()
    void queue.push(() => t.fail(), {signal: controller.signal})
    queue.closeWhenIdle()
    empty(queue, () => controller.abort())
    await serve(queue).drained
    t.pass()
  })
}

test('a task that goes back from an ended runner keeps a queue open that closes when idle', async (t) => {
  const queue = new TaskQueue()
  const first = serve(queue)
  await turn()
  first.pause()
  const push = queue.push(() => 'a')
  queue.closeWhenIdle()
  first.abort()
  await first.drained
  await serve(queue).drained
  t.is(await push, 'a')
})

// onIdle

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

test('onIdle comes after what the last result set going', async (t) => {
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

// clear

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

// capacity and room

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
        await queue.room()
        void queue.push(() => log.push(name)).catch((reason) => log.push(`${name} ${String(reason)}`))
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
    await queue.room()
    void queue.push(() => number)
  }
  t.false(hasTurned)
})

test('who asks for room while another was let through waits until that one has pushed', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const first = queue.room().then(() => queue.push(() => 'first'))
  const second = queue.room().then(() => queue.push(() => 'second'))
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
  await queue.room()
  await turn()
  void queue.push(() => 'other')
  t.is(await standing(queue.push(() => 'late')), 'rejected: QuotaExceededError')
})

// Pushing in the midst

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

// Unhandled rejections

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

// AsyncLocalStorage

const als = new AsyncLocalStorage<string>()

/** A push in a context of its own; what its task sees. */
function pushIn(queue: TaskQueue, name: string, options?: {signal?: AbortSignal}): Promise<string | undefined> {
  return als.run(name, () => queue.push(() => als.getStore(), options))
}

test('each task sees the context of its own push, before and after an await', async (t) => {
  const queue = new TaskQueue()
  const pushes = ['a', 'b', 'c'].map((name) =>
    als.run(name, () =>
      queue.push(async () => {
        const before = als.getStore()
        await turn(1)
        return [before, als.getStore()]
      }),
    ),
  )
  als.run('runner', () => serve(queue, {limit: 2}))
  t.deepEqual(await Promise.all(pushes), [
    ['a', 'a'],
    ['b', 'b'],
    ['c', 'c'],
  ])
})

test('the context is that of the push whether the runner waits for the task or the task for the runner', async (t) => {
  const queue = new TaskQueue()
  const early = pushIn(queue, 'early')
  als.run('runner', () => serve(queue))
  t.is(await early, 'early')
  await turn()
  t.is(await pushIn(queue, 'late'), 'late')
  t.is(await queue.push(() => als.getStore()), undefined)
})

test('the context is that of the push when limit, resume or another task’s end let it start', async (t) => {
  const queue = new TaskQueue()
  const blocker = manual()
  als.run('blocker', () => void queue.push(blocker.thunk))
  const runner = als.run('runner', () => serve(queue, {limit: 1}))
  await turn()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => pushIn(queue, name))
  als.run('limit', () => {
    runner.limit = 2
  })
  t.is(await a, 'a')
  runner.pause()
  als.run('resume', () => runner.resume())
  t.is(await b, 'b')
  blocker.resolve('')
  t.is(await c, 'c')
})

test('each attempt of a retried task sees the context of the push', async (t) => {
  const queue = new TaskQueue()
  const seen: Array<string | undefined> = []
  const push = als.run('push', () =>
    queue.push(async () => {
      seen.push(als.getStore())
      await turn(1)
      if (seen.length < 3) throw new Error('again')
    }),
  )
  als.run('runner', () => void new Retrying(queue, 3).run())
  await push
  t.deepEqual(seen, ['push', 'push', 'push'])
})

test('each of two attempts at once sees the context of the push', async (t) => {
  class Racing extends ConcurrentRunner<unknown> {
    protected override execute(task: Task<unknown>, context: TaskContext): Promise<unknown> {
      return als.run('execute', () => Promise.all([super.execute(task, context), super.execute(task, context)]))
    }
  }
  const queue = new TaskQueue()
  const push: Promise<unknown> = pushIn(queue, 'push')
  void new Racing(queue).run()
  t.deepEqual(await push, ['push', 'push'])
})

test('a task that has come back from a runner sees the context of its push', async (t) => {
  const queue = new TaskQueue()
  const first = als.run('first', () => serve(queue))
  await turn()
  first.pause()
  const push = pushIn(queue, 'push')
  await turn()
  als.run('abort', () => first.abort())
  await first.drained
  als.run('second', () => serve(queue))
  t.is(await push, 'push')
})

test('a task with a signal sees the context of its push', async (t) => {
  const queue = new TaskQueue()
  const push = pushIn(queue, 'push', {signal: new AbortController().signal})
  als.run('runner', () => serve(queue))
  t.is(await push, 'push')
})

test('a task that is pushed from a task sees the context that this has then', async (t) => {
  const queue = new TaskQueue()
  serve(queue)
  const seen = await als.run('outer', () =>
    queue.push(async () => [await queue.push(() => als.getStore()), await pushIn(queue, 'inner'), als.getStore()]),
  )
  t.deepEqual(seen, ['outer', 'inner', 'outer'])
})

test('who awaits a push, room or idle goes on in his own context', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void als.run('other', () => queue.push(() => turn()))
  const seen = als.run('mine', async () => {
    const log: Array<string | undefined> = []
    await queue.room()
    log.push(als.getStore())
    await queue.push(() => als.run('task', () => turn(1)))
    log.push(als.getStore())
    void queue.push(() => turn())
    await queue.onIdle()
    log.push(als.getStore())
    await queue.push(() => Promise.reject(new Error('boom'))).catch(() => log.push(als.getStore()))
    return log
  })
  await turn()
  als.run('runner', () => serve(queue))
  t.deepEqual(await seen, ['mine', 'mine', 'mine', 'mine'])
})

test('a context that a task enters leaks into no other task', async (t) => {
  const queue = new TaskQueue()
  const first = als.run('a', () =>
    queue.push(() => {
      als.enterWith('entered')
      return als.getStore()
    }),
  )
  const second = pushIn(queue, 'b')
  const third = queue.push(() => als.getStore())
  als.run('runner', () => serve(queue, {limit: 1}))
  t.deepEqual(await Promise.all([first, second, third]), ['entered', 'b', undefined])
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
