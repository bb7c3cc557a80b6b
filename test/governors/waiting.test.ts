/** Requests that wait for a permit. */
import {getEventListeners} from 'node:events'
import test from 'ava'
import {all, RateLimit, RetryBudget, Semaphore, weigh} from '../../src/governors/index.js'
import {contextOf, isGiven, now} from './asking.js'
import {settled, VirtualClock} from './virtual-clock.js'

let clock: VirtualClock
test.beforeEach(() => {
  clock = VirtualClock.install()
})
test.afterEach.always(() => {
  VirtualClock.uninstall()
})

test.serial('where the first waiter gives up, the next one is served if it asks for less', async (t) => {
  const semaphore = new Semaphore(2)
  const rate = new RateLimit({amount: 2, per: 1000})
  for (const governor of [semaphore, rate, all(semaphore, rate)]) {
    const held = now(governor.acquire())
    const leaving = new AbortController()
    const left = Promise.resolve(governor.acquire({cost: 2, signal: leaving.signal}))
    const next = governor.acquire()
    const last = governor.acquire()
    t.false(await isGiven(next))
    leaving.abort(new Error('gone'))
    await t.throwsAsync(left, {message: 'gone'})
    t.true(await isGiven(next))
    t.false(await isGiven(last))
    held.release()
    void Promise.resolve(next).then((permit) => permit.release())
    void Promise.resolve(last).then((permit) => permit.release())
    await clock.advance(2000)
    t.true(governor.isIdle)
  }
})

test.serial('no request overtakes one that waits, even if there would be a permit for it', async (t) => {
  for (const governor of [new Semaphore(2), new RateLimit({amount: 2, per: 1000})]) {
    now(governor.acquire())
    const waiting = governor.acquire({cost: 2})
    t.is(governor.tryAcquire(), undefined)
    t.false(await isGiven(governor.acquire()))
    t.false(await isGiven(waiting))
  }
})

test.serial('who is served first leaves the others listening to the signal that they share', async (t) => {
  const semaphore = new Semaphore(1)
  const held = now(semaphore.acquire())
  const {signal, abort} = shared()
  const [first, second] = [semaphore.acquire({signal}), semaphore.acquire({signal})]
  held.release()
  t.true(await isGiven(first))
  t.is(getEventListeners(signal, 'abort').length, 1)
  abort()
  await t.throwsAsync(Promise.resolve(second), {message: 'gone'})
})

test.serial('a semaphore has as many places as were not taken, one by one', (t) => {
  const semaphore = new Semaphore(3)
  t.is(semaphore.capacity, 3)
  const [one, two] = [now(semaphore.acquire({cost: 2})), now(semaphore.acquire())]
  one.release()
  t.truthy(semaphore.tryAcquire({cost: 2}))
  t.is(semaphore.tryAcquire({cost: 1}), undefined)
  two[Symbol.dispose]()
  t.truthy(semaphore.tryAcquire())
  t.is(new Semaphore(Infinity).capacity, Infinity)
})

test.serial('a waiter in the middle gives up, and the others are served in their order', async (t) => {
  const semaphore = new Semaphore(1)
  const held = now(semaphore.acquire())
  const served: number[] = []
  const leaving = new AbortController()
  for (let place = 0; place < 5; place++)
    Promise.resolve(semaphore.acquire(place % 2 === 1 ? {signal: leaving.signal} : {})).then(
      (permit) => {
        permit.release()
        return served.push(place)
      },
      () => served.push(-place),
    )
  leaving.abort()
  await settled()
  t.deepEqual(served, [-1, -3])
  held.release()
  await settled()
  t.deepEqual(served, [-1, -3, 0, 2, 4])
})

test.serial('waiters of all that share a signal leave nothing behind when it aborts', async (t) => {
  const semaphore = new Semaphore(1)
  const held = now(semaphore.acquire())
  const both = all(semaphore, new Semaphore(1))
  const {signal, abort} = shared()
  const left = [both.acquire({signal}), both.acquire({signal}), both.acquire({signal})]
  abort()
  for (const answer of left) await t.throwsAsync(Promise.resolve(answer), {message: 'gone'})
  t.is(getEventListeners(signal, 'abort').length, 0)
  held.release()
  t.true(semaphore.isIdle)
})

test.serial('a waiter whose signal has aborted is given no permit when a waiter before it leaves', async (t) => {
  for (const governor of [new Semaphore(2), new RateLimit({amount: 2, per: 1000})]) {
    const held = now(governor.acquire())
    const {signal, abort} = shared()
    const left = [governor.acquire({cost: 2, signal}), governor.acquire({signal})]
    const last = governor.acquire()
    abort()
    for (const answer of left) await t.throwsAsync(Promise.resolve(answer), {message: 'gone'})
    t.true(await isGiven(last))
    t.is(getEventListeners(signal, 'abort').length, 0)
    held.release()
  }
})

test.serial('ten thousand waiters of all that share a signal all reject with its reason', async (t) => {
  const semaphore = new Semaphore(1)
  const both = all(semaphore, new Semaphore(1))
  const held = now(semaphore.acquire())
  const {signal, abort} = shared()
  const left = Array.from({length: 10_000}, () => Promise.resolve(both.acquire({signal})))
  const last = both.acquire()
  abort()
  const reasons = await Promise.all(left.map((answer) => answer.then(String, String)))
  t.deepEqual([...new Set(reasons)], ['Error: gone'])
  held.release()
  t.true(await isGiven(last))
})

for (const isWaiting of [true, false])
  test.serial(
    `a request that is aborted while a governor ${isWaiting ? 'serves' : 'tries'} it rejects, and takes nothing`,
    async (t) => {
      const [semaphore, other] = [new Semaphore(1), new Semaphore(1)]
      const {signal, abort} = shared()
      let isAborting = !isWaiting
      const costOf = (): number => {
        if (isAborting) abort()
        return 1
      }
      const both = all(semaphore, weigh(other, costOf))
      const held = now((isWaiting ? semaphore : other).acquire())
      const answer = Promise.resolve(both.acquire({signal, context: contextOf(1)}))
      const next = both.acquire()
      isAborting = true
      if (isWaiting) held.release()
      await t.throwsAsync(answer, {message: 'gone'})
      if (!isWaiting) held.release()
      t.true(await isGiven(next))
      void Promise.resolve(next).then((permit) => permit.release())
      await settled()
      t.true(semaphore.isIdle && other.isIdle)
    },
  )

function shared(): {signal: AbortSignal; abort: () => void} {
  const controller = new AbortController()
  return {signal: controller.signal, abort: () => controller.abort(new Error('gone'))}
}

test.serial('a request whose cost cannot be told rejects in its turn, and the next one is served', async (t) => {
  const semaphore = new Semaphore(1)
  let hasBroken = false
  const weighed = weigh(new Semaphore(1), () => {
    if (hasBroken) throw new Error('no cost')
    return 1
  })
  const both = all(weighed, semaphore)
  const held = now(semaphore.acquire())
  const broken = t.throwsAsync(Promise.resolve(both.acquire({context: contextOf(1)})), {message: 'no cost'})
  const next = both.acquire()
  hasBroken = true
  held.release()
  await broken
  t.true(await isGiven(next))
})

test.serial(
  'a permit that a thousand requests cannot use goes from one to the next without a deep stack',
  async (t) => {
    const [passed, busy] = [new Semaphore(1), new Semaphore(1)]
    all(passed, new Semaphore(1)) // from now on every all asks it before one that it sees later
    const [first, second] = [now(passed.acquire()), now(busy.acquire())]
    let given = 0
    for (let count = 0; count < 1000; count++)
      void Promise.resolve(all(passed, busy).acquire()).then((permit) => {
        permit.release()
        return ++given
      })
    t.notThrows(() => first.release())
    t.truthy(passed.tryAcquire({cost: 0}))
    second.release()
    await settled()
    t.is(given, 1000)
  },
)

test.serial('what is given to a retry budget that nothing was taken from allows no more than before', (t) => {
  const budget = new RetryBudget({min: 1, ratio: 1})
  budget.give()
  budget.leave()
  t.deepEqual([budget.take(), budget.take()], [true, false])
  budget.enter()
  t.false(budget.take())
  budget.enter()
  t.true(budget.take())
})
