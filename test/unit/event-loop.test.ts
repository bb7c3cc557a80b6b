import timers from 'node:timers'
import anyTest, {type TestFn} from 'ava'

/** The turns of the event loop that the guard asks for; they come when the test says so. */
let turns: Array<() => void> = []
let now = 1000

const {setImmediate} = timers
timers.setImmediate = ((callback: () => void) => turns.push(callback)) as never
const loop = await import('../../src/event-loop.js') // takes setImmediate when it is loaded
timers.setImmediate = setImmediate
performance.now = () => now

/** All runs share the state of the guard, and so do these tests: they run one by one, and each leaves none behind. */
const test: TestFn = anyTest.serial as TestFn

function turn(): void {
  const due = turns
  turns = []
  for (const callback of due) callback()
}

test.beforeEach(() => {
  now += 1000
})

test.afterEach((t) => {
  turn()
  t.deepEqual(turns, [])
})

test('work is not overdue when it begins, and is once 4 ms have passed without a turn of the event loop', (t) => {
  t.false(loop.isOverdue())
  now += 3.9
  t.false(loop.isOverdue())
  now += 0.1
  t.true(loop.isOverdue())
  now += 100
  t.true(loop.isOverdue())
})

test('after a turn the time counts anew', (t) => {
  loop.isOverdue()
  now += 10
  t.true(loop.isOverdue())
  turn()
  t.false(loop.isOverdue())
  now += 3
  t.false(loop.isOverdue())
})

test('time that passes between two turns in which nobody asks does not count', (t) => {
  loop.isOverdue()
  turn()
  now += 10_000
  t.false(loop.isOverdue())
})

test('one turn of the event loop is asked for at a time, whatever the number of callers', (t) => {
  loop.isOverdue()
  loop.isOverdue()
  loop.turnTime()
  loop.yieldToEventLoop(() => {})
  loop.yieldToEventLoop(() => {})
  t.is(turns.length, 1)
})

test('while units of work are short the stride doubles up to 64, and after one of 1 ms it is 1', (t) => {
  loop.isOverdue() // a second after the test before
  t.is(loop.stride, 1)
  const strides: number[] = []
  for (let read = 0; read < 8; read++) {
    now += 0.1
    loop.isOverdue()
    strides.push(loop.stride)
  }
  t.deepEqual(strides, [2, 4, 8, 16, 32, 64, 64, 64])
  now += 1
  loop.isOverdue()
  t.is(loop.stride, 1)
})

test('the time of a turn is read once, unless the clock is read for the guard meanwhile', (t) => {
  const first = now
  t.is(loop.turnTime(), first)
  now += 5
  t.is(loop.turnTime(), first)
  loop.isOverdue()
  t.is(loop.turnTime(), first + 5)
  now += 5
  turn()
  t.is(loop.turnTime(), first + 10)
})

test('a caller that yields to the event loop is called back once, when it has turned, in order', (t) => {
  const calls: string[] = []
  loop.yieldToEventLoop(() => calls.push('a'))
  loop.yieldToEventLoop(() => calls.push('b'))
  t.deepEqual(calls, [])
  turn()
  t.deepEqual(calls, ['a', 'b'])
  turn()
  t.deepEqual(calls, ['a', 'b'])
})

test('a caller that yields again while it is called back waits for another turn', (t) => {
  const calls: string[] = []
  loop.yieldToEventLoop(() => {
    calls.push('first')
    loop.yieldToEventLoop(() => calls.push('second'))
  })
  loop.yieldToEventLoop(() => calls.push('other'))
  turn()
  t.deepEqual(calls, ['first', 'other'])
  turn()
  t.deepEqual(calls, ['first', 'other', 'second'])
})

test('a caller that is called back has a turn of its own to work in', (t) => {
  const overdue: boolean[] = []
  loop.isOverdue()
  now += 5
  overdue.push(loop.isOverdue())
  loop.yieldToEventLoop(() => overdue.push(loop.isOverdue()))
  turn()
  t.deepEqual(overdue, [true, false])
})
