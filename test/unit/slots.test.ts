import test from 'ava'
import {Context} from '../../src/context.js'
import {type Slot, type SlotOwner, Slots} from '../../src/slots.js'
import {withProperty} from './globals.js'

/** Writes down what it hears. */
class Owner implements SlotOwner {
  readonly heard: Array<readonly [what: string, slot: Slot, value?: unknown]> = []

  fulfilled(slot: Slot, value: unknown): void {
    this.heard.push(['fulfilled', slot, value])
  }

  rejected(slot: Slot, reason: unknown): void {
    this.heard.push(['rejected', slot, reason])
  }

  timedOut(slot: Slot): void {
    this.heard.push(['timedOut', slot])
  }
}

test('there are free slots until as many are taken as the limit says', (t) => {
  const slots = new Slots(2, new Owner())
  t.true(slots.hasFree)
  slots.take(new Context(0))
  t.true(slots.hasFree)
  slots.take(new Context(1))
  t.false(slots.hasFree)
  t.is(slots.taken, 2)
})

test('a slot that is given back is free again, and forgets its task', (t) => {
  const slots = new Slots(1, new Owner())
  const slot = slots.take(new Context(0))
  slots.release(slot)
  t.true(slots.hasFree)
  t.is(slots.taken, 0)
  t.is(slot.context, undefined)
})

test('a slot that was given back is used again', (t) => {
  const slots = new Slots(1, new Owner())
  const slot = slots.take(new Context(0))
  slots.release(slot)
  const context = new Context(1)
  t.is(slots.take(context), slot)
  t.is(slot.context, context)
})

test('without a limit there is always a free slot, for thousands of tasks too', (t) => {
  const slots = new Slots(Infinity, new Owner())
  const taken = Array.from({length: 3000}, (_, index) => slots.take(new Context(index)))
  t.is(new Set(taken).size, 3000)
  t.is(slots.taken, 3000)
  t.true(slots.hasFree)
  for (const slot of taken) slots.release(slot)
  t.is(slots.taken, 0)
})

test('a lower limit takes no slot away, and frees none before it is kept', (t) => {
  const slots = new Slots(3, new Owner())
  const [first, second] = [0, 1, 2].map((index) => slots.take(new Context(index)))
  slots.limit = 2
  t.is(slots.taken, 3)
  t.false(slots.hasFree)
  if (first) slots.release(first)
  t.false(slots.hasFree)
  if (second) slots.release(second)
  t.true(slots.hasFree)
})

test('a higher limit gives free slots at once', (t) => {
  const slots = new Slots(1, new Owner())
  slots.take(new Context(0))
  slots.limit = 2
  t.true(slots.hasFree)
})

test('a slot tells its owner how its task settled, with the very value', (t) => {
  const owner = new Owner()
  const slot = new Slots(1, owner).take(new Context(0))
  const value = {}
  const {onFulfilled, onRejected} = slot
  onFulfilled(value)
  onRejected(undefined)
  t.deepEqual(owner.heard, [
    ['fulfilled', slot, value],
    ['rejected', slot, undefined],
  ])
})

test('an abandoned slot is out of the count at once', (t) => {
  const slots = new Slots(1, new Owner())
  slots.abandon(slots.take(new Context(0)))
  t.is(slots.taken, 0)
  t.true(slots.hasFree)
})

test('an abandoned slot is never used again, and is out of the count', (t) => {
  const slots = new Slots(1, new Owner())
  const abandoned = slots.take(new Context(0))
  slots.abandon(abandoned)
  const next = slots.take(new Context(1))
  t.not(next, abandoned)
  t.true(abandoned.isAbandoned)
  t.is(slots.taken, 1)
  t.false(slots.hasFree)
})

test('an abort reaches every task that is running, and no other', (t) => {
  const slots = new Slots(3, new Owner())
  const contexts = [0, 1, 2].map((index) => new Context(index))
  const [over, ...running] = contexts.map((context) => slots.take(context))
  if (over) slots.release(over)
  const reason = new Error('enough')
  slots.abort(reason)
  t.is(running.length, 2)
  t.deepEqual(
    contexts.map(({signal}) => signal.aborted),
    [false, true, true],
  )
  t.is(contexts[1]?.signal.reason, reason)
})

test('an abort does not reach the task of an abandoned slot, nor one that got its outcome', (t) => {
  const slots = new Slots(2, new Owner())
  const [abandoned, delivered] = [new Context(0), new Context(1)]
  slots.abandon(slots.take(abandoned))
  slots.take(delivered).context = undefined
  slots.abort('enough')
  t.false(abandoned.signal.aborted)
  t.false(delivered.signal.aborted)
})

/** Runs a body with timers that only it sets off. */
function withTimers(body: (timers: Map<object, readonly [callback: () => void, ms: number]>) => void): void {
  const timers = new Map<object, readonly [() => void, number]>()
  const set = (callback: () => void, ms: number): object => {
    const timer = {}
    timers.set(timer, [callback, ms])
    return timer
  }
  const clear = (timer: object): void => void timers.delete(timer)
  withProperty(globalThis, 'setTimeout', set, () => withProperty(globalThis, 'clearTimeout', clear, () => body(timers)))
}

test('a slot tells its owner when its time is over', (t) => {
  const owner = new Owner()
  const slot = new Slots(1, owner).take(new Context(0))
  withTimers((timers) => {
    slot.startTimer(50)
    const [timer] = timers.values()
    t.is(timer?.[1], 50)
    t.deepEqual(owner.heard, [])
    timer?.[0]()
    t.deepEqual(owner.heard, [['timedOut', slot]])
  })
})

test('a timer that is stopped is cleared, and stopping twice or without one does nothing', (t) => {
  const slot = new Slots(1, new Owner()).take(new Context(0))
  withTimers((timers) => {
    slot.stopTimer()
    slot.startTimer(50)
    t.is(timers.size, 1)
    slot.stopTimer()
    t.is(timers.size, 0)
    slot.startTimer(60)
    slot.stopTimer()
    slot.stopTimer()
    t.is(timers.size, 0)
  })
})

test('once nothing runs, 1024 slots are kept for later, and the rest is let go', (t) => {
  const slots = new Slots(Infinity, new Owner())
  const takeMany = (): Slot[] => Array.from({length: 1500}, (_, index) => slots.take(new Context(index)))
  const first = takeMany()
  for (const slot of first) slots.release(slot)
  const known = new Set(first)
  t.is(takeMany().filter((slot) => known.has(slot)).length, 1024)
})

test('a slot that was let go is not heard of again, and those that are kept are', (t) => {
  const slots = new Slots(Infinity, new Owner())
  const first = Array.from({length: 1100}, (_, index) => slots.take(new Context(index)))
  for (const slot of first) slots.release(slot)
  const kept = slots.take(new Context(0))
  for (const slot of first) slot.context ??= new Context(0) // as if a task ran in each
  slots.abort('over')
  t.is(first.filter(({context}) => context?.signal.aborted).length, 1024)
  t.is(kept.context?.signal.reason, 'over')
})
