import test from 'ava'
import pDefer from 'p-defer'
import {
  ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentRunner,
  type RunnerOptions,
  type Source,
  type Task,
  type TaskContext,
} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  isSettled,
  manuals,
  record,
  startedOf,
  thunks,
  tracked,
  turn,
} from './helpers/index.js'

const boom = new Error('boom')
const throwBoom = (): never => {
  throw boom
}
const a: Task<string> = () => 'a'
const b: Task<string> = () => 'b'

interface Hooks {
  ready?: () => PromiseLike<void> | void
  execute?: (task: Task<string>, context: TaskContext) => string | PromiseLike<string>
  shouldRaise?: (error: ConcurrentError) => boolean
  cleanup?: (reason: unknown) => PromiseLike<void> | void
}

/** A subclass whose hooks are given, and fall back to those of the base class. */
class Hooked extends ConcurrentRunner<string, boolean> {
  readonly #hooks: Hooks
  constructor(source: Source<string>, hooks: Hooks, options: RunnerOptions = {}) {
    super(source, {limit: 1, ...options})
    this.#hooks = hooks
  }
  protected override ready(signal: AbortSignal): PromiseLike<void> | void {
    return this.#hooks.ready ? this.#hooks.ready() : super.ready(signal)
  }
  protected override execute(task: Task<string>, context: TaskContext): string | PromiseLike<string> {
    return this.#hooks.execute ? this.#hooks.execute(task, context) : super.execute(task, context)
  }
  protected override shouldRaise(error: ConcurrentError): boolean {
    return this.#hooks.shouldRaise ? this.#hooks.shouldRaise(error) : super.shouldRaise(error)
  }
  protected override cleanup(reason: unknown): PromiseLike<void> | void {
    return this.#hooks.cleanup ? this.#hooks.cleanup(reason) : super.cleanup(reason)
  }
}

test('hooks that call the ones of the base class change nothing', async (t) => {
  t.deepEqual(await new Hooked([a, Promise.resolve('p'), b], {}).toArray(), ['a', 'p', 'b'])
  const {values, raised} = await consume(new Hooked([a, throwBoom, b], {}))
  t.deepEqual(values, ['a'])
  t.true(raised instanceof ConcurrentExecutionError)
})

// ready

test('ready is asked before each pull, the last one included', async (t) => {
  const log: string[] = []
  const source = tracked([a, b], {onNext: (call) => log.push(`next ${call}`)})
  await new Hooked(source, {ready: () => void log.push('ready')}).run()
  t.deepEqual(log, ['ready', 'next 0', 'ready', 'next 1', 'ready', 'next 2'])
})

test('ready is awaited: nothing is pulled before it resolves, and it is not asked twice meanwhile', async (t) => {
  const gate = pDefer<void>()
  let calls = 0
  const source = tracked([a])
  const ready = (): PromiseLike<void> => {
    calls++
    return gate.promise
  }
  const runner = new Hooked(source, {ready}, {limit: 5})
  const pending = runner.next()
  runner.limit = 6
  void runner.next()
  await turn()
  t.deepEqual([calls, source.nexts], [1, 0])
  gate.resolve()
  t.deepEqual(await pending, {value: 'a', done: false})
})

test('ready is not asked while there is no free slot', async (t) => {
  let calls = 0
  const [x, y] = manuals(2)
  const runner = new Hooked(thunks([x, y]), {ready: () => void calls++})
  const ended = runner.run()
  await turn()
  t.is(calls, 1)
  x.resolve('x')
  await turn()
  t.is(calls, 2)
  y.resolve('y')
  await ended
  t.is(calls, 3)
})

test('a runner that is paused while ready is waited for pulls nothing until resume()', async (t) => {
  const gate = pDefer<void>()
  const source = tracked([a])
  const runner = new Hooked(source, {ready: () => gate.promise})
  const pending = runner.next()
  runner.pause()
  gate.resolve()
  await turn()
  t.is(source.nexts, 0)
  runner.resume()
  t.deepEqual(await pending, {value: 'a', done: false})
})

test('ready may pause the runner', async (t) => {
  const source = tracked([a])
  const runner = new Hooked(source, {ready: () => runner.pause()})
  const ended = runner.run()
  await turn()
  t.is(source.nexts, 0)
  await runner.stop()
  await ended
})

test('a run can be left, stopped and aborted while ready is waited for', async (t) => {
  for (const end of ['return', 'stop', 'abort'] as const) {
    const gate = pDefer<void>()
    const source = tracked([a])
    const runner = new Hooked(source, {ready: () => gate.promise})
    const pending = runner.next().catch(() => {})
    void runner[end]()
    await runner.drained
    await pending
    gate.resolve()
    await turn()
    t.deepEqual([source.nexts, source.returns], [0, 1])
  }
})

// execute

test('execute gets task and context, and what it gives is the result', async (t) => {
  const seen: unknown[] = []
  const execute = (task: Task<string>, {index}: TaskContext): string => {
    seen.push(task, index)
    return `executed ${index}`
  }
  t.deepEqual(await new Hooked([a, b], {execute}).toArray(), ['executed 0', 'executed 1'])
  t.deepEqual(seen, [a, 0, b, 1])
})

test('execute may retry inside its slot: one start, one result', async (t) => {
  let left = 2
  const flaky: Task<string> = async () => (left-- > 0 ? throwBoom() : 'at last')
  class Retrying extends ConcurrentRunner<string> {
    protected override async execute(task: Task<string>, context: TaskContext): Promise<string> {
      for (;;)
        try {
          return await super.execute(task, context)
        } catch {
          // again
        }
    }
  }
  const runner = new Retrying([flaky])
  const log = record(runner)
  t.deepEqual(await runner.toArray(), ['at last'])
  t.deepEqual(log, ['start 0', 'result 0 at last', 'drain'])
})

test('the slot is taken until what execute returned has settled', async (t) => {
  const gate = pDefer<string>()
  const [x, y] = manuals(2)
  const execute = (task: Task<string>, context: TaskContext): PromiseLike<string> => {
    if (typeof task === 'function') void task(context)
    return gate.promise
  }
  const ended = new Hooked(thunks([x, y]), {execute}).toArray()
  x.resolve('x')
  await turn()
  t.deepEqual(startedOf([x, y]), [0])
  gate.resolve('gate')
  t.deepEqual(await ended, ['gate', 'gate'])
})

// shouldRaise and cleanup

test('cleanup runs once, when nothing runs any more and just before drain', async (t) => {
  const log: string[] = []
  const runner = new Hooked([a], {
    cleanup: () => void log.push(`cleanup, ${runner.stats.running} running`),
  })
  runner.on('result', () => log.push('result'))
  runner.on('drain', () => log.push('drain'))
  await runner.run()
  await runner.return()
  t.deepEqual(log, ['result', 'cleanup, 0 running', 'drain'])
})

test('cleanup is awaited before drain, drained and the natural end of a loop', async (t) => {
  const gate = pDefer<void>()
  const runner = new Hooked([a], {cleanup: () => gate.promise})
  const log = record(runner)
  const ended = consume(runner)
  t.false(await isSettled(runner.drained))
  t.false(await isSettled(ended))
  t.deepEqual(log, ['start 0', 'result 0 a'])
  gate.resolve()
  t.deepEqual(await ended, {values: ['a']})
  t.is(log.at(-1), 'drain')
})

test('cleanup waits for the source to be closed and for running tasks', async (t) => {
  const closed = pDefer<void>()
  let calls = 0
  const [x] = manuals(1)
  const source = tracked<Task<string>>([a, x.thunk, b], {onReturn: () => closed.promise})
  const runner = new Hooked(source, {cleanup: () => void calls++})
  await runner.next()
  const left = runner.return()
  await turn()
  t.is(calls, 0)
  closed.resolve()
  await left
  t.is(calls, 0)
  x.resolve('x')
  await runner.drained
  t.is(calls, 1)
})

const cleansUpWith = test.macro(async (t, end: (runner: Hooked) => unknown, isReason: (reason: unknown) => boolean) => {
  const reasons: unknown[] = []
  const runner = new Hooked(tracked<Task<string>>([], {forever: () => a}), {
    cleanup: (reason) => void reasons.push(reason),
  })
  await runner.next()
  await end(runner)
  await runner.drained
  t.is(reasons.length, 1)
  t.true(isReason(reasons[0]))
})
test(
  'cleanup gets the reason of abort()',
  cleansUpWith,
  (runner) => runner.abort(boom),
  (reason) => reason === boom,
)
test(
  'cleanup gets the reason of throw()',
  cleansUpWith,
  (runner) => caught(runner.throw(boom)),
  (reason) => reason === boom,
)
test(
  'cleanup gets an AbortError when the consumer leaves',
  cleansUpWith,
  (runner) => runner.return(),
  (reason) => reason instanceof DOMException,
)
test(
  'cleanup gets no reason at stop()',
  cleansUpWith,
  (runner) => runner.stop(),
  (reason) => reason === undefined,
)

test('cleanup gets the error that ended the run', async (t) => {
  const reasons: unknown[] = []
  const error = await caught(new Hooked([throwBoom], {cleanup: (reason) => void reasons.push(reason)}).run())
  t.true(error instanceof ConcurrentExecutionError)
  t.deepEqual(reasons, [error])
})

test('cleanup runs for a runner that never started, and for an empty source', async (t) => {
  let calls = 0
  const hooks: Hooks = {cleanup: () => void calls++}
  await new Hooked([a], hooks)[Symbol.asyncDispose]()
  await new Hooked([], hooks).run()
  t.is(calls, 2)
})

// What hooks throw

const waysToThrow = {
  throws: throwBoom,
  rejects: async () => throwBoom(),
}
for (const [how, hook] of Object.entries(waysToThrow)) {
  test(`an execute that ${how} fails the task`, async (t) => {
    const runner = new Hooked([a, b], {execute: hook}, {yieldExceptions: true})
    const errors = await runner.toArray()
    for (const [index, error] of errors.entries())
      t.true(error instanceof ConcurrentExecutionError && error.cause === boom && error.index === index)
    t.is(errors.length, 2)
    t.deepEqual(runner.stats, {started: 2, succeeded: 0, failed: 2, running: 0, waiting: 0, retrying: 0})
  })

  test(`a ready that ${how} fails the run, whatever yieldExceptions says`, async (t) => {
    let calls = 0
    const source = tracked([a, b, a])
    const ready = (): PromiseLike<void> | void => (calls++ === 1 ? hook() : undefined)
    const runner = new Hooked(source, {ready}, {yieldExceptions: true})
    const log = record(runner)
    const {values, raised} = await consume(runner)
    await runner.drained
    t.deepEqual(values, ['a'])
    const {message, cause, index} = instance(raised, ConcurrentError)
    t.deepEqual([message, cause, index], ['ready() failed: Error: boom', boom, 1])
    t.deepEqual([source.nexts, source.returns], [1, 1])
    t.deepEqual(log, ['start 0', 'result 0 a', 'error - boom', 'drain'])
  })

  test(`a cleanup that ${how} fails a run that nothing else has failed`, async (t) => {
    const runner = new Hooked([a], {cleanup: hook})
    const log = record(runner)
    const {values, raised} = await consume(runner)
    t.deepEqual(values, ['a'])
    t.true(raised instanceof ConcurrentError && raised.cause === boom)
    t.is((raised as Error).message, 'cleanup() failed: Error: boom')
    t.deepEqual(log, ['start 0', 'result 0 a', 'error - boom', 'drain'])
    t.deepEqual(await runner.next(), {value: undefined, done: true})
  })

  test(`a cleanup that ${how} makes run() and toArray() reject`, async (t) => {
    for (const method of ['run', 'toArray'] as const) {
      const error = await caught(new Hooked([a], {cleanup: hook})[method]())
      t.true(error instanceof ConcurrentError && error.cause === boom)
    }
  })

  test(`a cleanup that ${how} does not mask what ended the run`, async (t) => {
    const reason = new Error('reason')
    const runner = new Hooked([a, a], {cleanup: hook})
    const log = record(runner)
    runner.abort(reason)
    t.is(await caught(runner.next()), reason)
    await runner.drained
    t.deepEqual(log, ['error - boom', 'drain'])
  })

  test(`a cleanup that ${how} does not disturb a consumer that leaves`, async (t) => {
    const runner = new Hooked([a, b, a], {cleanup: hook}, {highWaterMark: 0})
    const log = record(runner)
    for await (const _ of runner) break
    await runner.drained
    t.deepEqual(log.slice(-2), ['error - boom', 'drain'])
    t.deepEqual(await runner.next(), {value: undefined, done: true})
  })
}

test('a shouldRaise that throws fails the run with what it threw; the task error is reported too', async (t) => {
  const taskError = new Error('task')
  const fails: Task<string> = () => Promise.reject(taskError)
  const runner = new Hooked([a, fails, b], {shouldRaise: throwBoom}, {yieldExceptions: true})
  const log = record(runner)
  const {values, raised} = await consume(runner)
  await runner.drained
  t.deepEqual(values, ['a'])
  t.true(raised instanceof ConcurrentError && raised.cause === boom)
  t.is((raised as Error).message, 'shouldRaise() failed: Error: boom')
  t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'error 1 task', 'error - boom', 'drain'])
})

// Events of its own

class Downloads<T> extends ConcurrentRunner<T, false, {progress: [percent: number]; done: []}> {
  protected override execute(task: Task<T>, context: TaskContext): T | PromiseLike<T> {
    this.emit('progress', context.index * 10)
    return super.execute(task, context)
  }
  protected override cleanup(): void {
    this.emit('done')
  }
}

test('a subclass emits events of its own among those of the runner', async (t) => {
  const runner = new Downloads([a, b], {limit: 1})
  const log = record(runner)
  runner.on('progress', (percent) => log.push(`progress ${percent}`))
  runner.once('done', () => log.push('done'))
  await runner.run()
  t.deepEqual(log, ['start 0', 'progress 0', 'result 0 a', 'start 1', 'progress 10', 'result 1 b', 'done', 'drain'])
})

test('an emit that a subclass overrides hears every event, also where the first listener comes in the middle of the run', async (t) => {
  const log: string[] = []
  class Logged extends ConcurrentRunner<string> {
    override emit(event: string, ...args: never[]): boolean {
      log.push(event)
      return super.emit(event as 'start', ...(args as unknown as [never]))
    }
  }
  const runner = new Logged([a, b], {limit: 1})
  const first = runner.next()
  let heard = 0
  runner.on('result', () => heard++)
  await first
  await runner.run()
  t.deepEqual(log, ['start', 'result', 'start', 'result', 'drain'])
  t.is(heard, 2)
})

test('map() on a subclass makes an instance of that', async (t) => {
  const runner = Downloads.map([1, 2], (item) => item * 2)
  t.true(runner instanceof Downloads)
  t.deepEqual(await runner.toArray(), [2, 4])
})

test('ready gets a signal that aborts when the run ends in any way but gracefully', async (t) => {
  let seen: AbortSignal | undefined
  class Waiting extends ConcurrentRunner<number> {
    protected override ready(signal: AbortSignal): Promise<void> {
      seen = signal
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    }
  }
  const runner = new Waiting([() => 1])
  const first = runner.next()
  t.false(seen?.aborted)
  const reason = new Error('enough')
  runner.abort(reason)
  t.is(await t.throwsAsync(first), reason)
  t.is(seen?.reason, reason)
})

test('a ready() that rejects after stop() is reported, and fails nothing: what runs is delivered', async (t) => {
  const answers = [pDefer<void>(), pDefer<void>()] as const
  let asked = 0
  class Gated extends ConcurrentRunner<string> {
    protected override async ready(): Promise<void> {
      await answers[asked++]?.promise
    }
  }
  const task = pDefer<string>()
  const runner = new Gated([() => task.promise, () => 'never started'])
  const log = record(runner)
  const results = runner.toArray()
  answers[0].resolve()
  await turn()
  void runner.stop()
  answers[1].reject(boom)
  await turn()
  task.resolve('a')
  t.deepEqual(await results, ['a'])
  t.deepEqual(log, ['start 0', 'error - boom', 'result 0 a', 'drain'])
})

test('a ready that gives up with its signal, while a task still runs, is no error', async (t) => {
  class Gated extends ConcurrentRunner<string> {
    protected override async ready(signal: AbortSignal): Promise<void> {
      if (this.stats.started > 0) await new Promise((_, reject) => (signal.onabort = () => reject(signal.reason)))
    }
  }
  const [held] = manuals(1)
  const runner = new Gated([held.thunk, held.thunk], {limit: 2})
  const log = record(runner)
  const results = runner.toArray()
  await turn()
  void runner.stop()
  await turn()
  held.resolve('a')
  t.deepEqual(await results, ['a'])
  t.deepEqual(log, ['start 0', 'result 0 a', 'drain'])
})
