import anyTest, {type TestFn} from 'ava'
import * as loop from '../../src/event-loop.js'
import {turn as turns} from '../helpers/turn.js'
import {turnsAskedBy} from '../helpers/turns-asked.js'

const nowOf = (clock: Performance): (() => number) => Reflect.get(clock, 'now')
let replacedNow = nowOf(performance)
let now = 1e6

/** All runs share the state of the guard, and so do these tests: they run one by one, and each leaves none behind. */
const test: TestFn = anyTest.serial as TestFn

const turn = (): Promise<void> => turns(1)

test.beforeEach(async () => {
  await turn()
  now += 1000
  replacedNow = nowOf(performance)
  performance.now = () => now
})

test.afterEach(async () => {
  await turn()
  performance.now = replacedNow
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

test('after a turn the time counts anew', async (t) => {
  loop.isOverdue()
  now += 10
  t.true(loop.isOverdue())
  await turn()
  t.false(loop.isOverdue())
  now += 3
  t.false(loop.isOverdue())
})

test('time that passes between two turns in which nobody asks does not count', async (t) => {
  loop.isOverdue()
  await turn()
  now += 10_000
  t.false(loop.isOverdue())
})

test('one turn of the event loop is asked for at a time, whatever the number of callers', (t) => {
  const asked = turnsAskedBy(() => {
    loop.isOverdue()
    loop.isOverdue()
    loop.turnTime()
    loop.yieldToEventLoop(() => {})
    loop.yieldToEventLoop(() => {})
  })
  t.is(asked, 1)
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

test('the time of a turn is read once, unless the clock is read for the guard meanwhile', async (t) => {
  const first = now
  t.is(loop.turnTime(), first)
  now += 5
  t.is(loop.turnTime(), first)
  loop.isOverdue()
  t.is(loop.turnTime(), first + 5)
  now += 5
  await turn()
  t.is(loop.turnTime(), first + 10)
})

test('a caller that yields to the event loop is called back once, when it has turned, in order', async (t) => {
  const calls: string[] = []
  loop.yieldToEventLoop(() => calls.push('a'))
  loop.yieldToEventLoop(() => calls.push('b'))
  t.deepEqual(calls, [])
  await turn()
  t.deepEqual(calls, ['a', 'b'])
  await turn()
  t.deepEqual(calls, ['a', 'b'])
})

test('a caller that yields again while it is called back waits for another turn', async (t) => {
  const calls: string[] = []
  loop.yieldToEventLoop(() => {
    calls.push('first')
    loop.yieldToEventLoop(() => calls.push('second'))
  })
  loop.yieldToEventLoop(() => calls.push('other'))
  await turn()
  t.deepEqual(calls, ['first', 'other'])
  await turn()
  t.deepEqual(calls, ['first', 'other', 'second'])
})

test('a caller that is called back has a turn of its own to work in', async (t) => {
  const overdue: boolean[] = []
  loop.isOverdue()
  now += 5
  overdue.push(loop.isOverdue())
  loop.yieldToEventLoop(() => overdue.push(loop.isOverdue()))
  await turn()
  t.deepEqual(overdue, [true, false])
})
