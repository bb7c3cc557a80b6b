/** What waits can be seen and taken out; a push has an item and a timeout of its own. */
import test from 'ava'
import {ConcurrentRunner, type Task, type TaskContext, TaskQueue} from '../../src/index.js'
import {caught, instance, manual, never, turn} from '../helpers/index.js'
import {finish, serve, standing, standings} from './serving.js'

test('waiting is what waits as of now, by priority and then by age', async (t) => {
  const queue = new TaskQueue()
  void queue.push(never, {item: 'runs'})
  serve(queue, {limit: 1})
  await turn()
  void queue.push(never)
  void queue.push(never, {item: 'b', priority: 1})
  void queue.push(never, {item: 'c', priority: -1})
  void queue.push(never, {item: 'a', priority: 1})
  const {waiting} = queue
  t.deepEqual(waiting, [
    {item: 'b', group: undefined, priority: 1},
    {item: 'a', group: undefined, priority: 1},
    {item: undefined, group: undefined, priority: 0},
    {item: 'c', group: undefined, priority: -1},
  ])
  queue.clear()
  t.is(waiting.length, 4) // a snapshot
  t.deepEqual(queue.waiting, [])
})

test('remove takes out what fits, rejects its pushes with the reason, and tells how many', async (t) => {
  const queue = new TaskQueue()
  const pushes = [1, 2, 3, 4].map((item) => queue.push(() => item, {item}))
  t.is(
    queue.remove(({item}) => (item as number) % 2 === 0, 'even'),
    2,
  )
  t.is(queue.size, 2)
  await finish(queue)
  t.deepEqual(await standings(pushes), ['1', 'rejected: even', '3', 'rejected: even'])
})

test('without a reason, remove rejects with an AbortError', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => t.fail())
  queue.remove(() => true)
  const {name, message} = instance(await caught(push), DOMException)
  t.deepEqual([name, message], ['AbortError', 'The task was removed from the queue'])
})

test('remove makes room for the calls of room that wait', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(never, {item: 'a'})
  const room = queue.room()
  queue.remove(({item}) => item === 'a')
  const push = await room
  const next = push(() => 'b')
  serve(queue)
  t.is(await next, 'b')
})

test('a predicate that throws takes nothing out', (t) => {
  const queue = new TaskQueue()
  void queue.push(never, {item: 1})
  void queue.push(never, {item: 2})
  const remove = (): number =>
    queue.remove(({item}) => {
      if (item === 2) throw new Error('of the predicate')
      return true
    })
  t.throws(remove, {message: 'of the predicate'})
  t.is(queue.size, 2)
})

test('a predicate that clears the queue removes nothing twice', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(never)
  t.is(
    queue.remove(() => {
      queue.clear('cleared')
      return true
    }, 'removed'),
    0,
  )
  t.is(await caught(push), 'cleared')
  t.is(queue.size, 0)
})

test('remove in the middle leaves the others in their order', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  for (let item = 0; item < 1000; item++) void queue.push(() => log.push(item), {item, priority: item % 3})
  queue.remove(({item}) => (item as number) % 7 > 0)
  await finish(queue, {limit: 1})
  const kept = Array.from({length: 143}, (_, index) => index * 7)
  t.deepEqual(
    log,
    kept.sort((a, b) => (b % 3) - (a % 3) || a - b),
  )
})

test('remove of all but the last leaves the last, and what is pushed behind it', async (t) => {
  const queue = new TaskQueue()
  const pushes = Array.from({length: 34}, (_, item) => queue.push(() => item, {item}))
  t.is(
    queue.remove(({item}) => item !== 33),
    33,
  )
  pushes.push(queue.push(() => 34))
  await finish(queue, {limit: 1})
  t.deepEqual(await standings(pushes.slice(32)), ['rejected: AbortError', '33', '34'])
})

test('a push’s item is its context’s, in events too', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  const items: unknown[] = []
  runner.on('start', ({item}) => items.push(item))
  runner.on('result', (_, {item}) => items.push(item))
  const item = {id: 1}
  t.is(await queue.push((context) => context.item, {item}), item)
  t.is(await queue.push((context) => context.item), undefined)
  await turn()
  t.deepEqual(items, [item, item, undefined, undefined])
})

test('a push’s item is its context’s, whoever calls it', async (t) => {
  class Passing extends ConcurrentRunner<unknown> {
    protected override execute(task: Task<unknown>, context: TaskContext): unknown {
      return super.execute(task, {index: context.index, item: 'other', attempt: 1, signal: context.signal})
    }
  }
  for (const make of [
    (queue: TaskQueue) => new Passing(queue),
    (queue: TaskQueue) => ConcurrentRunner.map(queue, (task, context) => task(context)),
  ]) {
    const queue = new TaskQueue()
    void make(queue).run()
    t.is(await queue.push((context) => context.item, {item: 'own'}), 'own')
    t.is(await queue.push((context) => context.item), undefined)
  }
})

test('a push’s own timeout replaces the runner’s, a longer one too', async (t) => {
  const queue = new TaskQueue()
  serve(queue, {timeout: 5})
  const [short, long, endless] = [manual(), manual(), manual()]
  const pushes = [
    queue.push(short.thunk, {timeout: 1}),
    queue.push(long.thunk, {timeout: 1_000_000}),
    queue.push(endless.thunk, {timeout: Infinity}),
  ]
  const usual = queue.push(never)
  t.is(instance(await caught(pushes[0] ?? t.fail()), DOMException).message, 'The task took longer than 1 ms')
  t.is(instance(await caught(usual), DOMException).message, 'The task took longer than 5 ms')
  t.deepEqual(await standings(pushes.slice(1)), ['pending', 'pending'])
  long.resolve('long')
  endless.resolve('endless')
  t.deepEqual(await standings(pushes.slice(1)), ['long', 'endless'])
})

test('a push’s timeout counts from its call, and not while it waits', async (t) => {
  const queue = new TaskQueue()
  const first = manual()
  serve(queue, {limit: 1})
  void queue.push(first.thunk)
  const push = queue.push(() => 'second', {timeout: 1})
  await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(await standing(push), 'pending')
  first.resolve('')
  t.is(await push, 'second')
})

test('a push refuses a wrong timeout, and takes no task then', (t) => {
  const queue = new TaskQueue()
  for (const timeout of [0, -1, Number.NaN, 2 ** 31])
    t.throws(() => queue.push(never, {timeout}), {instanceOf: RangeError, message: /^timeout/})
  t.throws(() => queue.push(never, {timeout: '1' as unknown as number}), {instanceOf: TypeError})
  t.is(queue.size, 0)
})

test('remove refuses a predicate that is no function, also while nothing waits', (t) => {
  const remove = (): unknown => new TaskQueue().remove('item' as unknown as () => boolean)
  t.throws(remove, {instanceOf: TypeError, message: 'predicate must be a function; got "item"'})
})
