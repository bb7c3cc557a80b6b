import test from 'ava'
import {Context} from '../../src/context.js'
import {TaskQueue} from '../../src/queue.js'
import type {Task} from '../../src/types.js'
import {isSettled} from '../helpers/index.js'

type Result = IteratorResult<Task<unknown>, undefined>

/** What the task that was taken gives. */
async function valueOf(result: Result | Promise<Result>): Promise<unknown> {
  const {value} = await result
  return typeof value === 'function' ? value(new Context(0)) : value
}

const end: Result = {done: true, value: undefined}

test('each call of next takes one task, and the size counts those left', async (t) => {
  const queue = new TaskQueue()
  const iterator = queue[Symbol.asyncIterator]()
  void queue.push(() => 'a')
  void queue.push(() => 'b')
  t.is(queue.size, 2)
  t.is(await valueOf(iterator.next()), 'a')
  t.is(queue.size, 1)
  t.is(await valueOf(iterator.next()), 'b')
  t.is(queue.size, 0)
})

test('calls of next that wait are served in their order, whichever iterator they came through', async (t) => {
  const queue = new TaskQueue()
  const [one, two] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()]
  const results = [one.next(), two.next(), one.next()].map(valueOf)
  for (const name of ['a', 'b', 'c']) void queue.push(() => name)
  t.is(queue.size, 0)
  t.deepEqual(await Promise.all(results), ['a', 'b', 'c'])
})

test('return ends the calls of next that wait on this iterator, and on no other', async (t) => {
  const queue = new TaskQueue()
  const [left, other] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()]
  const [first, second, waiting] = [left.next(), left.next(), other.next()]
  t.deepEqual(await left.return?.(), end)
  t.deepEqual(await Promise.all([first, second]), [end, end])
  t.false(await isSettled(waiting))
  void queue.push(() => 'a')
  t.is(await valueOf(waiting), 'a')
})

test('after return, next takes nothing', async (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 'a')
  const iterator = queue[Symbol.asyncIterator]()
  await iterator.return?.()
  await iterator.return?.()
  t.deepEqual(await iterator.next(), end)
  t.is(queue.size, 1)
})

test('closing ends the calls of next that wait, and every later one once no task waits', async (t) => {
  const queue = new TaskQueue()
  const iterator = queue[Symbol.asyncIterator]()
  const waiting = [iterator.next(), iterator.next()]
  queue.close()
  t.deepEqual(await Promise.all(waiting), [end, end])
  t.deepEqual(await iterator.next(), end)
})

test('the tasks of a closed queue are handed out before it ends', async (t) => {
  const queue = new TaskQueue()
  const iterator = queue[Symbol.asyncIterator]()
  void queue.push(() => 'a')
  queue.close()
  t.is(await valueOf(iterator.next()), 'a')
  t.deepEqual(await iterator.next(), end)
})
