import {getEventListeners} from 'node:events'
import test from 'ava'
import {
  AdaptiveLimit,
  all,
  type Governor,
  type LocalGovernor,
  type Permit,
  RateLimit,
  Semaphore,
  weigh,
} from '../../src/governors/index.js'
import type {TaskContext} from '../../src/index.js'
import {checkAdaptiveLimit} from './adaptive-limit.oracle.js'
import {checkAll} from './all.oracle.js'
import {contextOf, isGiven, now} from './asking.js'
import {checkRateLimit} from './rate-limit.oracle.js'
import {checkRetryBudget} from './retry-budget.oracle.js'
import {checkSemaphore} from './semaphore.oracle.js'
import {settled, VirtualClock} from './virtual-clock.js'

let clock: VirtualClock
test.beforeEach(() => {
  clock = VirtualClock.install()
})
test.afterEach.always(() => {
  VirtualClock.uninstall()
})

const busy = {status: 'failed', error: {status: 429}} as const
const seeds = (count: number): number[] => Array.from({length: count}, (_, index) => index + 1)

test.serial(
  'a semaphore never has more running than its capacity, serves in order, and is never idle for nothing',
  async (t) => {
    let permits = 0
    for (const seed of seeds(30)) permits += await checkSemaphore(clock, seed, 300)
    t.true(permits > 1000)
  },
)

test.serial(
  'no window of a rate holds more than its amount, and its first waiter never waits for nothing',
  async (t) => {
    let permits = 0
    for (const seed of seeds(40)) {
      clock = VirtualClock.install()
      permits += await checkRateLimit(clock, seed, 300)
    }
    t.true(permits > 1000)
  },
)

test.serial('an adaptive limit keeps to what it promises of each step', async (t) => {
  let permits = 0
  for (const seed of seeds(30)) permits += await checkAdaptiveLimit(clock, seed, 300)
  t.true(permits > 1000)
})

test.serial('a retry budget never allows more than max(min, ratio × running)', (t) => {
  let retries = 0
  for (const seed of seeds(30)) retries += checkRetryBudget(seed, 1000)
  t.true(retries > 1000)
})

test.serial('ten runners that share three governors in shuffled orders never deadlock, and none starves', async (t) => {
  let permits = 0
  for (const seed of seeds(40)) {
    clock = VirtualClock.install()
    permits += await checkAll(clock, seed, 300)
  }
  t.true(permits > 8000)
})

const makers: ReadonlyArray<readonly [name: string, make: () => LocalGovernor]> = [
  ['Semaphore', () => new Semaphore(1)],
  ['RateLimit', () => new RateLimit({amount: 1, per: 100})],
  ['AdaptiveLimit', () => new AdaptiveLimit({max: 1})],
  ['all', () => all(new Semaphore(1), new RateLimit({amount: 1, per: 100}))],
  ['weigh', () => weigh(new Semaphore(1), 1)],
]

for (const [name, make] of makers) {
  test.serial(`${name}: a permit is given without a promise if there is one`, (t) => {
    const governor = make()
    t.is(typeof now(governor.acquire()).release, 'function')
    t.is(governor.tryAcquire?.(), undefined)
    t.false(governor.isIdle)
  })

  test.serial(`${name}: using gives the permit back, once`, async (t) => {
    const governor = make()
    {
      using permit = await governor.acquire({cost: 1})
      t.truthy(permit)
      permit.release({status: 'unused'})
    }
    t.true(governor.isIdle)
    const [held, refused] = [governor.tryAcquire?.(), governor.tryAcquire?.()]
    t.truthy(held)
    t.is(refused, undefined, 'the second release has freed no second place')
  })

  test.serial(`${name}: a permit that is only disposed of was used, and is given back`, async (t) => {
    const governor = make()
    const permit = now(governor.acquire())
    const hasRate = name === 'RateLimit' || name === 'all'
    permit[Symbol.dispose]()
    t.is(governor.tryAcquire?.() === undefined, hasRate)
    permit.release({status: 'unused'})
    t.is(governor.tryAcquire?.(), undefined)
    await clock.advance(100)
    t.is(governor.tryAcquire?.() === undefined, !hasRate)
  })

  test.serial(`${name}: whoever gives up costs nothing and leaves no listener on a signal that lives on`, async (t) => {
    const governor = make()
    const permit = now(governor.acquire())
    const {signal} = new AbortController()
    const leaving = new AbortController()
    const waiting = Array.from({length: 50}, () => governor.acquire({signal}))
    const left = Promise.resolve(governor.acquire({signal: leaving.signal}))
    leaving.abort(new Error('not any more'))
    await t.throwsAsync(left, {message: 'not any more'})
    await t.throwsAsync(Promise.resolve(governor.acquire({signal: AbortSignal.abort(new Error('too late'))})), {
      message: 'too late',
    })
    t.true(getEventListeners(signal, 'abort').length <= 2)
    t.is(getEventListeners(leaving.signal, 'abort').length, 0)
    permit.release({status: 'unused'})
    for (const answer of waiting) {
      const next = await answer
      next.release({status: 'unused'})
    }
    t.is(getEventListeners(signal, 'abort').length, 0)
    t.true(governor.isIdle)
    t.is(clock.timers, 0)
  })
}

test.serial('permits of a rate are not saved while another limit is awaited', async (t) => {
  const semaphore = new Semaphore(10)
  const rate = new RateLimit({amount: 2, per: 1000})
  const both = all(rate, semaphore)
  const blockers = Array.from({length: 10}, () => now(semaphore.acquire()))
  const starts: number[] = []
  for (let count = 0; count < 6; count++) void Promise.resolve(both.acquire()).then(() => starts.push(clock.now))
  await clock.advance(5000)
  for (const blocker of blockers) blocker.release()
  await settled()
  await clock.advance(5000)
  t.deepEqual(starts, [5000, 5000, 6000, 6000, 7000, 7000])
})

test.serial(
  'a governor without tryAcquire comes last, and the permits of rates are as fresh as its answer',
  async (t) => {
    const rate = new RateLimit({amount: 1, per: 100})
    const slow: Governor = {
      acquire: () => new Promise((resolve) => setTimeout(() => resolve({release() {}}), 250)),
    }
    const both = all(rate, slow)
    t.false(typeof both.tryAcquire === 'function')
    const starts: number[] = []
    for (let count = 0; count < 2; count++) void Promise.resolve(both.acquire()).then(() => starts.push(clock.now))
    await clock.advance(249)
    t.deepEqual(starts, [])
    await clock.advance(1)
    t.deepEqual(starts, [250])
    t.is(rate.tryAcquire(), undefined, 'what started now is charged now')
    await clock.advance(1000)
    t.deepEqual(starts, [250, 600])
  },
)

test.serial('a permit that comes after its waiter has given up is released as unused', async (t) => {
  const released: unknown[] = []
  const slow: Governor = {
    acquire: () =>
      new Promise((resolve) => setTimeout(() => resolve({release: (outcome) => void released.push(outcome)}), 100)),
  }
  const semaphore = new Semaphore(1)
  const both = all(semaphore, slow)
  const controller = new AbortController()
  const left = t.throwsAsync(Promise.resolve(both.acquire({signal: controller.signal})), {message: 'gone'})
  await clock.advance(50)
  controller.abort(new Error('gone'))
  await left
  t.true(semaphore.isIdle)
  t.deepEqual(released, [])
  await clock.advance(50)
  t.deepEqual(released, [{status: 'unused'}])
})

test.serial('what acquire of a part throws reaches who asked, and gives back what the others gave', async (t) => {
  const semaphore = new Semaphore(1)
  const broken: Governor = {acquire: () => Promise.reject(new Error('Redis is gone'))}
  await t.throwsAsync(Promise.resolve(all(semaphore, broken).acquire()), {message: 'Redis is gone'})
  t.true(semaphore.isIdle)
  const throws: Governor = {
    acquire() {
      throw new Error('closed')
    },
  }
  t.throws(() => all(semaphore, throws).acquire(), {message: 'closed'})
  t.true(semaphore.isIdle)
})

test.serial('weigh asks for the cost of the task, and the true cost replaces it', async (t) => {
  const tokens = new RateLimit({amount: 100, per: 1000})
  const model = weigh(
    tokens,
    ({item}: TaskContext & {item: string}) => item.length,
    (reply: {total: number}) => reply.total,
  )
  const permit = now(model.acquire({context: contextOf('x'.repeat(80))}))
  t.is(tokens.tryAcquire({cost: 21}), undefined)
  permit.release({status: 'ok', value: {total: 30}})
  t.truthy(tokens.tryAcquire({cost: 70}))
  t.is(tokens.tryAcquire(), undefined)
  await clock.advance(1000)
  t.true(tokens.isIdle)
})

test.serial('by hand, correct replaces the cost before the permit is released', async (t) => {
  const tokens = new RateLimit({amount: 100, per: 1000})
  {
    using permit = await tokens.acquire({cost: 100})
    permit.correct?.(40)
  }
  t.truthy(tokens.tryAcquire({cost: 60}))
  t.is(tokens.tryAcquire(), undefined)
})

test.serial('a function that gives no cost is named, and nothing stays charged', (t) => {
  const semaphore = new Semaphore(1)
  const rate = new RateLimit({amount: 1, per: 1})
  const both = all(
    semaphore,
    weigh(rate, () => Number.NaN),
  )
  t.throws(() => both.acquire({context: contextOf(1)}), {instanceOf: RangeError, message: /^cost must be .*; got NaN$/})
  t.true(semaphore.isIdle && rate.isIdle)
  const permit = now(
    all(
      semaphore,
      weigh(rate, 1, () => Number.NaN),
    ).acquire({context: contextOf(1)}),
  )
  t.throws(() => permit.release({status: 'ok', value: 1}), {instanceOf: RangeError})
  t.true(semaphore.isIdle)
})

/** Has others take a governor all the time, from a moment on: each for 10 ms, and one always waits. */
async function saturate(governor: LocalGovernor, after: number): Promise<void> {
  const take = async (): Promise<void> => {
    const permit = await governor.acquire()
    setTimeout(() => {
      permit.release()
      void take()
    }, 10)
  }
  await clock.advance(after)
  void take()
  void take()
  await settled()
}

test.serial('all gets its turn though others never leave two of its parts free at the same time', async (t) => {
  const [a, b, rate] = [new Semaphore(1), new Semaphore(1), new RateLimit({amount: 1, per: 10})]
  for (const parts of [
    [a, b],
    [b, rate, a],
  ]) {
    await saturate(a, 3)
    await saturate(b, 3)
    await saturate(rate, 3)
    let served = 0
    const both = all(...parts)
    const ask = async (): Promise<void> => {
      const permit = await both.acquire()
      served++
      setTimeout(() => permit.release(), 10)
    }
    for (let count = 0; count < 10; count++) void ask()
    await clock.advance(60_000)
    t.is(served, 10)
  }
})

test.serial('one waiter of all does not block those who need less', async (t) => {
  const shared = new Semaphore(1)
  const host = new RateLimit({amount: 1, per: 60_000})
  const both = all(shared, host)
  now(both.acquire()).release()
  t.false(await isGiven(both.acquire()))
  t.truthy(shared.tryAcquire(), 'nothing of the shared semaphore is held for who waits a minute for the host')
})

test.serial('an adaptive limit doubles each round trip at first, and overloads of one moment cut it once', (t) => {
  const adaptive = new AdaptiveLimit({start: 10})
  const open: Permit[] = []
  const fill = (): void => {
    for (let permit = adaptive.tryAcquire(); permit; permit = adaptive.tryAcquire()) open.push(permit)
  }
  const succeed = (count: number): void => {
    for (let times = 0; times < count; times++) {
      fill()
      open.shift()?.release()
    }
  }
  succeed(10)
  t.is(adaptive.limit, 20)
  succeed(20)
  t.is(adaptive.limit, 40)
  fill()
  for (const permit of open.splice(0)) permit.release(busy)
  t.is(adaptive.limit, 21, 'what it was when the round trip began')
  succeed(22)
  t.is(adaptive.limit, 22, 'after that it grows by one for a round trip')
  fill()
  for (const permit of open.splice(0)) permit.release(busy)
  t.is(adaptive.limit, 19, 'a tenth less')
})

test.serial('an adaptive limit forgets what it has learned when nobody has used it for ten minutes', async (t) => {
  const adaptive = new AdaptiveLimit({start: 10})
  now(adaptive.acquire()).release(busy)
  t.is(adaptive.limit, 9)
  t.false(adaptive.isIdle)
  await clock.advance(599_999)
  t.false(adaptive.isIdle)
  now(adaptive.acquire()).release()
  t.false(adaptive.isIdle, 'it was used')
  await clock.advance(599_999)
  t.false(adaptive.isIdle)
  const permit = now(adaptive.acquire())
  await clock.advance(600_000)
  t.false(adaptive.isIdle, 'it is in use')
  permit.release({status: 'unused'})
  t.false(adaptive.isIdle)
  t.is(adaptive.limit, 9)
  await clock.advance(600_000)
  t.true(adaptive.isIdle)
  t.is(adaptive.limit, 10)
  t.is(clock.timers, 0)
})

test.serial('an adaptive limit does not rise while less than half of it is in use', (t) => {
  const adaptive = new AdaptiveLimit({start: 10})
  for (let count = 0; count < 100; count++) now(adaptive.acquire()).release()
  t.is(adaptive.limit, 10)
})

test.serial('an adaptive limit rises while exactly half of it is in use', (t) => {
  const adaptive = new AdaptiveLimit({start: 2})
  now(adaptive.acquire()).release()
  t.is(adaptive.limit, 3)
})

test.serial(
  'an adaptive limit that has learned that it must not grow fast is not idle, though it is where it began',
  (t) => {
    const adaptive = new AdaptiveLimit({min: 4})
    t.true(adaptive.isIdle)
    now(adaptive.acquire()).release(busy)
    t.is(adaptive.limit, 4)
    t.false(adaptive.isIdle)
  },
)

test.serial(
  'an adaptive limit that no longer doubles is cut by a tenth only, however long the attempt has run',
  (t) => {
    const adaptive = new AdaptiveLimit({start: 10})
    now(adaptive.acquire()).release(busy)
    t.is(adaptive.limit, 9)
    const long = now(adaptive.acquire())
    while (adaptive.limit < 14) succeedAll(adaptive)
    long.release(busy)
    t.is(adaptive.limit, 12)
  },
)

test.serial('after ten round trips without an overload an adaptive limit grows by 2, then by 4, then by 8', (t) => {
  const adaptive = new AdaptiveLimit({start: 100})
  now(adaptive.acquire()).release(busy)
  const growth = Array.from({length: 14}, () => {
    const before = adaptive.limit
    succeedAll(adaptive)
    return adaptive.limit - before
  })
  t.deepEqual(growth.slice(1, 13), [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8])
})

/** One round trip: the limit is in use all the time, and each attempt that began in it succeeds. */
function succeedAll(adaptive: AdaptiveLimit): void {
  const open: Permit[] = []
  const fill = (): void => {
    for (let permit = adaptive.tryAcquire(); permit; permit = adaptive.tryAcquire()) open.push(permit)
  }
  fill()
  for (let left = open.length; left > 0; left--) {
    open.shift()?.release()
    fill()
  }
  for (const permit of open) permit.release({status: 'unused'})
}

test.serial(
  'an adaptive limit asks isOverload of attempts that have an outcome of their own, and of no others',
  (t) => {
    const asked: unknown[] = []
    const adaptive = new AdaptiveLimit({
      isOverload: (outcome) => {
        asked.push(outcome)
        return true
      },
    })
    for (const outcome of [{status: 'unused'}, {status: 'aborted'}] as const) now(adaptive.acquire()).release(outcome)
    t.deepEqual(asked, [])
    t.is(adaptive.limit, 4)
    now(adaptive.acquire()).release()
    now(adaptive.acquire()).release(busy)
    t.deepEqual(asked, [{status: 'ok', value: undefined}, busy])
  },
)

const circle: {cause?: unknown} = {}
circle.cause = circle

const overloads: ReadonlyArray<
  readonly [what: string, outcome: Parameters<Permit['release']>[0], isOverload: boolean]
> = [
  ['a response with status 503', {status: 'ok', value: {status: 503}}, true],
  ['a response with status 200', {status: 'ok', value: {status: 200}}, false],
  ['an error with statusCode 429', {status: 'failed', error: {statusCode: 429}}, true],
  ['an error whose response has status 502', {status: 'failed', error: {response: {status: 502}}}, true],
  ['an error with a cause that was refused', {status: 'failed', error: {cause: {code: 'ECONNREFUSED'}}}, true],
  ['a TimeoutError', {status: 'failed', error: new DOMException('', 'TimeoutError')}, true],
  ['an error with status 404', {status: 'failed', error: {status: 404}}, false],
  ['an error whose causes form a circle', {status: 'failed', error: circle}, false],
  ['an error that is null', {status: 'failed', error: null}, false],
  ['a connection that timed out', {status: 'failed', error: {code: 'ETIMEDOUT'}}, true],
  ['a connection that was reset', {status: 'failed', error: {code: 'ECONNRESET'}}, true],
  ['a file that is not there', {status: 'failed', error: {code: 'ENOENT'}}, false],
  ['an error that is undefined', {status: 'failed', error: undefined}, false],
  ['an abort', {status: 'aborted'}, false],
]
for (const [what, outcome, isOverload] of overloads)
  test.serial(`${what} is ${isOverload ? 'an' : 'no'} overload by default`, (t) => {
    const adaptive = new AdaptiveLimit({start: 100})
    now(adaptive.acquire()).release(outcome)
    t.is(adaptive.limit, isOverload ? 90 : 100)
  })
