/** A task that a runner calls in its own way, or times out, settles its push once. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {ConcurrentRunner, type Task, type TaskContext, TaskQueue} from '../../src/index.js'
import {caught, instance, manual, manuals, record, reportedDuring, turn} from '../helpers/index.js'
import {pushAll, Retrying, serve, standing, standings} from './serving.js'

/** Fails the given number of times, and then gives how often it was called. */
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

test.serial('an abort of a push whose task its runner does not call changes nothing', async (t) => {
  const answer = manual()
  class Elsewhere extends ConcurrentRunner<unknown> {
    protected override execute(_task: Task<unknown>, context: TaskContext): unknown {
      return answer.thunk(context)
    }
  }
  const queue = new TaskQueue()
  const controller = new AbortController()
  const push = queue.push<unknown>(() => t.fail(), {signal: controller.signal})
  void new Elsewhere(queue).run()
  await turn()
  const reported = await reportedDuring(() => controller.abort('enough'))
  t.deepEqual(reported, [])
  answer.resolve('from elsewhere')
  t.is(await push, 'from elsewhere')
})

test('a task that is called by way of execute gets the very context of its events', async (t) => {
  class Passing extends ConcurrentRunner<unknown> {
    protected override execute(task: Task<unknown>, context: TaskContext): unknown {
      return super.execute(task, context)
    }
  }
  const queue = new TaskQueue()
  const push = queue.push((context): unknown => context, {item: 'a'})
  const runner = new Passing(queue)
  const started: unknown[] = []
  runner.on('start', (context) => started.push(context))
  void runner.run()
  t.is(await push, started[0])
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

// Contexts that a runner makes itself

/** Calls the task with contexts that have a given signal: at once as often as given, or again after each failure. */
class OwnContexts extends ConcurrentRunner<unknown, boolean> {
  readonly #signal: AbortSignal
  readonly #atOnce: number
  readonly #attempts: number

  constructor(queue: TaskQueue, signal: AbortSignal, {atOnce = 1, attempts = 1}) {
    super(queue, {yieldExceptions: true})
    this.#signal = signal
    this.#atOnce = atOnce
    this.#attempts = attempts
  }

  protected override async execute(task: Task<unknown>, {index, item}: TaskContext): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const call = (): unknown => super.execute(task, {index, item, attempt, signal: this.#signal})
      try {
        return await Promise.all(Array.from({length: this.#atOnce}, call))
      } catch (error) {
        if (attempt === this.#attempts) throw error
      }
    }
  }
}

test('all calls of one attempt hear of the push’s abort', async (t) => {
  const queue = new TaskQueue()
  const [lasting, own] = [new AbortController(), new AbortController()]
  const signals: AbortSignal[] = []
  const push: Promise<unknown> = queue.push(
    async ({signal}) => {
      signals.push(signal)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
    {signal: own.signal},
  )
  void new OwnContexts(queue, lasting.signal, {atOnce: 3}).run()
  await turn()
  t.is(signals.length, 3)
  own.abort('enough')
  t.deepEqual(
    signals.map(({reason}) => reason),
    ['enough', 'enough', 'enough'],
  )
  t.is(await caught(push), 'enough')
  t.deepEqual(getEventListeners(lasting.signal, 'abort'), [])
})

test('of a task that is tried again and again only the last attempt listens to a signal that lives on', async (t) => {
  const queue = new TaskQueue()
  const {signal: lasting} = new AbortController()
  const counts: number[] = []
  const push: Promise<unknown> = queue.push(
    ({signal}) => {
      counts.push(signal.aborted ? -1 : getEventListeners(lasting, 'abort').length)
      throw new Error('again')
    },
    {item: 'a', signal: new AbortController().signal},
  )
  void new OwnContexts(queue, lasting, {attempts: 3}).run()
  await caught(push)
  const [first = 0] = counts
  t.deepEqual(counts, [first, first, first])
  t.is(getEventListeners(lasting, 'abort').length, first - 1)
})

test('an attempt that begins after the push’s abort sees it, in a context that is new', async (t) => {
  const queue = new TaskQueue()
  const own = new AbortController()
  const seen: unknown[] = []
  const push: Promise<unknown> = queue.push(
    ({signal}) => {
      seen.push(signal.reason)
      own.abort('enough')
      throw new Error('again')
    },
    {signal: own.signal},
  )
  void new OwnContexts(queue, new AbortController().signal, {attempts: 2}).run()
  await caught(push)
  t.deepEqual(seen, [undefined, 'enough'])
})
