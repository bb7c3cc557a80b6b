/** A runner asks its governor before each attempt, and gives each permit back exactly once. */
import test from 'ava'
import pDefer, {type DeferredPromise} from 'p-defer'
import {RateLimit, Semaphore} from '../../src/governors/index.js'
import {
  ConcurrentExecutionError,
  ConcurrentRunner,
  concurrent,
  type Governor,
  type Permit,
  type PermitOutcome,
  type PermitRequest,
  TaskQueue,
} from '../../src/index.js'
import {
  caught,
  consume,
  instance,
  isSettled,
  manual,
  manuals,
  never,
  record,
  thunks,
  turn,
  unhandledDuring,
} from '../helpers/index.js'
import {clock, pass, serial} from '../helpers/virtual-time.js'
import {flakies, flaky, second} from './flaky.js'

/** A governor in the test's hands. It notes how each permit was released. */
class ByHand implements Governor {
  readonly requests: PermitRequest[] = []
  readonly log: string[] = []
  readonly #waiting: Array<DeferredPromise<Permit>> = []
  readonly #isPrompt: boolean

  /** @param isPrompt Gives each permit at once. */
  constructor(isPrompt = false) {
    this.#isPrompt = isPrompt
  }

  acquire(request: PermitRequest = {}): Permit | Promise<Permit> {
    this.requests.push(request)
    const name = `${request.context?.index}.${request.context?.attempt}`
    this.log.push(`ask ${name}`)
    if (this.#isPrompt) return this.#permit(name)
    const wait = pDefer<Permit>()
    this.#waiting.push(wait)
    return wait.promise
  }

  get waiting(): number {
    return this.#waiting.length
  }

  async grant(): Promise<void> {
    const {context} = this.requests[this.requests.length - this.#waiting.length] ?? {}
    this.#waiting.shift()?.resolve(this.#permit(`${context?.index}.${context?.attempt}`))
    await turn()
  }

  async refuse(reason: unknown): Promise<void> {
    this.#waiting.shift()?.reject(reason)
    await turn()
  }

  #permit(name: string): Permit {
    return {
      release: (outcome?: PermitOutcome) => {
        this.log.push(`release ${name} ${describe(outcome)}`)
      },
    }
  }
}

function describe(outcome: PermitOutcome | undefined): string {
  if (outcome?.status === 'ok') return `ok ${String(outcome.value)}`
  return outcome?.status === 'failed' ? `failed ${String(outcome.error)}` : String(outcome?.status)
}

serial(
  'the governor is asked after the pull, for one task at a time and in order, and each permit is released',
  async (t) => {
    const governor = new ByHand()
    const [a, b, c] = manuals(3)
    const runner = concurrent(thunks([a, b, c]), {governor, yieldExceptions: true})
    const log = record(runner)
    runner.run().catch(() => {})
    await turn()
    t.deepEqual(governor.log, ['ask 0.1'])
    t.deepEqual(runner.stats, {started: 0, succeeded: 0, failed: 0, running: 0, waiting: 0, retrying: 0})
    await governor.grant()
    await governor.grant()
    await governor.grant()
    b.resolve('b')
    await turn()
    a.reject('broken')
    await turn()
    runner.abort('enough')
    c.reject('heard')
    await turn()
    t.deepEqual(governor.log, [
      'ask 0.1',
      'ask 1.1',
      'ask 2.1',
      'release 1.1 ok b',
      'release 0.1 failed broken',
      'release 2.1 aborted',
    ])
    t.deepEqual(log, ['start 0', 'start 1', 'start 2', 'result 1 b', 'error 0 broken', 'error 2 heard', 'drain'])
  },
)

serial('with a governor the default limit is Infinity, and a limit bounds the slots all the same', async (t) => {
  const governor = new ByHand(true)
  t.is(concurrent([], {governor}).limit, Infinity)
  const runner = concurrent(thunks(manuals(3)), {governor, limit: 2})
  void runner.next()
  await turn()
  t.deepEqual(governor.log, ['ask 0.1', 'ask 1.1'])
  await runner.return()
})

serial('the slot is kept while a permit is awaited: nothing else starts', async (t) => {
  const governor = new ByHand()
  const [a] = manuals(1)
  const runner = concurrent([a.thunk, flaky(0)], {governor, limit: 2})
  void runner.next()
  await turn()
  runner.limit = 5
  await turn()
  t.is(governor.waiting, 1)
  await governor.grant()
  t.deepEqual([governor.waiting, runner.stats.running], [1, 1])
  await runner.return()
})

serial('any object with acquire serves, also one whose promise is a foreign thenable', async (t) => {
  let released = 0
  const governor = {
    acquire: () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- a foreign one is what is tested
      then: (resolve: (permit: Permit) => void) => resolve({release: () => released++}),
    }),
  } as unknown as Governor
  t.deepEqual(await concurrent(flakies(0, 0), {governor}).toArray(), [0, 1])
  t.is(released, 2)
})

for (const [how, acquire] of [
  ['an answer', () => 7],
  ['a promise', async () => 7],
] as const)
  serial(`a governor that gives ${how} that is no permit fails the task, which is not called`, async (t) => {
    const governor = {acquire} as unknown as Governor
    const error = await caught(concurrent([() => t.fail()], {governor}).toArray())
    t.is(
      instance(error, ConcurrentExecutionError).message,
      'Task 0 failed: TypeError: A governor must give a permit, an object with release; got 7',
    )
  })

serial('a governor that can tell at once is asked to wait only when it has no permit', async (t) => {
  const log: string[] = []
  let free = 1
  const permit: Permit = {release: () => void free++}
  const take = (): Permit | undefined => (free-- > 0 ? permit : void free++)
  const governor: Governor = {
    tryAcquire: ({context} = {}) => {
      log.push(`try ${context?.index}`)
      return take()
    },
    acquire: async ({context} = {}) => {
      log.push(`wait ${context?.index}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
      return take() ?? permit
    },
  }
  const runner = concurrent([flaky(0, 5), flaky(0, 5)], {governor})
  const results = runner.toArray()
  await pass(20)
  t.deepEqual(await results, [0, 1])
  t.deepEqual(log, ['try 0', 'try 1', 'wait 1'])
})

for (const how of ['throws', 'rejects'] as const)
  serial(
    `what acquire ${how} fails that task for good, with start just before its error, also with retries`,
    async (t) => {
      let asked = 0
      const governor: Governor = {
        acquire: () => {
          if (++asked !== 2) return {release: () => {}}
          if (how === 'throws') throw new Error('no permit')
          return Promise.reject(new Error('no permit'))
        },
      }
      const disposed: string[] = []
      const task = Object.assign(flaky(0), {[Symbol.dispose]: () => disposed.push('disposed')})
      const runner = concurrent([flaky(0), task, flaky(0)], {governor, yieldExceptions: true, limit: 1, retry: second})
      const log = record(runner)
      const results = await runner.toArray()
      t.is(String(instance(results[1], ConcurrentExecutionError).cause), 'Error: no permit')
      t.deepEqual(log, ['start 0', 'result 0 0', 'start 1', 'error 1 no permit', 'start 2', 'result 2 2', 'drain'])
      t.deepEqual(disposed, ['disposed'])
    },
  )

serial('a retry asks anew, holds no permit while it waits, and comes before new tasks', async (t) => {
  const governor = new ByHand(true)
  const tasks = [flaky(1, 10), ...Array.from({length: 3}, () => flaky(0, 10))]
  const runner = concurrent(tasks, {governor, limit: 1, retry: {delay: 15}})
  void runner.run()
  await pass(100)
  t.deepEqual(governor.log, [
    'ask 0.1',
    'release 0.1 failed Error: 0.1',
    'ask 1.1',
    'release 1.1 ok 1',
    'ask 2.1',
    'release 2.1 ok 2',
    'ask 0.2',
    'release 0.2 ok 0',
    'ask 3.1',
    'release 3.1 ok 3',
  ])
})

for (const end of ['stop', 'abort', 'return'] as const)
  serial(
    `after ${end} the wait for a permit is given up: its signal aborts, and a permit that comes is unused`,
    async (t) => {
      const governor = new ByHand()
      const disposed: string[] = []
      const task = Object.assign(flaky(0), {[Symbol.dispose]: () => disposed.push('disposed')})
      const runner = concurrent([task], {governor})
      runner.next().catch(() => {})
      await turn()
      const signal = governor.requests[0]?.signal
      t.false(signal?.aborted)
      void runner[end]()
      await turn()
      t.true(signal?.aborted)
      t.is(runner.state, 'drained')
      t.deepEqual(disposed, ['disposed'])
      await governor.grant()
      t.deepEqual(governor.log, ['ask 0.1', 'release 0.1 unused'])
      t.is(runner.stats.started, 0)
    },
  )

serial('stop() gives up the wait for the permit of a retry, also when the source is exhausted', async (t) => {
  const governor = new ByHand()
  const runner = concurrent(flakies(9), {governor, yieldExceptions: true, retry: {delay: 0}})
  const log = record(runner)
  void runner.run()
  await turn()
  await governor.grant()
  await pass(1)
  t.is(runner.stats.retrying, 1)
  await runner.stop()
  t.like(governor.requests[1]?.signal?.reason, {name: 'AbortError', message: 'The run was stopped'})
  t.deepEqual(log, ['start 0', 'retry 0 0.1', 'error 0 0.1', 'drain'])
  await governor.grant()
  t.is(governor.log.at(-1), 'release 0.2 unused')
})

serial('with ordered, a failure does not end the wait of a task before it', async (t) => {
  const semaphore = new Semaphore(1)
  const held = await semaphore.acquire()
  const later = manual<number>()
  let asked = 0
  const governor: Governor = {
    acquire: (request) => (++asked <= 2 ? {release: () => {}} : semaphore.acquire(request)),
  }
  const runner = concurrent([flaky(1), later.thunk], {
    governor,
    ordered: true,
    retry: {delay: 0, when: ({context}) => context.index === 0},
  })
  const consumed = consume(runner)
  await pass(1)
  later.reject('broken')
  await turn()
  held.release()
  const {values, raised} = await consumed
  t.deepEqual(values, [0])
  t.is(instance(raised, ConcurrentExecutionError).cause, 'broken')
  t.true(semaphore.isIdle)
})

serial(
  'a permit that comes while the run is paused, or when no slot is free, is unused, and is asked for anew',
  async (t) => {
    const governor = new ByHand()
    const [a] = manuals(1)
    const runner = concurrent([a.thunk, flaky(0)], {governor, limit: 2})
    void runner.run()
    await turn()
    runner.pause()
    await governor.grant()
    t.deepEqual(governor.log, ['ask 0.1', 'release 0.1 unused'])
    runner.resume()
    await governor.grant()
    runner.limit = 1
    await governor.grant()
    t.deepEqual(governor.log.slice(2), ['ask 0.1', 'ask 1.1', 'release 1.1 unused'])
    a.resolve('a')
    await turn()
    await governor.grant()
    t.deepEqual(governor.log.slice(5), ['release 0.1 ok a', 'ask 1.1', 'release 1.1 ok 1'])
    t.is(runner.state, 'drained')
  },
)

serial('a governor may end the run while it is asked, or while a permit is released', async (t) => {
  for (const end of ['stop', 'abort'] as const) {
    const log: string[] = []
    const disposed: string[] = []
    const runner: ConcurrentRunner<number> = concurrent(
      [Object.assign(flaky(0), {[Symbol.dispose]: () => disposed.push('disposed')})],
      {
        governor: {
          acquire: () => {
            void runner[end]()
            return {release: (outcome) => log.push(describe(outcome))}
          },
        },
      },
    )
    runner.run().catch(() => {})
    await turn()
    t.deepEqual([log, disposed, runner.state], [['unused'], ['disposed'], 'drained'])

    const other: ConcurrentRunner<number> = concurrent(flakies(0, 0), {
      limit: 1,
      governor: {acquire: () => ({release: () => void other[end]()})},
    })
    const events = record(other)
    other.run().catch(() => {})
    await turn()
    t.deepEqual(events, ['start 0', 'result 0 0', 'drain'])
  }
})

serial('a governor that ends the run while it is asked for a retry: the task fails with its last error', async (t) => {
  const log: string[] = []
  const runner: ConcurrentRunner<number, true> = concurrent(flakies(9), {
    yieldExceptions: true,
    retry: {delay: 0},
    governor: {
      acquire: ({context} = {}) => {
        if (context?.attempt === 2) void runner.stop()
        return {release: (outcome) => log.push(describe(outcome))}
      },
    },
  })
  const events = record(runner)
  void runner.run()
  await pass(1)
  t.deepEqual(log, ['failed Error: 0.1', 'unused'])
  t.deepEqual(events, ['start 0', 'retry 0 0.1', 'error 0 0.1', 'drain'])
})

serial('a permit is unused when a start listener ends the run', async (t) => {
  const governor = new ByHand(true)
  const runner = concurrent(flakies(0), {governor})
  runner.on('start', () => runner.abort('enough'))
  t.is(await caught(runner.run()), 'enough')
  t.deepEqual(governor.log, ['ask 0.1', 'release 0.1 unused'])
})

serial(
  'a timed-out attempt keeps its permit until it settles; with releaseOnTimeout it is released at once',
  async (t) => {
    for (const releaseOnTimeout of [false, true]) {
      const governor = new ByHand(true)
      const stuck = manual()
      const runner = concurrent([stuck.thunk], {governor, timeout: 20, releaseOnTimeout, yieldExceptions: true})
      void runner.run()
      await pass(20)
      const released = 'release 0.1 failed TimeoutError: The task took longer than 20 ms'
      t.deepEqual(governor.log, releaseOnTimeout ? ['ask 0.1', released] : ['ask 0.1'])
      stuck.resolve('late')
      await turn()
      t.deepEqual(governor.log, ['ask 0.1', released])
    }
  },
)

serial('with releaseOnTimeout, the permit of a task that was aborted before its timeout says so', async (t) => {
  const governor = new ByHand(true)
  const stuck = manual()
  const runner = concurrent([stuck.thunk], {governor, timeout: 20, releaseOnTimeout: true})
  const run = caught(runner.run())
  await pass(10)
  runner.abort('enough')
  await pass(20)
  t.deepEqual(governor.log, ['ask 0.1', 'release 0.1 aborted'])
  t.is(await run, 'enough')
})

serial('a promise that rejects while its permit is awaited is no unhandled rejection', async (t) => {
  const governor = new ByHand()
  const {promise, reject} = pDefer<string>()
  const runner = concurrent(
    (function* () {
      yield promise
    })(),
    {governor, yieldExceptions: true},
  )
  const results = runner.toArray()
  const unhandled = await unhandledDuring(async () => {
    await turn()
    reject('late')
    await turn()
  })
  t.deepEqual(unhandled, [])
  await governor.grant()
  t.is(instance((await results)[0], ConcurrentExecutionError).cause, 'late')
})

serial('what release() throws is reported, and nothing else changes', async (t) => {
  const reported: unknown[] = []
  const target: {reportError?: (error: unknown) => void} = globalThis
  target.reportError = (error) => reported.push(error)
  const governor: Governor = {
    acquire: () => ({
      release: () => {
        throw 'broken'
      },
    }),
  }
  t.deepEqual(await concurrent(flakies(0, 0), {governor}).toArray(), [0, 1])
  delete target.reportError
  t.deepEqual(reported, ['broken', 'broken'])
})

serial('an item that is no task needs no permit', async (t) => {
  const governor = new ByHand(true)
  await concurrent([1 as never, flaky(0)], {governor, yieldExceptions: true}).run()
  t.deepEqual(governor.log, ['ask 1.1', 'release 1.1 ok 1'])
})

// Over a queue

serial("a queue's task stays in the queue while its permit is awaited: size and clear() see it", async (t) => {
  const governor = new ByHand()
  const queue = new TaskQueue()
  const runner = queue.run({governor})
  const pushed = caught(queue.push(flaky(0)))
  await turn()
  t.deepEqual([governor.waiting, queue.size, queue.running], [1, 1, 0])
  queue.clear('cleared')
  t.is(await pushed, 'cleared')
  await governor.grant()
  t.deepEqual(governor.log, ['ask 0.1', 'release 0.1 unused'])
  const next = queue.push(flaky(0))
  await turn()
  await governor.grant()
  t.is(await next, 0)
  t.is(runner.stats.started, 1)
})

serial('a task that overtakes while a permit is awaited is asked for anew, and starts first', async (t) => {
  const governor = new ByHand()
  const queue = new TaskQueue<string>()
  queue.run({governor})
  void queue.push(() => 'low', {item: 'low'})
  await turn()
  void queue.push(() => 'high', {item: 'high', priority: 1})
  await governor.grant()
  await governor.grant()
  await governor.grant()
  t.deepEqual(
    governor.requests.map(({context}) => context?.item),
    ['low', 'high', 'low'],
  )
  t.deepEqual(governor.log, [
    'ask 0.1',
    'release 0.1 unused',
    'ask 0.1',
    'ask 1.1',
    'release 0.1 ok high',
    'release 1.1 ok low',
  ])
})

for (const how of ['throws', 'rejects'] as const)
  serial(`where acquire ${how} the push rejects, and the queue is idle afterwards`, async (t) => {
    const queue = new TaskQueue()
    const runner = queue.run({
      retry: second,
      governor: {
        acquire: () => {
          if (how === 'throws') throw 'no permit'
          return Promise.reject('no permit')
        },
      },
    })
    const log = record(runner)
    t.is(await caught(queue.push(flaky(0))), 'no permit')
    t.deepEqual(log, ['start 0', 'error 0 no permit'])
    t.deepEqual([queue.size, queue.running], [0, 0])
    await queue.onIdle()
    queue.close()
    await turn()
    t.is(runner.state, 'drained')
  })

serial('when a runner stops that waits for a permit, its task goes to another runner of the queue', async (t) => {
  const governor = new ByHand()
  const queue = new TaskQueue<string>()
  const first = new ConcurrentRunner(queue, {governor, yieldExceptions: true})
  void first.run()
  const pushed = queue.push(() => 'done')
  await turn()
  void first.stop()
  t.is(queue.size, 1)
  void new ConcurrentRunner(queue, {yieldExceptions: true}).run()
  t.is(await pushed, 'done')
})

// Shared

serial(
  'three runners share one semaphore, with retries: never more than its capacity run, and all is given back',
  async (t) => {
    const semaphore = new Semaphore(4)
    let live = 0
    let most = 0
    const task = async ({attempt}: {attempt: number}): Promise<void> => {
      most = Math.max(most, ++live)
      await new Promise((resolve) => setTimeout(resolve, 10))
      live--
      if (attempt < 2) throw 'again'
    }
    const runners = [1, 2, 3].map(() =>
      concurrent(
        Array.from({length: 30}, () => task),
        {governor: semaphore, retry: {delay: 5}},
      ),
    )
    const all = Promise.all(runners.map((runner) => runner.run()))
    await pass(2000)
    for (const {succeeded} of await all) t.is(succeeded, 30)
    t.is(most, 4)
    t.true(semaphore.isIdle)
  },
)

serial('a rate limits attempts, retries too, and a runner that leaves holds nobody up', async (t) => {
  const rate = new RateLimit({amount: 2, per: 1000})
  const starts: number[] = []
  const task = ({attempt}: {attempt: number}): void => {
    starts.push(clock.now)
    if (attempt < 2) throw 'again'
  }
  const leaver = concurrent([never], {governor: rate})
  const runner = concurrent([task, task, task], {governor: rate, retry: {delay: 0}})
  const done = runner.run()
  leaver.next().catch(() => {})
  await turn()
  leaver.abort('enough')
  await pass(10_000)
  await done
  t.is(starts.length, 6)
  for (const [place, at] of starts.entries()) t.true(at >= (starts[place - 2] ?? -1000) + 1000 || place < 2)
})

serial('a run that has ended waits for no permit: it drains at once', async (t) => {
  const runner = concurrent([flaky(0)], {governor: {acquire: never}})
  const next = caught(runner.next())
  await turn()
  t.false(await isSettled(next))
  runner.abort('enough')
  t.is(await next, 'enough')
  await runner.drained
  t.pass()
})

serial('a permit that is given at once starts the task at once', async (t) => {
  const runner = concurrent([flaky(0)], {governor: new ByHand(true)})
  void runner.next()
  t.is(runner.stats.started, 1)
  await runner.drained
})

serial(
  'the signal of a request is one, and has aborted with the reason also if it is first read afterwards',
  async (t) => {
    const [early, late] = [new ByHand(), new ByHand()]
    const reason = new Error('enough')
    for (const governor of [early, late]) {
      const runner = concurrent([flaky(0)], {governor})
      const log = record(runner)
      void caught(runner.next())
      const [request] = governor.requests
      if (governor === early) t.is(request?.signal, request?.signal)
      runner.abort(reason)
      t.is(request?.signal?.reason, reason)
      await runner.drained
      t.deepEqual(log, ['drain'])
    }
  },
)

test('no other task starts between the start and the error of a task whose permit is refused, whatever listeners do', async (t) => {
  let asked = 0
  const governor: Governor = {
    acquire: () => (asked++ === 0 ? Promise.reject(new Error('no')) : {release: () => {}}),
  }
  const runner = concurrent([() => 'a', () => 'b'], {governor, limit: 1, yieldExceptions: true})
  const log = record(runner)
  runner.on('start', () => (runner.limit = 2))
  await runner.run()
  t.deepEqual(log, ['start 0', 'error 0 no', 'start 1', 'result 1 b', 'drain'])
})
