import test from 'ava'
import pDefer from 'p-defer'
import type {ConcurrentError} from '../../src/errors.js'
import {resolveOptions} from '../../src/options.js'
import {Pump, type PumpOwner} from '../../src/pump.js'
import {Results} from '../../src/results.js'
import type {RunnerOptions, Source, TaskContext} from '../../src/types.js'
import {freezeClock} from '../helpers/clock.js'
import {withProperty} from './globals.js'

freezeClock()

const turn = (): Promise<void> => new Promise(setImmediate)

/** Owns a pump as a runner would, and writes down what it is told. */
class Owner implements PumpOwner<unknown> {
  readonly log: string[] = []
  readonly causes: unknown[] = []
  readonly errors: ConcurrentError[] = []
  readonly contexts: TaskContext[] = []
  readonly results: Results<unknown>
  readonly pump: Pump<unknown>
  /** What the test does when a task starts. */
  onStarted: (() => void) | undefined

  constructor(source: Source<unknown>, options: RunnerOptions = {}) {
    const resolved = resolveOptions({limit: 1, ...options})
    this.results = new Results(resolved.ordered, resolved.highWaterMark ?? Infinity)
    this.pump = new Pump(source, this.results, resolved, this)
  }

  open(gate?: () => PromiseLike<void> | void): this {
    const audience = {start: true, result: true}
    this.pump.open(() => new AbortController().signal, {gate, execute: undefined, audience})
    return this
  }

  close(): void {
    this.pump.close(() => this.log.push('closed'))
  }

  started(context: TaskContext): void {
    this.log.push(`start ${context.index}`)
    this.contexts.push(context)
    this.onStarted?.()
  }

  succeeded(value: unknown, {index}: TaskContext): void {
    this.log.push(`success ${index}: ${String(value)}`)
  }

  failed(error: ConcurrentError, context?: TaskContext): void {
    this.log.push(context === undefined ? `no task ${error.index}` : `failure ${context.index}`)
    this.errors.push(error)
  }

  sourceFailed(cause: unknown, index: number): void {
    this.log.push(`source failed at ${index}`)
    this.causes.push(cause)
  }

  cleanupFailed(_what: string, cause: unknown, index: number): void {
    this.log.push(`close failed at ${index}`)
    this.causes.push(cause)
  }

  gateFailed(cause: unknown, index: number): void {
    this.log.push(`gate failed at ${index}`)
    this.causes.push(cause)
  }

  exhausted(): void {
    this.log.push('exhausted')
  }

  settled(): void {
    this.log.push(`settled, ${this.pump.isIdle ? 'idle' : 'busy'}`)
  }
}

/** A task that writes down its disposal. */
function disposable(log: string[], name: string): () => string {
  return Object.assign(() => name, {[Symbol.dispose]: () => void log.push(`disposed of ${name}`)})
}

// Moving tasks

test('tasks move from the source through the slots to the results', async (t) => {
  const {log, results, pump} = new Owner([() => 'a', async () => 'b']).open()
  await turn()
  t.deepEqual(log, ['start 0', 'success 0: a', 'start 1', 'success 1: b', 'exhausted'])
  t.deepEqual(await results.next(), {value: 'a', done: false})
  t.deepEqual(await results.next(), {value: 'b', done: false})
  t.deepEqual([pump.started, pump.succeeded, pump.failed, pump.running, pump.index], [2, 2, 0, 0, 2])
})

test('a task that throws, and one that rejects, fails with that very cause', async (t) => {
  const causes = [new Error('thrown'), undefined]
  const {log, errors, pump} = new Owner([
    () => {
      throw causes[0]
    },
    () => Promise.reject(causes[1]),
  ]).open()
  await turn()
  t.deepEqual(log, ['start 0', 'failure 0', 'start 1', 'failure 1', 'exhausted'])
  t.deepEqual(
    errors.map(({name, message, index}) => [name, message, index]),
    [
      ['ConcurrentExecutionError', 'Task 0 failed: Error: thrown', 0],
      ['ConcurrentExecutionError', 'Task 1 failed: undefined', 1],
    ],
  )
  t.deepEqual(
    errors.map(({cause}) => cause),
    causes,
  )
  t.deepEqual([pump.started, pump.succeeded, pump.failed], [2, 0, 2])
})

test('an item that is no task fails without a start, and takes no slot', async (t) => {
  const {log, pump} = new Owner([5 as never, () => 'b']).open()
  await turn()
  t.deepEqual(log, ['no task 0', 'start 1', 'success 1: b', 'exhausted'])
  t.deepEqual([pump.started, pump.failed], [1, 0])
})

test('an item that is no task is disposed of', (t) => {
  const disposed: string[] = []
  new Owner([{[Symbol.dispose]: () => disposed.push('item')} as never]).open()
  t.deepEqual(disposed, ['item'])
})

test('nothing is pulled while the results are full', async (t) => {
  const {log, results, pump} = new Owner([() => 'a', () => 'b'], {highWaterMark: 1}).open()
  await turn()
  t.deepEqual(log, ['start 0', 'success 0: a'])
  t.is(pump.index, 1)
  void results.next()
  pump.fill()
  t.is(log.at(-1), 'start 1')
})

test('a higher limit fills the slots at once', (t) => {
  const {log, pump} = new Owner([pDefer().promise, pDefer().promise, pDefer().promise]).open()
  t.deepEqual(log, ['start 0'])
  pump.limit = 3
  t.deepEqual(log, ['start 0', 'start 1', 'start 2'])
  t.is(pump.limit, 3)
  t.is(pump.running, 3)
})

test('a pump that is paused pulls nothing until it is not', (t) => {
  const owner = new Owner([() => 'a'])
  owner.pump.isPaused = true
  owner.open()
  t.deepEqual(owner.log, [])
  t.true(owner.pump.isPaused)
  owner.pump.isPaused = false
  t.deepEqual(owner.log, ['start 0'])
})

test('a source that fails is told of with the place of the item it owes', async (t) => {
  const cause = new Error('source')
  const {log, causes} = new Owner(function* () {
    yield () => 'a'
    throw cause
  }).open()
  await turn()
  t.deepEqual(log, ['start 0', 'success 0: a', 'source failed at 1'])
  t.deepEqual(causes, [cause])
})

// Held tasks

test('a task that comes when the source itself has paused is held, and starts first after it', async (t) => {
  const owner: Owner = new Owner(function* () {
    owner.pump.isPaused = true
    yield () => 'a'
    yield () => 'b'
  })
  owner.open()
  t.deepEqual(owner.log, [])
  owner.pump.isPaused = false
  await turn()
  t.deepEqual(owner.log, ['start 0', 'success 0: a', 'start 1', 'success 1: b', 'exhausted'])
})

test('a task that comes when the source itself has lowered the limit is held', async (t) => {
  const slow = pDefer()
  const owner: Owner = new Owner(
    function* () {
      yield slow.promise
      owner.pump.limit = 1
      yield () => 'b'
    },
    {limit: 2},
  )
  owner.open()
  t.deepEqual(owner.log, ['start 0'])
  slow.resolve('a')
  await turn()
  t.deepEqual(owner.log.slice(0, 3), ['start 0', 'success 0: a', 'start 1'])
})

test('a task that arrives during a pause is held, and nothing is pulled before it starts', async (t) => {
  let pulls = 0
  const owner = new Owner(
    (async function* () {
      for (;;) {
        pulls++
        await turn()
        yield () => 'task'
      }
    })(),
  ).open()
  owner.pump.isPaused = true
  await turn()
  await turn()
  t.deepEqual([owner.log, pulls], [[], 1])
  owner.pump.isPaused = false
  t.deepEqual([owner.log, pulls], [['start 0'], 1])
  owner.close()
})

test('a held promise may reject before it starts', async (t) => {
  const task = pDefer()
  const owner: Owner = new Owner(function* () {
    owner.pump.isPaused = true
    yield task.promise
  })
  owner.open()
  task.reject(new Error('early'))
  await turn()
  owner.pump.isPaused = false
  await turn()
  t.deepEqual(owner.log, ['start 0', 'failure 0', 'exhausted'])
})

test('a held task is disposed of when the pump is closed', (t) => {
  const owner: Owner = new Owner(function* () {
    owner.pump.isPaused = true
    yield disposable(owner.log, 'a')
  })
  owner.open()
  owner.close()
  t.deepEqual(owner.log, ['disposed of a', 'closed'])
})

// The gate

test('the gate is asked before each pull', async (t) => {
  const order: string[] = []
  const owner = new Owner(function* () {
    for (const name of ['a', 'b']) {
      order.push(`pull ${name}`)
      yield () => name
    }
  }).open(() => void order.push('gate'))
  await turn()
  t.deepEqual(order, ['gate', 'pull a', 'gate', 'pull b', 'gate'])
  t.is(owner.log.at(-1), 'exhausted')
})

test('a gate that answers later is asked once, and one pull follows', async (t) => {
  const answers = [pDefer<void>(), pDefer<void>(), pDefer<void>()]
  let asked = 0
  const owner = new Owner([pDefer().promise, pDefer().promise], {limit: 5}).open(() => answers[asked++]?.promise)
  owner.pump.fill()
  owner.pump.fill()
  t.deepEqual([asked, owner.log], [1, []])
  answers[0]?.resolve()
  await turn()
  t.deepEqual([asked, owner.log], [2, ['start 0']])
})

test('a pull that the gate let through during a pause is made after it, without asking again', async (t) => {
  const answer = pDefer<void>()
  let asked = 0
  const owner = new Owner([pDefer().promise]).open(() => {
    asked++
    return answer.promise
  })
  owner.pump.isPaused = true
  answer.resolve()
  await turn()
  t.deepEqual(owner.log, [])
  owner.pump.isPaused = false
  t.deepEqual([asked, owner.log], [1, ['start 0']])
})

test('a gate that pauses the pump keeps the source from being pulled', (t) => {
  const owner: Owner = new Owner(function* () {
    yield t.fail('pulled')
  })
  owner.open(() => {
    owner.pump.isPaused = true
  })
  t.deepEqual(owner.log, [])
})

test('a gate that throws, or rejects, is told of with the place of the next item', async (t) => {
  const cause = new Error('gate')
  const throwing = new Owner([() => 'a']).open(() => {
    throw cause
  })
  const rejecting = new Owner([() => 'a']).open(() => Promise.reject(cause))
  await turn()
  for (const {log, causes} of [throwing, rejecting]) t.deepEqual([log, causes], [['gate failed at 0'], [cause]])
})

test('a gate that answers after the close lets nothing through', async (t) => {
  const answer = pDefer<void>()
  const owner = new Owner([() => 'a']).open(() => answer.promise)
  owner.close()
  answer.resolve()
  await turn()
  t.deepEqual(owner.log, ['closed'])
})

// Closing and halting

test('a closed pump starts nothing, and tells when something settles', async (t) => {
  const task = pDefer()
  const {pump, log} = ((owner: Owner) => {
    owner.close()
    return owner
  })(new Owner([task.promise, () => 'b']).open())
  pump.fill()
  t.false(pump.isIdle)
  task.resolve('a')
  await turn()
  t.deepEqual(log, ['start 0', 'closed', 'success 0: a', 'settled, idle'])
})

test('what is left in the source is disposed of', (t) => {
  const log: string[] = []
  const owner = new Owner([pDefer().promise, disposable(log, 'b'), disposable(log, 'c')]).open()
  owner.close()
  t.deepEqual(log, ['disposed of b', 'disposed of c'])
})

test('a pump is not idle until an asynchronous disposal has finished', async (t) => {
  const disposal = pDefer<void>()
  const owner = new Owner([Object.assign(() => 'a', {[Symbol.asyncDispose]: () => disposal.promise})])
  owner.close()
  t.false(owner.pump.isIdle)
  disposal.resolve()
  await turn()
  t.deepEqual(owner.log, ['closed', 'settled, idle'])
})

test('what a disposal throws, or rejects with, is told', async (t) => {
  const cause = new Error('disposal')
  const owner = new Owner([
    Object.assign(() => 'a', {
      [Symbol.dispose]: () => {
        throw cause
      },
    }),
    Object.assign(() => 'b', {[Symbol.asyncDispose]: () => Promise.reject(cause)}),
  ])
  owner.close()
  await turn()
  t.deepEqual(owner.log, ['close failed at 0', 'closed', 'close failed at 0', 'settled, idle'])
  t.deepEqual(owner.causes, [cause, cause])
})

test('a task that arrives after the close is disposed of, and not started', async (t) => {
  const log: string[] = []
  const owner = new Owner(
    (async function* () {
      await turn()
      yield disposable(log, 'late')
    })(),
  ).open()
  t.true(owner.pump.isPulling)
  owner.close()
  await turn()
  await turn()
  t.deepEqual(log, ['disposed of late'])
  t.false(owner.log.includes('start 0'))
  t.false(owner.pump.isPulling)
})

test('a halt aborts the running tasks, and what they still give is told but not delivered', async (t) => {
  const task = pDefer()
  const {pump, results, contexts, log} = new Owner([task.promise]).open()
  const reason = new Error('halt')
  pump.halt(reason)
  t.is(contexts[0]?.signal.reason, reason)
  task.resolve('a')
  await turn()
  t.is(results.size, 0)
  t.deepEqual(log, ['start 0', 'success 0: a', 'settled, idle'])
})

test('a task whose own start has led to a halt is not called, and fails with the reason', async (t) => {
  const disposed: string[] = []
  const owner = new Owner([Object.assign(() => t.fail('called'), {[Symbol.dispose]: () => void disposed.push('task')})])
  owner.onStarted = () => owner.pump.halt('enough')
  owner.open()
  await turn()
  t.deepEqual(owner.log, ['start 0', 'failure 0', 'settled, idle'])
  t.is(owner.errors[0]?.cause, 'enough')
  t.deepEqual(disposed, ['task'])
})

// Timeouts

/** Runs a synchronous body with timers, and gives the callbacks of those that have not been cleared. */
function timersOf(body: () => void): Map<object, () => void> {
  const timers = new Map<object, () => void>()
  const set = (callback: () => void): object => {
    const timer = {}
    timers.set(timer, callback)
    return timer
  }
  withProperty(globalThis, 'setTimeout', set, body)
  return timers
}

function fire(timers: Map<object, () => void>): void {
  for (const callback of timers.values()) callback()
}

test('a task that takes too long fails at once with a TimeoutError, and keeps its slot', async (t) => {
  const task = pDefer()
  const owner = new Owner([task.promise, () => 'b'], {timeout: 50})
  fire(timersOf(() => owner.open()))
  t.deepEqual(owner.log, ['start 0', 'failure 0'])
  t.is(owner.pump.running, 1)
  const reason: unknown = owner.contexts[0]?.signal.reason
  t.true(reason instanceof DOMException)
  t.is(String(reason), 'TimeoutError: The task took longer than 50 ms')
  t.is(owner.errors[0]?.cause, reason)
  task.resolve('too late')
  await turn()
  t.deepEqual(owner.log, ['start 0', 'failure 0', 'start 1', 'success 1: b', 'exhausted'])
  t.deepEqual([owner.pump.succeeded, owner.pump.failed], [1, 1])
})

test('with releaseOnTimeout the slot is free at once', async (t) => {
  const task = pDefer()
  const owner = new Owner([task.promise, () => 'b'], {timeout: 50, releaseOnTimeout: true})
  const timers = timersOf(() => owner.open())
  withProperty(
    globalThis,
    'setTimeout',
    () => ({}),
    () => fire(timers),
  )
  t.deepEqual(owner.log, ['start 0', 'failure 0', 'start 1'])
  task.reject(new Error('too late'))
  await turn()
  t.deepEqual(owner.log.slice(3), ['success 1: b', 'exhausted'])
  t.is(owner.pump.running, 0)
})

test('a timer that fires when its task has settled does nothing', async (t) => {
  const owner = new Owner([Promise.resolve('a')], {timeout: 50})
  const timers = timersOf(() => owner.open())
  await turn()
  fire(timers)
  t.deepEqual(owner.log, ['start 0', 'success 0: a', 'exhausted'])
})

// Pace

test('a pump that has worked for long rests for a turn, and holds the results back', async (t) => {
  const owner = new Owner(function* () {
    for (;;) yield 5 as never
  })
  let now = 0
  withProperty(
    performance,
    'now',
    () => (now += 5),
    () => owner.open(),
  )
  const {length} = owner.log
  t.true(length > 0)
  owner.results.put('a', 0)
  let isTaken = false
  void owner.results.next().then(() => (isTaken = true))
  await Promise.resolve()
  t.false(isTaken)
  owner.pump.fill()
  t.is(owner.log.length, length)
  owner.pump.isPaused = true
  await turn()
  t.true(isTaken)
})

test('a pump whose consumer has worked for long rests too', async (t) => {
  const owner = new Owner([() => 'a', () => 'b'])
  let now = 0
  withProperty(
    performance,
    'now',
    () => (now += 50),
    () => {
      owner.pump.breathe()
      owner.pump.breathe()
      owner.pump.breathe()
      owner.open()
    },
  )
  t.deepEqual(owner.log, [])
  await turn()
  t.is(owner.log[0], 'start 0')
})
