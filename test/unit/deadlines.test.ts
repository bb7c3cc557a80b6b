import anyTest, {type TestFn} from 'ava'
import {Context} from '../../src/context.js'
import {Deadlines} from '../../src/deadlines.js'
import {Slot} from '../../src/slots.js'
import {turn} from '../helpers/turn.js'
import {turnsAskedBy} from '../helpers/turns-asked.js'

interface Timer {
  readonly callback: () => void
  readonly at: number
  /** Whether it keeps the process alive. */
  isHolding: boolean
}

/** The clock and the timers of the test: time passes when the test says so. */
let now = 0
let timers: Timer[] = []
let armed = 0

const real = {setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout}
const nowOf = (clock: Performance): (() => number) => Reflect.get(clock, 'now')
let replacedNow = nowOf(performance)

/** The tests share the clock, so they run one by one. */
const test: TestFn = anyTest.serial as TestFn

test.beforeEach(async () => {
  await turn(1) // the time of a turn is read once
  now += 1000
  replacedNow = nowOf(performance)
  performance.now = () => now
  timers = []
  armed = 0
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    armed++
    const timer: Timer = {callback, at: now + ms, isHolding: true}
    timers.push(timer)
    return Object.assign(timer, {
      ref: () => (timer.isHolding = true),
      unref: () => (timer.isHolding = false),
    })
  }) as never
  globalThis.clearTimeout = (timer) => {
    timers = timers.filter((other) => other !== (timer as unknown))
  }
})

test.afterEach(async () => {
  await turn()
  Object.assign(globalThis, real)
  performance.now = replacedNow
})

/** Lets time pass: the event loop turns first, then each timer fires when it is due. */
async function pass(ms: number): Promise<void> {
  const end = now + ms
  await turn(1)
  for (;;) {
    const next = timers.toSorted((a, b) => a.at - b.at)[0]
    if (next === undefined || next.at > end) break
    now = Math.max(now, next.at)
    fire(next)
    await turn(1)
  }
  now = end
}

function fire(timer: Timer): void {
  timers = timers.filter((other) => other !== timer)
  timer.callback()
}

interface Setting {
  readonly deadlines: Deadlines
  /** Gives a named task its time. */
  readonly add: (name: string, timeout: number) => Slot
  /** A task has settled: takes its time back. */
  readonly remove: (slot: Slot) => void
  /** What has timed out: `a 10`. */
  readonly log: string[]
}

function setting(onExpired?: (name: string) => void): Setting {
  const slots: Slot[] = []
  const names = new Map<Slot, string>()
  const log: string[] = []
  const deadlines = new Deadlines(slots, (slot, timeout) => {
    const name = names.get(slot) ?? ''
    log.push(`${name} ${timeout}`)
    onExpired?.(name)
  })
  return {
    deadlines,
    log,
    add: (name, timeout) => {
      const slot = new Slot({fulfilled: () => {}, rejected: () => {}})
      slot.context = new Context(slots.push(slot), undefined, 1)
      names.set(slot, name)
      deadlines.add(slot, timeout)
      return slot
    },
    remove: (slot) => {
      if (slot.timeout !== undefined) deadlines.remove(slot)
    },
  }
}

test('a task that has had its time is reported, once, with its timeout', async (t) => {
  const {add, log} = setting()
  const slot = add('a', 10)
  await pass(9)
  t.deepEqual(log, [])
  await pass(1)
  t.deepEqual(log, ['a 10'])
  t.is(slot.timeout, undefined)
  await pass(100)
  t.deepEqual(log, ['a 10'])
})

test('a task that is removed in time is not reported', async (t) => {
  const {add, remove, log} = setting()
  const slot = add('a', 10)
  remove(slot)
  t.is(slot.timeout, undefined)
  await pass(100)
  t.deepEqual(log, [])
})

test('tasks time out in the order of their deadlines, whatever their timeouts', async (t) => {
  const {add, log} = setting()
  add('a', 30)
  add('b', 10)
  await pass(5)
  add('c', 10)
  add('d', 20)
  await pass(100)
  t.deepEqual(log, ['b 10', 'c 10', 'd 20', 'a 30'])
})

for (const [which, left] of [
  ['first', ['b 10', 'c 10']],
  ['middle', ['a 10', 'c 10']],
  ['last', ['a 10', 'b 10']],
] as const)
  test(`the ${which} of three with the same timeout can be removed, and the others time out`, async (t) => {
    const {add, remove, log} = setting()
    const [first, middle, last] = [add('a', 10), add('b', 10), add('c', 10)]
    remove({first, middle, last}[which])
    await pass(10)
    t.deepEqual(log, [...left])
  })

test('all tasks have one timer, which is set anew for a task whose deadline is earlier', (t) => {
  const {add} = setting()
  for (let count = 0; count < 100; count++) add('a', 20)
  t.is(armed, 1)
  for (let count = 0; count < 100; count++) add('b', 10)
  for (let count = 0; count < 100; count++) add('c', 20)
  t.is(armed, 2)
  t.deepEqual(
    timers.map(({at}) => at - now),
    [10],
  )
})

test('among tasks that time out at the same moment, the first in the source comes first, whatever their slots', async (t) => {
  const {add, log} = setting()
  const [a, b] = [add('a', 10), add('b', 10)]
  ;[a.context, b.context] = [b.context, a.context]
  await pass(10)
  t.deepEqual(log, ['b 10', 'a 10'])
})

test('with very many slots the timer is set further ahead, so that looking at all of them takes little time', async (t) => {
  const {add, log} = setting()
  for (let count = 0; count < 50_000; count++) add('a', count === 0 ? 5 : 6)
  await pass(5)
  t.deepEqual(log, ['a 5'])
  t.deepEqual(
    timers.map(({at}) => at - now),
    [10],
  )
  await pass(10)
  t.is(log.length, 50_000)
})

test('a task with a short timeout among very many slots has them looked at no more often', async (t) => {
  const {add, log} = setting()
  for (let count = 0; count < 50_000; count++) add('a', 100)
  for (let count = 0; count < 10; count++) {
    add('b', 1)
    await pass(1)
  }
  await pass(1)
  t.is(armed, 3) // for a, for all b, and for a again
  t.deepEqual(log, Array<string>(10).fill('b 1'))
})

test('when the first task has settled, the timer waits for the next deadline', async (t) => {
  const {add, remove, log} = setting()
  const slot = add('a', 10)
  await pass(6)
  add('b', 10)
  remove(slot)
  await pass(9)
  t.deepEqual(log, [])
  t.is(timers.length, 1)
  await pass(1)
  t.deepEqual(log, ['b 10'])
})

test('a timer that fires early by the clock counts all the same', (t) => {
  const {add, log} = setting()
  add('a', 10)
  now += 9.5 // timers and clocks round
  for (const timer of timers) fire(timer)
  t.deepEqual(log, ['a 10'])
})

test('a task that starts when another has timed out has its full time', async (t) => {
  const {add, log} = setting((name) => {
    if (name === 'a') add('b', 10)
  })
  add('a', 10)
  await pass(10)
  t.deepEqual(log, ['a 10'])
  t.is(timers.length, 1)
  await pass(9)
  t.deepEqual(log, ['a 10'])
  await pass(1)
  t.deepEqual(log, ['a 10', 'b 10'])
})

for (const [late, more] of [
  [51, 10],
  [5000, 100],
] as const)
  test(`a timer that is ${late} ms late gives its tasks ${more} ms more, once: the event loop was blocked`, async (t) => {
    const {add, log} = setting()
    const timeout = late === 51 ? 10 : 100
    add('a', timeout)
    now += timeout + late
    for (const timer of timers) fire(timer)
    t.deepEqual(log, [])
    await pass(more - 1)
    t.deepEqual(log, [])
    now += 1000 // late again
    for (const timer of timers) fire(timer)
    t.deepEqual(log, [`a ${timeout}`])
    add('b', timeout)
    now += timeout + late
    for (const timer of timers) fire(timer)
    t.is(log.length, 1) // b has more time again
    await pass(more)
    t.is(log.length, 2)
  })

test('a timer that is late again gives more time to tasks that have had no more, and not to the others', async (t) => {
  const {add, log} = setting()
  add('a', 100)
  now += 400
  for (const timer of timers) fire(timer)
  add('b', 100) // the time of the turn is from before the event loop was blocked
  now += 400
  for (const timer of timers) fire(timer)
  t.deepEqual(log, ['a 100'])
  await pass(99)
  t.deepEqual(log, ['a 100'])
  await pass(1)
  t.deepEqual(log, ['a 100', 'b 100'])
})

test('a task that starts while others time out is not timed out with them, though the time of the turn is old', (t) => {
  const {add, log} = setting((name) => {
    if (name === 'a') add('b', 10)
  })
  add('a', 10)
  now += 20
  for (const timer of timers) fire(timer)
  t.deepEqual(log, ['a 10'])
})

test('a timer that is 50 ms late counts', (t) => {
  const {deadlines, add, log} = setting()
  add('a', 10)
  now += 60
  for (const timer of timers) fire(timer)
  t.deepEqual(log, ['a 10'])
  t.notThrows(() => deadlines.hold(false)) // no timer is left
})

test('a blocked event loop gives each task its own timeout more at most', async (t) => {
  const {add, log} = setting()
  add('a', 10)
  add('b', 60)
  now += 1000
  for (const timer of timers) fire(timer)
  await pass(10)
  t.deepEqual(log, ['a 10'])
  await pass(49)
  t.deepEqual(log, ['a 10'])
  await pass(1)
  t.deepEqual(log, ['a 10', 'b 60'])
})

test('no task times out after stop()', async (t) => {
  const {deadlines, add, log} = setting()
  for (const timeout of [30, 20, 10]) add('b', timeout)
  t.is(timers.length, 1)
  deadlines.stop()
  t.is(timers.length, 0)
  await pass(100)
  t.deepEqual(log, [])
})

test('a task that is removed when another times out at the same moment is not reported', async (t) => {
  const {add, remove, log} = setting(() => remove(other))
  add('a', 10)
  const other = add('b', 10)
  await pass(100)
  t.deepEqual(log, ['a 10'])
})

test('if no task is left after a turn of the event loop, there is no timer', async (t) => {
  const {add, remove} = setting()
  for (const timeout of [10, 20, 10, 30]) {
    const slot = add('a', timeout)
    remove(slot)
    t.is(timers.length, 1)
    await turn(1)
    t.is(timers.length, 0)
  }
})

test('tasks that come and go within a turn share the timer of the first', async (t) => {
  const {add, remove, log} = setting()
  add('a', 10)
  const asked = turnsAskedBy(() => {
    for (let count = 0; count < 100; count++) {
      const slot = add('b', 10)
      remove(slot)
    }
  })
  t.is(asked, 0) // one was always left
  await pass(10)
  t.deepEqual(log, ['a 10'])
  t.is(armed, 1)
})

test('the timer is looked at once where no task is left again and again within a turn, and later once more', async (t) => {
  const {add, remove} = setting()
  const first = add('a', 10)
  const asked = turnsAskedBy(() => {
    remove(first)
    for (let count = 0; count < 100; count++) {
      const slot = add('b', 10)
      remove(slot)
    }
  })
  t.is(asked, 1)
  const last = add('c', 10)
  await turn(1)
  t.is(armed, 1)
  t.is(timers.length, 1)
  remove(last)
  await turn(1)
  t.is(timers.length, 0)
})

test('a timeout can be used again after no task was left', async (t) => {
  const {add, remove, log} = setting()
  const slot = add('a', 10)
  remove(slot)
  await pass(50)
  add('b', 10)
  t.is(timers.length, 1)
  await pass(10)
  t.deepEqual(log, ['b 10'])
})

test('the timer keeps the process alive until hold(false), and so does one that is set later', (t) => {
  const {deadlines, add} = setting()
  const holding = (): boolean[] => timers.map(({isHolding}) => isHolding)
  add('a', 30)
  t.deepEqual(holding(), [true])
  deadlines.hold(false)
  t.deepEqual(holding(), [false])
  add('b', 20)
  t.deepEqual(holding(), [false])
  deadlines.hold(true)
  t.deepEqual(holding(), [true])
  add('c', 10)
  t.deepEqual(holding(), [true])
})

test('a timer that is armed anew for the next deadline keeps the process alive no more than the one before', async (t) => {
  const {deadlines, add, log} = setting()
  add('a', 10)
  await pass(5)
  add('b', 10)
  deadlines.hold(false)
  await pass(5)
  t.deepEqual(log, ['a 10'])
  t.deepEqual(
    timers.map(({isHolding}) => isHolding),
    [false],
  )
})

test('where timers are numbers, as in browsers, there is nothing to unref', async (t) => {
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    timers.push({callback, at: now + ms, isHolding: true})
    return 7
  }) as never
  const {deadlines, add, log} = setting()
  add('a', 10)
  t.notThrows(() => deadlines.hold(false))
  add('b', 20)
  await pass(20)
  t.deepEqual(log, ['a 10', 'b 20'])
})
