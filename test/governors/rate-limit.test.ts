/** What a rate charges, gives back and waits for, step by step. */
import test from 'ava'
import {all, type Permit, RateLimit} from '../../src/governors/index.js'
import {isGiven, now} from './asking.js'
import {VirtualClock} from './virtual-clock.js'

let clock: VirtualClock
/** The delays of the timers that were set. */
let delays: number[]
test.beforeEach(() => {
  clock = VirtualClock.install()
  delays = []
  const {setTimeout} = globalThis
  globalThis.setTimeout = ((call: () => void, ms: number) => {
    delays.push(ms)
    return setTimeout(call, ms)
  }) as typeof setTimeout
})
test.afterEach.always(() => {
  VirtualClock.uninstall()
})

test.serial('a rate tells its amount and its window', (t) => {
  const rate = new RateLimit({amount: 2, per: 3})
  t.deepEqual([rate.amount, rate.per], [2, 3])
})

for (const [how, hold] of [
  ['holdFor()', (rate: RateLimit) => rate.holdFor(500)],
  ['holdUntil() a number', (rate: RateLimit) => rate.holdUntil(Date.now() + 500)],
  ['holdUntil() a Date', (rate: RateLimit) => rate.holdUntil(new Date(Date.now() + 500))],
] as const)
  test.serial(`${how} lets nothing start before, and no later and shorter hold shortens it`, async (t) => {
    const rate = new RateLimit({amount: 1, per: 10})
    hold(rate)
    rate.holdFor(0)
    rate.holdFor(100)
    rate.holdUntil(0)
    await clock.advance(499)
    t.is(rate.tryAcquire(), undefined)
    t.false(rate.isIdle)
    await clock.advance(1)
    t.true(rate.isIdle)
    t.truthy(rate.tryAcquire())
  })

test.serial('a hold that begins while a request waits makes it wait as long, with one timer', async (t) => {
  const rate = new RateLimit({amount: 1, per: 100})
  now(rate.acquire())
  const waiting = rate.acquire()
  rate.holdFor(1000)
  t.is(clock.timers, 1)
  await clock.advance(999)
  t.false(await isGiven(waiting))
  await clock.advance(1)
  t.true(await isGiven(waiting))
  t.deepEqual(delays, [100, 1000])
  t.is(clock.timers, 0)
})

test.serial('a hold that is shorter than the wait for the window changes nothing', async (t) => {
  const rate = new RateLimit({amount: 1, per: 100})
  now(rate.acquire())
  const waiting = rate.acquire()
  rate.holdFor(50)
  await clock.advance(99)
  t.false(await isGiven(waiting))
  await clock.advance(1)
  t.true(await isGiven(waiting))
})

test.serial('a hold that is longer than any timer is waited for with several', async (t) => {
  const rate = new RateLimit({amount: 1, per: 1})
  const most = 2 ** 31 - 1
  rate.holdFor(2 * most + 1000)
  const waiting = rate.acquire()
  await clock.advance(2 * most + 999)
  t.false(await isGiven(waiting))
  await clock.advance(1)
  t.true(await isGiven(waiting))
  t.deepEqual(delays, [most, most, 1000])
})

test.serial('a request waits with one timer until enough of the oldest charges have left the window', async (t) => {
  const rate = new RateLimit({amount: 20, per: 1000})
  for (let count = 0; count < 5; count++) now(rate.acquire())
  await clock.advance(1000)
  for (let round = 0; round < 3; round++) {
    const begin = clock.now
    delays = []
    for (let count = 0; count < 20; count++) {
      now(rate.acquire())
      await clock.advance(1)
    }
    const waiting = rate.acquire({cost: 12})
    t.deepEqual(delays, [991])
    await clock.advance(990)
    t.false(await isGiven(waiting))
    await clock.advance(1)
    t.true(await isGiven(waiting))
    t.is(clock.now - begin, 1011)
    t.is(delays.length, 1)
    t.is(rate.tryAcquire(), undefined)
    await clock.advance(1)
    t.truthy(rate.tryAcquire())
    await clock.advance(1001)
    t.true(rate.isIdle)
  }
})

test.serial('a request that costs more than the amount waits until the window is empty', async (t) => {
  const rate = new RateLimit({amount: 2, per: 100})
  now(rate.acquire())
  await clock.advance(10)
  now(rate.acquire())
  const waiting = rate.acquire({cost: 5})
  t.deepEqual(delays, [100])
  await clock.advance(99)
  t.false(await isGiven(waiting))
  await clock.advance(1)
  t.true(await isGiven(waiting))
  t.is(rate.tryAcquire(), undefined)
})

test.serial('what is given back as unused is room for the next, wherever in the window it was', async (t) => {
  const rate = new RateLimit({amount: 10, per: 100})
  const permits: Permit[] = []
  for (let count = 0; count < 10; count++) {
    permits.push(now(rate.acquire()))
    await clock.advance(1)
  }
  for (const number of [3, 6, 3]) permits[number]?.release({status: 'unused'})
  t.truthy(rate.tryAcquire({cost: 2}))
  t.is(rate.tryAcquire(), undefined)
  const waiting = rate.acquire({cost: 5})
  t.deepEqual(delays, [95], 'that of the sixth, since the fourth was given back')
  await clock.advance(94)
  t.false(await isGiven(waiting))
  await clock.advance(1)
  t.true(await isGiven(waiting))
})

test.serial('a charge that all keeps counts until it is given back, and is not counted after that', async (t) => {
  const rate = new RateLimit({amount: 2, per: 100})
  const answers: Array<(permit: Permit) => void> = []
  const both = all(rate, {acquire: () => new Promise((resolve) => answers.push(resolve))})
  const leaving = new AbortController()
  const left = Promise.resolve(both.acquire({signal: leaving.signal}))
  await clock.advance(250)
  t.false(rate.isIdle)
  t.truthy(rate.tryAcquire())
  t.is(rate.tryAcquire(), undefined)
  leaving.abort(new Error('gone'))
  await t.throwsAsync(left, {message: 'gone'})
  t.truthy(rate.tryAcquire())
  t.is(rate.tryAcquire(), undefined)
  await clock.advance(100)
  t.true(rate.isIdle)

  const used = both.acquire()
  answers[1]?.({release() {}})
  const permit = await used
  t.false(rate.isIdle)
  permit.release({status: 'unused'})
  t.true(rate.isIdle)
})

test.serial('a rate is not idle while a request waits, though its timer is late', (t) => {
  const rate = new RateLimit({amount: 1, per: 100})
  now(rate.acquire())
  void rate.acquire()
  clock.now += 200
  t.false(rate.isIdle)
})

test.serial('a request that waits starts when a charge is given back or corrected', async (t) => {
  const rate = new RateLimit({amount: 10, per: 100})
  const [one, other] = [now(rate.acquire({cost: 5})), now(rate.acquire({cost: 5}))]
  const [first, second] = [rate.acquire({cost: 5}), rate.acquire({cost: 3})]
  one.release({status: 'unused'})
  t.true(await isGiven(first))
  t.false(await isGiven(second))
  other.correct?.(2)
  t.true(await isGiven(second))
})

test.serial('a charge that has left the window is neither given back nor corrected', async (t) => {
  const rate = new RateLimit({amount: 1, per: 100})
  const [old, older] = [now(rate.acquire({cost: 0.5})), now(rate.acquire({cost: 0.5}))]
  await clock.advance(100)
  now(rate.acquire())
  old.release({status: 'unused'})
  older.correct?.(0)
  t.is(rate.tryAcquire({cost: 0.1}), undefined)
  await clock.advance(100)
  t.true(rate.isIdle)
})

test.serial('a permit that was released is no longer corrected', (t) => {
  const rate = new RateLimit({amount: 2, per: 100})
  const permit = now(rate.acquire({cost: 2}))
  permit.release()
  permit.correct?.(0)
  permit.release({status: 'unused'})
  t.is(rate.tryAcquire(), undefined)
})

test.serial('a correction is no more than the amount, and must be a cost', (t) => {
  const rate = new RateLimit({amount: 2, per: 100})
  const permit = now(rate.acquire({cost: 1}))
  permit.correct?.(100)
  t.is(rate.tryAcquire({cost: 0.1}), undefined)
  permit.correct?.(1)
  t.truthy(rate.tryAcquire())
  t.throws(() => permit.correct?.(Number.NaN), {instanceOf: RangeError})
})
