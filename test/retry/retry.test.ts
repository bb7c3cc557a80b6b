/** A failed task is tried again, waits without a slot, and has one outcome. */
import test from 'ava'
import pDefer from 'p-defer'
import {RetryBudget} from '../../src/governors/index.js'
import {
  ConcurrentExecutionError,
  ConcurrentRunner,
  concurrent,
  type RetryFailure,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../../src/index.js'
import {caught, consume, instance, isSettled, manual, record, reportedDuring, turn} from '../helpers/index.js'
import {clock, pass, serial} from '../helpers/virtual-time.js'
import {delays, flakies, flaky, second, sleep} from './flaky.js'

serial('a task that fails is tried again, and every retry is reported between its start and its outcome', async (t) => {
  const runner = concurrent(flakies(2, 0, 5), {limit: 2, yieldExceptions: true, retry: second})
  const log = record(runner)
  const results = runner.toArray()
  await pass(2000)
  t.deepEqual(log, [
    'start 0',
    'start 1',
    'retry 0 0.1',
    'start 2',
    'result 1 1',
    'retry 2 2.1',
    'retry 0 0.2',
    'retry 2 2.2',
    'result 0 0',
    'error 2 2.3',
    'drain',
  ])
  const [one, zero, error] = await results
  t.deepEqual([one, zero], [1, 0])
  const {cause, index} = instance(error, ConcurrentExecutionError)
  t.deepEqual([index, String(cause)], [2, 'Error: 2.3'])
  t.is(clock.timers, 0)
})

serial('each attempt has a context of its own; the index joins them, and listeners get the last one', async (t) => {
  const contexts: TaskContext[] = []
  const told: TaskContext[] = []
  const task = (context: TaskContext): string => {
    contexts.push(context)
    if (context.attempt < 3) throw 'again'
    return 'done'
  }
  const runner = concurrent([() => 'first', task], {retry: {delay: 0}})
  runner.on('start', (context) => told.push(context))
  runner.on('retry', (context) => told.push(context))
  runner.on('result', (_, context) => told.push(context))
  const results = runner.toArray()
  await pass(10)
  t.deepEqual(await results, ['first', 'done'])
  t.deepEqual(
    contexts.map(({index, attempt}) => [index, attempt]),
    [
      [1, 1],
      [1, 2],
      [1, 3],
    ],
  )
  t.is(new Set(contexts).size, 3)
  t.deepEqual(
    told.filter(({index}) => index === 1),
    [contexts[0], contexts[0], contexts[1], contexts[2]],
  )
})

serial('the functions of retry and the retry event get the raw error, the attempt, and its context', async (t) => {
  const seen: unknown[] = []
  const runner = concurrent([flaky(9)], {
    yieldExceptions: true,
    retry: {
      when: ({error, attempt, context}) => {
        seen.push(['when', String(error), attempt, context.attempt])
        return true
      },
      delay: ({error, attempt, context}) => {
        seen.push(['delay', String(error), attempt, context.attempt])
        return attempt * 100
      },
    },
  })
  runner.on('retry', (context, {error, attempt, delay}) =>
    seen.push(['retry', String(error), attempt, context.attempt, delay]),
  )
  void runner.run()
  await pass(300)
  t.deepEqual(seen, [
    ['when', 'Error: 0.1', 1, 1],
    ['delay', 'Error: 0.1', 1, 1],
    ['retry', 'Error: 0.1', 1, 1, 100],
    ['when', 'Error: 0.2', 2, 2],
    ['delay', 'Error: 0.2', 2, 2],
    ['retry', 'Error: 0.2', 2, 2, 200],
  ])
  t.is(runner.state, 'drained')
})

serial('a failure that when() refuses is final', async (t) => {
  const runner = concurrent(flakies(2), {retry: {delay: 0, when: ({attempt}) => attempt === 2}})
  const log = record(runner)
  const {raised} = await consume(runner)
  t.is(String(instance(raised, ConcurrentExecutionError).cause), 'Error: 0.1')
  t.deepEqual(log, ['start 0', 'error 0 0.1', 'drain'])
})

serial(
  'where delay() gives undefined the default applies: from 0 to twice as much each time, from 100 ms',
  async (t) => {
    const waits: number[] = []
    const runner = concurrent([flaky(6)], {retry: {attempts: 7, delay: () => undefined}})
    runner.on('retry', (_, {delay}) => waits.push(delay))
    void runner.run()
    for (let count = 0; count < 100 && runner.state !== 'drained'; count++) await pass(100)
    t.is(waits.length, 6)
    for (const [attempt, wait] of waits.entries()) t.true(wait >= 0 && wait < 100 * 2 ** attempt)
  },
)

for (const name of ['when', 'delay'] as const)
  serial(`what ${name}() throws fails the task`, async (t) => {
    const thrower = (): never => {
      throw new Error('no idea')
    }
    const runner = concurrent(flakies(9, 0), {yieldExceptions: true, retry: {delay: 0, [name]: thrower}})
    const log = record(runner)
    await runner.run()
    t.deepEqual(log, ['start 0', 'start 1', 'error 0 no idea', 'result 1 1', 'drain'])
  })

serial('a delay that is no number of milliseconds fails the task, with an error that names the option', async (t) => {
  for (const delay of [Number.NaN, -1, 'soon' as unknown as number]) {
    const error = await caught(concurrent(flakies(1), {retry: {delay: () => delay}}).run())
    t.regex(String(instance(error, ConcurrentExecutionError).cause), /^(Range|Type)Error: retry.delay must be a number/)
  }
})

serial('a promise is not tried again', async (t) => {
  const log: string[] = []
  const runner = concurrent([Promise.reject(new Error('late')), flaky(0)], {yieldExceptions: true, retry: second})
  runner.on('retry', () => log.push('retry'))
  const [error, value] = await runner.toArray()
  t.is(String(instance(error, ConcurrentExecutionError).cause), 'Error: late')
  t.is(value, 1)
  t.deepEqual(log, [])
})

serial('an item of map() is kept for its next attempt', async (t) => {
  const seen: unknown[] = []
  const runner = ConcurrentRunner.map(
    ['a', 'b'],
    (item, context) => {
      seen.push([item, context.item, context.attempt])
      if (item === 'a' && context.attempt === 1) throw 'again'
      return item.toUpperCase()
    },
    {limit: 1, retry: second},
  )
  const results = runner.toArray()
  await pass(1000)
  t.deepEqual(await results, ['B', 'A'])
  t.deepEqual(seen, [
    ['a', 'a', 1],
    ['b', 'b', 1],
    ['a', 'a', 2],
  ])
})

serial('the hook execute() is called for each attempt', async (t) => {
  const attempts: number[] = []
  class Counting extends ConcurrentRunner<number> {
    protected override execute(...args: Parameters<ConcurrentRunner<number>['execute']>): number | PromiseLike<number> {
      attempts.push(args[1].attempt)
      return super.execute(...args)
    }
  }
  const results = new Counting(flakies(2), {retry: second}).toArray()
  await pass(2000)
  t.deepEqual(await results, [0])
  t.deepEqual(attempts, [1, 2, 3])
})

// Without a slot

serial('while tasks wait they take no slot: 20 of 200 that wait a second cost at most 5 % of the time', async (t) => {
  const times: number[] = []
  for (const delay of [0, 1000]) {
    const tasks = Array.from({length: 200}, (_, index) => flaky(index < 20 ? 1 : 0, 40))
    const runner = concurrent(tasks, {limit: 4, retry: {delay}})
    const startedAt = clock.now
    runner.on('drain', () => times.push(clock.now - startedAt))
    void runner.run()
    await pass(20_000)
    t.is(runner.stats.succeeded, 200)
  }
  const [without = 0, withWaits = Infinity] = times
  t.true(without >= (220 * 40) / 4)
  t.true(withWaits <= without * 1.05, `${withWaits} ms, without waits ${without} ms`)
})

serial('a retry that is due starts before new tasks do', async (t) => {
  const calls: string[] = []
  const tasks = Array.from({length: 6}, (_, index) => async ({attempt}: TaskContext) => {
    calls.push(`${index}.${attempt}`)
    await sleep(10)
    if (index === 0 && attempt === 1) throw 'again'
  })
  void concurrent(tasks, {limit: 1, retry: {delay: 15}}).run()
  await pass(100)
  t.deepEqual(calls, ['0.1', '1.1', '2.1', '0.2', '3.1', '4.1', '5.1'])
})

serial('no more than limit + retry.waiting tasks are open, and nothing new is pulled while so many wait', async (t) => {
  let pulled = 0
  let most = 0
  let open = 0
  function* tasks(): Generator<TaskFunction<number>> {
    for (; pulled < 50; ) {
      pulled++
      yield flaky(1, 5)
    }
  }
  const runner = concurrent(tasks, {limit: 3, retry: {delay: 100, waiting: 2}})
  runner.on('start', () => (most = Math.max(most, ++open)))
  runner.on('result', () => open--)
  const results = runner.toArray()
  await pass(50)
  t.is(pulled, 4)
  t.deepEqual([runner.stats.running, runner.stats.retrying], [0, 4])
  await pass(10_000)
  t.is((await results).length, 50)
  t.true(most <= 3 + 2, `${most}`)
})

serial('a limit that is raised starts the retries that are due, and one that is lowered lets them wait', async (t) => {
  const running = [manual(), manual()]
  const runner = concurrent([flaky(1), ...running.map(({thunk}) => thunk)], {limit: 2, retry: second})
  void runner.run()
  await pass(1)
  runner.limit = 1
  await pass(2000)
  t.deepEqual([runner.stats.running, runner.stats.retrying], [2, 1])
  running[0]?.resolve('')
  await turn()
  t.deepEqual([runner.stats.running, runner.stats.retrying], [1, 1])
  runner.limit = 2
  await turn()
  t.is(runner.stats.retrying, 0)
  running[1]?.resolve('')
  await turn()
  t.is(runner.state, 'drained')
})

// The buffer and the order

serial('with ordered and a full buffer, a first task that is tried again starts, and nothing deadlocks', async (t) => {
  const runner = concurrent(flakies(2, 0, 0, 0, 0, 1, 0), {limit: 1, highWaterMark: 1, ordered: true, retry: second})
  const values: number[] = []
  const consumed = (async () => {
    for await (const value of runner) values.push(value)
  })()
  await pass(1500)
  t.deepEqual(values, [])
  await pass(5000)
  await consumed
  t.deepEqual(values, [0, 1, 2, 3, 4, 5, 6])
})

serial('with a high-water mark of 0 a retry starts although no consumer waits', async (t) => {
  const runner = concurrent(flakies(1, 0), {limit: 1, highWaterMark: 0, retry: second})
  const first = runner.next()
  await turn()
  await pass(1000)
  t.deepEqual(
    [await first, await runner.next()].map(({value}) => value),
    [1, 0],
  )
  t.true((await runner.next()).done)
})

serial('with ordered, the tasks before a failure are tried again and delivered before the error', async (t) => {
  const behind = manual<number>()
  const runner = concurrent([flaky(2), flaky(0), flaky(9), behind.thunk], {
    limit: 4,
    ordered: true,
    retry: {delay: 1000, when: ({context}) => context.index === 0},
  })
  const log = record(runner)
  const consumed = consume(runner)
  await turn()
  t.true(behind.context?.signal.aborted)
  behind.reject('gave up')
  await pass(5000)
  const {values, raised} = await consumed
  t.deepEqual(values, [0, 1])
  t.is(instance(raised, ConcurrentExecutionError).index, 2)
  t.deepEqual(log, [
    'start 0',
    'start 1',
    'start 2',
    'start 3',
    'retry 0 0.1',
    'result 1 1',
    'error 2 2.1',
    'error 3 gave up',
    'retry 0 0.2',
    'result 0 0',
    'drain',
  ])
})

serial('with ordered, what waits behind a failure fails at once with its last error', async (t) => {
  const head = manual<number>()
  const runner = concurrent([head.thunk, flaky(9, 5), flaky(9)], {
    limit: 3,
    ordered: true,
    retry: {delay: 1000, when: ({context}) => context.index === 2},
  })
  const log = record(runner)
  const consumed = consume(runner)
  await pass(5)
  t.deepEqual(log.slice(3), ['retry 2 2.1', 'error 1 1.1', 'error 2 2.1'])
  head.resolve(0)
  const {values, raised} = await consumed
  t.deepEqual(values, [0])
  t.is(instance(raised, ConcurrentExecutionError).index, 1)
})

serial('without yieldExceptions the run fails with the last failure of a task, and not before', async (t) => {
  const runner = concurrent(flakies(9, 0), {retry: {attempts: 2, delay: 1000}})
  const consumed = consume(runner)
  await pass(999)
  t.false(await isSettled(consumed))
  await pass(1)
  const {values, raised} = await consumed
  t.deepEqual(values, [1])
  t.is(String(instance(raised, ConcurrentExecutionError).cause), 'Error: 0.2')
})

// Ending

serial(
  'stop() ends the waits at once: each such task fails with its last error, the first in the source first',
  async (t) => {
    const runner = concurrent(flakies(9, 9, 0, 9), {yieldExceptions: true, retry: delays(1000, 3000, 0, 2000)})
    const log = record(runner)
    const results = runner.toArray()
    await turn()
    const stats = await runner.stop()
    t.deepEqual(log.slice(4), [
      'retry 0 0.1',
      'retry 1 1.1',
      'result 2 2',
      'retry 3 3.1',
      'error 0 0.1',
      'error 1 1.1',
      'error 3 3.1',
      'drain',
    ])
    t.deepEqual(stats, {started: 4, succeeded: 1, failed: 3, running: 0, waiting: 0, retrying: 0})
    t.is((await results).length, 4)
    t.is(clock.timers, 0)
  },
)

serial('after stop() a failure is final', async (t) => {
  const runner = concurrent([flaky(1, 10)], {yieldExceptions: true, retry: second})
  const log = record(runner)
  void runner.run()
  await turn()
  void runner.stop()
  await pass(10)
  t.deepEqual(log, ['start 0', 'error 0 0.1', 'drain'])
})

for (const end of ['abort', 'return', 'signal'] as const)
  serial(`${end} ends the waits at once, and leaves no timer`, async (t) => {
    const controller = new AbortController()
    const runner = concurrent(flakies(9, 9), {yieldExceptions: true, retry: second, signal: controller.signal})
    const log = record(runner)
    const first = runner.next().catch((error: unknown) => error)
    await turn()
    if (end === 'abort') runner.abort(new Error('enough'))
    else if (end === 'signal') controller.abort(new Error('enough'))
    else void runner.return()
    await turn()
    t.deepEqual(log, ['start 0', 'start 1', 'retry 0 0.1', 'retry 1 1.1', 'error 0 0.1', 'error 1 1.1', 'drain'])
    t.is(clock.timers, 0)
    if (end !== 'return') t.is(String(await first), 'Error: enough')
    else t.deepEqual(await first, {value: undefined, done: true})
  })

serial('while the run is paused due retries wait, and resume() starts them', async (t) => {
  const runner = concurrent(flakies(1, 1), {retry: second})
  const log = record(runner)
  void runner.run()
  await turn()
  runner.pause()
  await pass(5000)
  t.is(runner.stats.retrying, 2)
  runner.resume()
  await turn()
  t.deepEqual(log.slice(-3), ['result 0 0', 'result 1 1', 'drain'])
})

serial('a listener of retry may end the run: the task then fails with that error', async (t) => {
  for (const end of ['stop', 'abort'] as const) {
    const runner = concurrent(flakies(9), {yieldExceptions: true, retry: second})
    const log = record(runner)
    runner.on('retry', () => void (end === 'stop' ? runner.stop() : runner.abort('enough')))
    runner.run().catch(() => {})
    await turn()
    t.deepEqual(log, ['start 0', 'retry 0 0.1', 'error 0 0.1', 'drain'])
  }
})

serial('a function of retry that ends the run makes the failure final', async (t) => {
  const budget = new RetryBudget({min: 1})
  const runner = concurrent(flakies(9), {
    retry: {
      budget,
      when: () => {
        runner.abort('enough')
        return true
      },
    },
  })
  const log = record(runner)
  runner.run().catch(() => {})
  await turn()
  t.deepEqual(log, ['start 0', 'error 0 0.1', 'drain'])
  t.true(budget.take()) // it was given back
})

// Timeouts

serial('an attempt that takes too long is tried again once it has settled; it keeps its slot until then', async (t) => {
  let most = 0
  let live = 0
  const task = async ({attempt, signal}: TaskContext): Promise<string> => {
    most = Math.max(most, ++live)
    await sleep(attempt === 1 ? 50 : 5)
    live--
    return `${attempt} ${signal.aborted}`
  }
  const runner = concurrent([task], {limit: 1, timeout: 20, retry: {delay: 100}})
  const log = record(runner)
  const results = runner.toArray()
  await pass(30)
  t.deepEqual([runner.stats.running, runner.stats.retrying], [1, 1])
  await pass(30)
  t.deepEqual([runner.stats.running, runner.stats.retrying], [0, 1])
  await pass(100)
  t.deepEqual(await results, ['2 false'])
  t.is(most, 1)
  t.deepEqual(log, ['start 0', 'retry 0 The task took longer than 20 ms', 'result 0 2 false', 'drain'])
})

serial(
  'the failure of a timed-out attempt that has not settled when its backoff is over is final, also at limit 1',
  async (t) => {
    for (const isPaused of [false, true]) {
      const stuck = manual<number>()
      const runner = concurrent([stuck.thunk, flaky(0)], {
        limit: 1,
        timeout: 20,
        yieldExceptions: true,
        retry: {delay: 100},
      })
      const log = record(runner)
      void runner.run()
      await pass(20)
      if (isPaused) runner.pause()
      await pass(100)
      t.deepEqual(log.slice(0, 3), [
        'start 0',
        'retry 0 The task took longer than 20 ms',
        'error 0 The task took longer than 20 ms',
      ])
      t.is(runner.stats.running, 1)
      stuck.resolve(0)
      runner.resume()
      await turn()
      t.deepEqual(log.slice(3), ['start 1', 'result 1 1', 'drain'])
    }
  },
)

serial('toArray() does not wait for a timed-out attempt whose failure is final', async (t) => {
  const stuck = manual<number>()
  const runner = concurrent([stuck.thunk], {limit: 2, timeout: 20, yieldExceptions: true, retry: {delay: 100}})
  const results = runner.toArray()
  await pass(120)
  t.is((await results).length, 1)
  t.not(runner.state, 'drained')
  stuck.resolve(1)
  await turn()
  t.is(runner.state, 'drained')
})

serial('with ordered, the source failure comes after the failure of a timed-out attempt before it', async (t) => {
  const stuck = manual<number>()
  function* source(): Generator<(context: TaskContext) => Promise<number>> {
    yield stuck.thunk
    throw new Error('no more')
  }
  const runner = concurrent(source, {ordered: true, timeout: 20, yieldExceptions: true, retry: {delay: 100}})
  const consumed = consume(runner)
  await pass(120)
  const {values, raised} = await consumed
  t.is(values.length, 1)
  t.regex(String(raised), /The source failed at item 1: Error: no more/)
  stuck.resolve(1)
})

serial('with releaseOnTimeout a timed-out attempt frees its slot at once, and is tried again', async (t) => {
  const stuck = manual<number>()
  const task = (context: TaskContext): number | Promise<number> => (context.attempt === 1 ? stuck.thunk(context) : 7)
  const runner = concurrent([task, flaky(0)], {limit: 1, timeout: 20, releaseOnTimeout: true, retry: second})
  const log = record(runner)
  const results = runner.toArray()
  await pass(20)
  t.deepEqual(log, ['start 0', 'retry 0 The task took longer than 20 ms', 'start 1', 'result 1 1'])
  await pass(1000)
  t.deepEqual(await results, [1, 7])
  stuck.resolve(0)
  await turn()
  t.deepEqual(log.slice(4), ['result 0 7', 'drain'])
})

serial('a task that rejects because its own signal has aborted is not tried again', async (t) => {
  const runner = concurrent(
    [({signal}) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))],
    {retry: second},
  )
  const log = record(runner)
  runner.run().catch(() => {})
  await turn()
  runner.abort('enough')
  await turn()
  t.deepEqual(log, ['start 0', 'error 0 enough', 'drain'])
})

// The budget

serial('no retry begins beyond the budget, which counts from the backoff on; past it a failure is final', async (t) => {
  const budget = new RetryBudget({ratio: 0, min: 2})
  const runners = [0, 1].map(() => concurrent(flakies(1, 1, 1), {yieldExceptions: true, retry: {delay: 1000, budget}}))
  let retries = 0
  for (const runner of runners) {
    runner.on('retry', () => retries++)
    void runner.run()
  }
  await turn()
  t.is(retries, 2)
  t.is(
    runners.reduce((sum, {stats}) => sum + stats.failed, 0),
    4,
  )
  t.false(budget.take())
  await pass(1000)
  t.is(
    runners.reduce((sum, {stats}) => sum + stats.succeeded, 0),
    2,
  )
  t.true(budget.take() && budget.take() && !budget.take())
})

serial('a budget is asked for each attempt, and gets each retry back, in this order', async (t) => {
  const log: string[] = []
  const budget = {
    take: () => (log.push('take'), true),
    give: () => void log.push('give'),
    enter: () => void log.push('enter'),
    leave: () => void log.push('leave'),
  }
  const runner = concurrent(flakies(2), {retry: {delay: 10, budget}})
  void runner.run()
  await pass(100)
  t.deepEqual(log, ['enter', 'leave', 'take', 'enter', 'leave', 'give', 'take', 'enter', 'leave', 'give'])
  log.length = 0
  const stopped = concurrent(flakies(9), {yieldExceptions: true, retry: {delay: 10, budget}})
  void stopped.run()
  await turn()
  await stopped.stop()
  t.deepEqual(log, ['enter', 'leave', 'take', 'give'])
})

serial('what a budget throws fails the task, or is reported, and no slot is lost', async (t) => {
  const throws = (): never => {
    throw new Error('broken')
  }
  const reported = await reportedDuring(async () => {
    const budget = {take: throws, give: throws, enter: throws, leave: throws}
    const runner = concurrent(flakies(9, 0), {limit: 1, yieldExceptions: true, retry: {delay: 0, budget}})
    const log = record(runner)
    await runner.run()
    t.deepEqual(log, ['start 0', 'error 0 broken', 'start 1', 'result 1 1', 'drain'])
  })
  t.is(reported.length, 4)
})

serial(
  'without a delay of its own a retry waits up to 100 ms, then up to twice as long each time, up to 30 s',
  async (t) => {
    const {random} = Math
    Math.random = () => 0.5
    try {
      const waits: number[] = []
      const runner = concurrent([flaky(99)], {yieldExceptions: true, retry: {attempts: 12}})
      runner.on('retry', (_, {delay}) => waits.push(delay))
      void runner.run()
      for (let attempt = 1; attempt < 12; attempt++) await pass(15_000)
      t.deepEqual(waits, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000])
    } finally {
      Math.random = random
    }
  },
)

serial('each retry begins when it is due, whatever the order in which the tasks have failed', async (t) => {
  const runner = concurrent(flakies(1, 1, 1, 1, 1), {limit: 5, retry: delays(50, 10, 30, 20, 40)})
  const order: number[] = []
  runner.on('result', (_, {index}) => order.push(index))
  const over = runner.run()
  await pass(10)
  t.deepEqual(order, [1])
  await pass(25)
  t.deepEqual(order, [1, 3, 2])
  await pass(15)
  t.deepEqual(order, [1, 3, 2, 4, 0])
  await over
})

serial('with ordered, a failure comes after a retry before it that is due and waits for a slot', async (t) => {
  const last = manual()
  const when = ({context}: RetryFailure): boolean => context.index === 0
  const runner = concurrent([flaky(1), last.thunk], {limit: 1, ordered: true, retry: {delay: 0, when}})
  const loop = consume(runner)
  await pass(1)
  t.true(last.isStarted)
  t.is(runner.stats.retrying, 1)
  last.reject(new Error('first'))
  await pass(1)
  const {values, raised} = await loop
  t.deepEqual(values, [0])
  t.is(instance(raised, ConcurrentExecutionError).index, 1)
})

test('a budget that aborts the run as the first attempt begins is called between start and error', async (t) => {
  const budget = {take: () => true, give: () => {}, enter: () => runner.abort(new Error('enough')), leave: () => {}}
  const runner: ConcurrentRunner<number> = concurrent([() => 1], {retry: {budget}})
  const log = record(runner)
  await caught(runner.run())
  await turn()
  t.deepEqual(log, ['start 0', 'error 0 enough', 'drain'])
})

test('a budget that aborts the run as the second attempt begins leaves no push unsettled', async (t) => {
  let attempts = 0
  const enter = (): void => {
    if (++attempts === 2) runner.abort(new Error('enough'))
  }
  const queue = new TaskQueue()
  const runner = queue.run({retry: {delay: 0, budget: {take: () => true, give: () => {}, enter, leave: () => {}}}})
  t.like(await caught(queue.push(() => Promise.reject(new Error('again')))), {message: 'enough'})
  t.deepEqual([queue.size, queue.running], [0, 0])
})

serial(
  'a task whose timed-out attempt runs past its delay fails, and another timed-out task is tried again',
  async (t) => {
    const stuck = manual()
    const other = pDefer<string>()
    let attempts = 0
    const tasks = [stuck.thunk, () => (++attempts === 1 ? other.promise : 'again')]
    const runner = concurrent(tasks, {limit: 2, timeout: 10, yieldExceptions: true, retry: delays(5, 100)})
    const log = record(runner)
    const over = runner.run()
    await pass(20)
    other.resolve('too late')
    await pass(200)
    t.deepEqual(log.slice(2), [
      'retry 0 The task took longer than 10 ms',
      'retry 1 The task took longer than 10 ms',
      'error 0 The task took longer than 10 ms',
      'result 1 again',
    ])
    t.like(await over, {succeeded: 1, failed: 1, retrying: 0})
    stuck.resolve('at last')
    t.is((await runner.drained).running, 0)
  },
)

serial('while listeners hear the error that ends the run, no retry starts that is due', async (t) => {
  const last = manual()
  const again = (): never => {
    throw 'again'
  }
  const runner = concurrent([again, last.thunk], {limit: 1, retry: {delay: 0, when: ({error}) => error === 'again'}})
  const log = record(runner)
  runner.on('error', () => (runner.limit = 2))
  const ended = caught(runner.run())
  await pass(1)
  t.is(runner.stats.retrying, 1)
  last.reject('for good')
  t.is(instance(await ended, ConcurrentExecutionError).index, 1)
  t.deepEqual(log, ['start 0', 'retry 0 again', 'start 1', 'error 1 for good', 'error 0 again', 'drain'])
})

serial('with ordered, a failure comes after a retry before it that waits for a place in its group', async (t) => {
  const [failing, holder] = [manual(), manual()]
  const runner = ConcurrentRunner.map(
    ['a1', 'b1', 'a2'],
    (item, context) => {
      if (item !== 'a1') return (item === 'b1' ? failing : holder).thunk(context)
      if (context.attempt === 1) throw 'again'
      return item
    },
    {
      limit: 3,
      ordered: true,
      group: (item) => item.charAt(0),
      groups: {limit: 1},
      retry: {delay: 0, when: ({error}) => error === 'again'},
    },
  )
  const loop = consume(runner)
  await pass(1)
  t.true(holder.isStarted)
  failing.reject('for good')
  await turn()
  holder.resolve('too late')
  const {values, raised} = await loop
  t.deepEqual(values, ['a1'])
  t.is(instance(raised, ConcurrentExecutionError).index, 1)
})

serial('while the waits end one by one, each error is told with the number of tasks that still wait', async (t) => {
  const runner = concurrent(flakies(9, 9, 9), {yieldExceptions: true, retry: second})
  const waiting: number[] = []
  runner.on('error', () => waiting.push(runner.stats.retrying))
  void runner.run()
  await turn()
  await runner.stop()
  t.deepEqual(waiting, [2, 1, 0])
})
