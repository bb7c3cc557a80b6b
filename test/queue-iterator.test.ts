import test from 'ava'
import {ConcurrentRunner, TaskQueue} from '../src/index.js'
import type {TaskContext, TaskFunction} from '../src/types.js'
import {isSettled} from './helpers/index.js'

type Result = IteratorResult<TaskFunction<unknown>, undefined>

const context: TaskContext = {index: 0, item: undefined, attempt: 1, signal: new AbortController().signal}
const end: Result = {done: true, value: undefined}

/** What the task that was handed out gives when it is called. */
async function valueOf(result: Promise<Result>): Promise<unknown> {
  const {value} = await result
  return value?.(context)
}

test('each call of next hands out one task, which counts as waiting until it is called', async (t) => {
  const queue = new TaskQueue()
  const iterator = queue[Symbol.asyncIterator]()
  void queue.push(() => 'a')
  void queue.push(() => 'b')
  const first = await iterator.next()
  t.is(queue.size, 2)
  t.is(await first.value?.(context), 'a')
  t.is(queue.size, 1)
  t.is(await valueOf(iterator.next()), 'b')
  t.is(queue.size, 0)
})

test('calls of next that wait on one iterator are served in their order', async (t) => {
  const queue = new TaskQueue()
  const iterator = queue[Symbol.asyncIterator]()
  const results = [iterator.next(), iterator.next(), iterator.next()].map(valueOf)
  for (const name of ['a', 'b', 'c']) void queue.push(() => name)
  t.deepEqual(await Promise.all(results), ['a', 'b', 'c'])
  t.is(queue.size, 0)
})

test('of two iterators that wait, each gets a task, and none is given twice', async (t) => {
  const queue = new TaskQueue()
  const results = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()].map((each) => valueOf(each.next()))
  for (const name of ['a', 'b']) void queue.push(() => name)
  t.deepEqual(new Set(await Promise.all(results)), new Set(['a', 'b']))
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

test('after return, next hands out nothing', async (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 'a')
  const iterator = queue[Symbol.asyncIterator]()
  await iterator.return?.()
  await iterator.return?.()
  t.deepEqual(await iterator.next(), end)
  t.is(queue.size, 1)
})

test('closing the queue ends the calls of next that wait, and every later one once no task waits', async (t) => {
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

test('thousands of tasks that were handed out and not called go back to where they stood', async (t) => {
  const queue = new TaskQueue<number>()
  for (let number = 0; number < 5000; number++) void queue.push(() => number)
  const iterator = queue[Symbol.asyncIterator]()
  for (let count = 0; count < 4000; count++) await iterator.next()
  await iterator.return?.()
  t.is(queue.size, 5000)
  queue.close()
  const results = await new ConcurrentRunner(queue, {limit: 1}).toArray()
  t.deepEqual(
    results,
    Array.from({length: 5000}, (_, number) => number),
  )
})
