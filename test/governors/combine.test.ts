/** Governors made of others: what `all` takes, keeps and gives back, and what `weigh` asks for. */
import test from 'ava'
import {
  AdaptiveLimit,
  all,
  type Governor,
  type LocalGovernor,
  type Outcome,
  type Permit,
  RateLimit,
  Semaphore,
  weigh,
} from '../../src/governors/index.js'
import type {TaskContext} from '../../src/index.js'
import {reportedDuring} from '../helpers/index.js'
import {contextOf, isGiven, now} from './asking.js'
import {settled, VirtualClock} from './virtual-clock.js'

let clock: VirtualClock
test.beforeEach(() => {
  clock = VirtualClock.install()
})
test.afterEach.always(() => {
  VirtualClock.uninstall()
})

/** A governor of somebody else's: it gives a permit only when the test says so. */
class Manual implements Governor {
  /** How often it was asked at all. */
  asked = 0
  /** How many of its permits are held. */
  held = 0
  readonly outcomes: Array<Outcome | undefined> = []
  readonly #waiting: Array<(permit: Permit) => void> = []

  acquire(): PromiseLike<Permit> {
    this.asked++
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Gives a permit to the longest waiting request. */
  async give(): Promise<void> {
    this.#waiting.shift()?.(this.permit())
    await settled()
  }

  permit(): Permit {
    this.held++
    return {
      release: (outcome) => {
        this.held--
        this.outcomes.push(outcome)
      },
    }
  }
}

/** The same, and it can be tried: it refuses, but for the permits that the test has left with it. */
class Tried extends Manual {
  left = 0

  tryAcquire(): Permit | undefined {
    this.asked++
    if (this.left === 0) return undefined
    this.left--
    return this.permit()
  }
}

// all

test.serial('in whatever order all is given its parts, one that refuses leaves the others free', async (t) => {
  for (const isShared of [true, false]) {
    const [free, busy] = [new Semaphore(1), new Semaphore(1)]
    now(busy.acquire())
    t.false(await isGiven(all(...(isShared ? [free, busy] : [busy, free])).acquire()))
    t.truthy(free.tryAcquire())
    t.is(clock.timers, 0, 'nothing is kept')
  }
})

for (const make of [
  () => new Semaphore(1),
  () => new RateLimit({amount: 1, per: 1000}),
  () => new AdaptiveLimit({max: 1}),
  () => weigh(new Semaphore(1), 1),
]) {
  const {name} = make().constructor
  test.serial(`all takes everything in the moment in which a ${name} that it waits for is given back`, async (t) => {
    const [awaited, free] = [make(), new Semaphore(1)]
    const permit = now(awaited.acquire())
    const both = Promise.resolve(all(awaited, free).acquire())
    permit.release({status: 'unused'})
    t.is(awaited.tryAcquire?.(), undefined)
    t.is(free.tryAcquire(), undefined)
    t.is(typeof (await both).release, 'function')
  })
}

/** Which of two parts `all` asks first, and `all` itself. */
function combined(...parts: readonly [Tried, Tried]): readonly [first: Tried, second: Tried, both: LocalGovernor] {
  const both = all(...parts)
  both.tryAcquire?.()
  const [one, other] = parts
  return one.asked > 0 ? [one, other, both] : [other, one, both]
}

test.serial(
  'from the eighth permit in vain on all keeps its permits: for a second, then twice as long, and a minute at most',
  async (t) => {
    const [first, second, both] = combined(new Tried(), new Tried())
    first.left = 1
    const answer = both.acquire()
    for (let given = 1; given < 8; given++) {
      await (given % 2 === 1 ? second : first).give()
      t.is(first.held + second.held, 0)
    }
    for (const ms of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      await first.give()
      t.is(first.held, 1)
      t.is(clock.timers, 1)
      await clock.advance(ms - 1)
      t.is(first.held, 1)
      await clock.advance(1)
      t.is(first.held, 0)
      await second.give()
    }
    t.false(await isGiven(answer))
    t.true([...first.outcomes, ...second.outcomes].every((outcome) => outcome?.status === 'unused'))
    await first.give()
    await second.give()
    t.true(await isGiven(answer))
    t.is(clock.timers, 0)

    first.left = 1
    t.false(await isGiven(both.acquire()))
    t.is(first.held, 1, 'the next request keeps nothing yet')
  },
)

test.serial('all keeps its permits as long as a part without tryAcquire takes to answer', async (t) => {
  const [semaphore, slow] = [new Semaphore(1), new Manual()]
  const answer = all(semaphore, new Semaphore(1), slow).acquire()
  await clock.advance(600_000)
  t.is(clock.timers, 0)
  t.is(semaphore.tryAcquire(), undefined)
  await slow.give()
  t.true(await isGiven(answer))
})

test.serial('a part without tryAcquire may answer at once', (t) => {
  const semaphore = new Semaphore(1)
  const direct: Governor = {acquire: () => ({release() {}})}
  const permit = now(all(semaphore, direct).acquire())
  t.is(semaphore.tryAcquire(), undefined)
  permit.release()
  t.true(semaphore.isIdle)
})

test.serial('a rate that is put on hold while another part is awaited lets nothing start before', async (t) => {
  for (const wrap of [(rate: RateLimit) => rate, (rate: RateLimit) => weigh(rate, 1)]) {
    const [rate, slow] = [new RateLimit({amount: 1, per: 10}), new Manual()]
    const answer = all(wrap(rate), slow).acquire()
    rate.holdFor(1000)
    await slow.give()
    await clock.advance(999)
    t.false(await isGiven(answer))
    await clock.advance(1)
    await slow.give()
    t.true(await isGiven(answer))
  }
})

test.serial('permits that all has taken for a waiter who gives up are not used for the next one', async (t) => {
  const [tokens, slow] = [new RateLimit({amount: 10, per: 1000}), new Manual()]
  const both = all(
    weigh(tokens, ({item}: TaskContext & {item: number}) => item),
    slow,
  )
  const leaving = new AbortController()
  const left = t.throwsAsync(Promise.resolve(both.acquire({context: contextOf(1), signal: leaving.signal})))
  const next = both.acquire({context: contextOf(8)})
  leaving.abort(new Error('gone'))
  await left
  await slow.give()
  t.deepEqual(slow.outcomes, [{status: 'unused'}])
  await slow.give()
  t.true(await isGiven(next))
  t.truthy(tokens.tryAcquire({cost: 2}))
  t.is(tokens.tryAcquire({cost: 1}), undefined)
})

test.serial('nobody overtakes the first waiter of all while a permit is given back for it', async (t) => {
  const [first, second, both] = combined(new Tried(), new Tried())
  const answer = both.acquire()
  const overtaking: unknown[] = []
  const permit = first.permit.bind(first)
  first.permit = () => ({
    release: () => {
      first.left = second.left = 1
      overtaking.push(both.tryAcquire?.())
      overtaking.push('then' in both.acquire())
      first.left = second.left = 0
    },
  })
  await first.give()
  first.permit = permit
  t.deepEqual(overtaking, [undefined, true])
  first.left = 1
  await second.give()
  t.true(await isGiven(answer))
})

test.serial('every all asks its parts in the same order, and one without tryAcquire last', async (t) => {
  const asked: string[] = []
  const parts = ['a', 'b', 'c'].map((name): Governor => {
    const ask = (): Permit => {
      asked.push(name)
      return {release() {}}
    }
    return {acquire: ask, tryAcquire: ask}
  })
  const last: Governor = {
    acquire: () => {
      asked.push('last')
      return {release() {}}
    },
  }
  for (const order of [parts, parts.toReversed(), [...parts, last], [...parts.toReversed(), last]])
    now(all(...order).acquire())
  const first = asked.slice(0, 3)
  t.deepEqual(first.toSorted(), ['a', 'b', 'c'])
  t.deepEqual(asked, [...first, ...first, ...first, 'last', ...first, 'last'])
})

test.serial('all is idle when each of its parts is', (t) => {
  const [one, other] = [new Semaphore(2), new Semaphore(2)]
  const both = all(one, other)
  const permit = now(one.acquire())
  t.false(both.isIdle)
  permit.release()
  t.true(both.isIdle)
})

test.serial('a permit of a rate counts as a start when the part that all waits for has answered', async (t) => {
  for (const wrap of [(rate: RateLimit) => rate, (rate: RateLimit) => weigh(rate, 1)]) {
    const [rate, slow] = [new RateLimit({amount: 1, per: 100}), new Manual()]
    const answer = all(wrap(rate), slow).acquire()
    await clock.advance(250)
    t.is(rate.tryAcquire(), undefined)
    await slow.give()
    t.true(await isGiven(answer))
    await clock.advance(99)
    t.is(rate.tryAcquire(), undefined)
    await clock.advance(1)
    t.truthy(rate.tryAcquire())
  }
})

test.serial('all is not idle while a request waits, whatever its parts say', async (t) => {
  const slow = Object.assign(new Manual(), {isIdle: true})
  const one = all(slow)
  t.true(one.isIdle)
  const answer = one.acquire()
  t.false(one.isIdle)
  await slow.give()
  t.true(await isGiven(answer))
  t.true(one.isIdle)
})

test.serial('what acquire of a part throws rejects the request that waits for it', async (t) => {
  const semaphore = new Semaphore(1)
  const refusing: Governor = {
    tryAcquire: () => undefined,
    acquire() {
      throw new Error('closed')
    },
  }
  await t.throwsAsync(Promise.resolve(all(semaphore, refusing).acquire()), {message: 'closed'})
  t.true(semaphore.isIdle)
})

const noPermits: ReadonlyArray<readonly [how: string, governor: object, got: string]> = [
  ['acquire gives undefined', {acquire: () => undefined}, 'undefined'],
  ['acquire gives a promise of a number', {acquire: async () => 7}, '7'],
  ['tryAcquire gives null', {acquire: never, tryAcquire: () => null}, 'null'],
  [
    'acquire gives a promise of {} after a wait',
    {acquire: async () => ({}), tryAcquire: () => undefined},
    'an object of class Object',
  ],
]
for (const [how, governor, got] of noPermits)
  test.serial(`all rejects a request if ${how} and no permit, and gives back the permits of the others`, async (t) => {
    const semaphore = new Semaphore(1)
    const both = all(semaphore, governor as Governor)
    await t.throwsAsync(async () => both.acquire(), {
      instanceOf: TypeError,
      message: `A governor must give a permit, an object with release; got ${got}`,
    })
    t.true(semaphore.isIdle)
    await t.throwsAsync(async () => all(semaphore, weigh(governor as Governor, 1)).acquire(), {instanceOf: TypeError})
    t.true(semaphore.isIdle)
  })

test.serial('weigh gives no permit if its governor gives none', async (t) => {
  for (const acquire of [() => 7, async () => 7]) {
    const weighed = weigh({acquire} as unknown as Governor, 1)
    const message = 'A governor must give a permit, an object with release; got 7'
    await t.throwsAsync(async () => weighed.acquire(), {instanceOf: TypeError, message})
  }
})

function never(): Promise<never> {
  return new Promise(() => {})
}

test.serial('a part of all that throws when its permit is given back keeps no permit of the others', async (t) => {
  const broken: Governor = {
    acquire: never,
    tryAcquire: () => ({
      release() {
        throw new Error('not released')
      },
    }),
  }
  const [semaphore, busy] = [new Semaphore(1), new Semaphore(1)]
  const several = all(broken, semaphore, busy)
  const held = now(busy.acquire())
  const reported = await reportedDuring(async () => {
    const answer = several.acquire()
    t.true(semaphore.isIdle)
    held.release()
    t.true(await isGiven(answer))
  })
  t.deepEqual(reported, [new Error('not released')])
})

test.serial('a part whose acquire throws for each of ten thousand waiters rejects each with its error', async (t) => {
  const closing = new AbortController()
  const refusing: Governor = {
    tryAcquire: () => undefined,
    acquire() {
      closing.signal.throwIfAborted()
      return new Promise((_, reject) => {
        closing.signal.addEventListener('abort', () => reject(closing.signal.reason))
      })
    },
  }
  const both = all(new Semaphore(1), refusing)
  const left = Array.from({length: 10_000}, () => Promise.resolve(both.acquire()))
  closing.abort('closed')
  const reasons = await Promise.all(left.map((answer) => answer.then(String, String)))
  t.deepEqual([...new Set(reasons)], ['closed'])
})

test.serial('all corrects the costs of those parts that can be corrected, until the permit is released', async (t) => {
  const [tokens, requests] = [new RateLimit({amount: 100, per: 1000}), new Semaphore(100)]
  const permit = now(all(tokens, requests).acquire({cost: 100}))
  permit.correct?.(40)
  permit.release()
  permit.correct?.(10)
  t.is(tokens.tryAcquire({cost: 61}), undefined)
  t.truthy(tokens.tryAcquire({cost: 60}))
})

test.serial('a permit of several is given back by disposal, to each of them and only once', (t) => {
  for (const wrap of [all, (governor: Governor) => weigh(governor, 1)]) {
    const semaphore = new Semaphore(2)
    const other = now(semaphore.acquire())
    const permit = now(wrap(semaphore).acquire())
    permit[Symbol.dispose]()
    t.truthy(semaphore.tryAcquire())
    permit.release()
    t.is(semaphore.tryAcquire(), undefined)
    other.release()
  }
})

// weigh

test.serial('weigh passes a request without a context on unchanged', (t) => {
  const semaphore = new Semaphore(3)
  const weighed = weigh(semaphore, 2)
  t.truthy(weighed.tryAcquire?.())
  t.truthy(semaphore.tryAcquire({cost: 2}))
  t.is(weigh(semaphore, Number).tryAcquire?.(), undefined)
})

test.serial('weigh of all asks each part for the same cost, also behind another all', (t) => {
  for (const wrap of [all, (governor: Governor) => governor]) {
    const [two, three, other] = [new Semaphore(2), new Semaphore(3), new Semaphore(1)]
    const weighed = weigh(wrap(all(two, three)), 2)
    now(all(weighed, other).acquire({context: contextOf(1)}))
    t.is(two.tryAcquire(), undefined)
    t.truthy(three.tryAcquire())
    t.is(three.tryAcquire(), undefined)
  }
})

test.serial('a wait behind weigh ends with the signal', async (t) => {
  const semaphore = new Semaphore(1)
  now(semaphore.acquire())
  const leaving = new AbortController()
  const answer = Promise.resolve(weigh(semaphore, 1).acquire({context: contextOf(1), signal: leaving.signal}))
  leaving.abort(new Error('gone'))
  await t.throwsAsync(answer, {message: 'gone'})
})

test.serial('weigh of a governor without tryAcquire has none either', (t) => {
  const weighed = weigh(new Manual(), 1)
  t.false(typeof weighed.tryAcquire === 'function')
  t.throws(() => all(weighed, new Semaphore(1)), {message: /^governor 1 of 2 must have tryAcquire, or come last; got/})
})

test.serial('the true cost is asked for only of a value, and where there is a context', (t) => {
  const tokens = new RateLimit({amount: 100, per: 1000})
  const asked: unknown[] = []
  const weighed = weigh(tokens, 10, (value) => {
    asked.push(value)
    return 0
  })
  const context = contextOf(1)
  for (const outcome of [undefined, {status: 'failed', error: 1}, {status: 'aborted'}] as const)
    now(weighed.acquire({context})).release(outcome)
  now(weighed.acquire({cost: 10})).release({status: 'ok', value: 1})
  t.deepEqual(asked, [])
  t.is(tokens.tryAcquire({cost: 61}), undefined, 'all four are still charged')
  now(weighed.acquire({context})).release({status: 'ok', value: 2})
  t.deepEqual(asked, [2])
  t.truthy(tokens.tryAcquire({cost: 60}))
})

test.serial('a value has no true cost for a governor that corrects none', (t) => {
  const semaphore = new Semaphore(1)
  const permit = now(weigh(semaphore, 1, () => 5).acquire({context: contextOf(1)}))
  permit.correct?.(3)
  permit.release({status: 'ok', value: 1})
  t.true(semaphore.isIdle)
})

test.serial('weigh passes on what a permit is corrected to by hand, until it is released', (t) => {
  const tokens = new RateLimit({amount: 100, per: 1000})
  const permit = now(weigh(tokens, 1).acquire({cost: 100}))
  permit.correct?.(40)
  permit.release()
  permit.correct?.(10)
  t.is(tokens.tryAcquire({cost: 61}), undefined)
  t.truthy(tokens.tryAcquire({cost: 60}))
})

test.serial('a weighed part that is no rate is held like any other', async (t) => {
  const [semaphore, slow] = [new Semaphore(1), new Manual()]
  const answer = all(weigh(semaphore, 1), slow).acquire()
  t.is(semaphore.tryAcquire(), undefined)
  await slow.give()
  t.true(await isGiven(answer))
})
