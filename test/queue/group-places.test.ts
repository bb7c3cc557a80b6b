/** Places in groups: who has one, who waits for one, and what becomes of the permits of governors. */
import test from 'ava'
import {Semaphore} from '../../src/governors/index.js'
import {type Permit, type PermitOutcome, type PermitRequest, TaskQueue} from '../../src/index.js'
import {caught, instance, manual, turn} from '../helpers/index.js'
import {finish, serve, standing, standings, tracked} from './serving.js'

/** A governor that gives a permit only when the test says so, and heeds no signal. */
class Manual {
  tries = 0
  readonly outcomes: Array<PermitOutcome | undefined> = []
  readonly waiting: Array<() => void> = []
  readonly isIdle = false

  tryAcquire(): Permit | undefined {
    this.tries++
    return undefined
  }

  acquire(): PromiseLike<Permit> {
    return new Promise((resolve) => {
      this.waiting.push(() => resolve({release: (outcome) => void this.outcomes.push(outcome)}))
    })
  }
}

const fails = ({attempt}: {readonly attempt: number}): string => {
  if (attempt === 1) throw new Error('once')
  return `attempt ${attempt}`
}

test('a group keeps its turn when more is pushed to it', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const name of ['a1', 'b1', 'a2', 'c1', 'a3', 'b2'])
    void queue.push(() => void log.push(name), {group: name.charAt(0)})
  await finish(queue, {limit: 1})
  t.is(log.join(' '), 'a1 b1 c1 a2 b2 a3')
})

test('when a task goes back, the next turn belongs to its group, or to the tasks without one', async (t) => {
  for (const group of ['b', undefined]) {
    const queue = new TaskQueue()
    const log: string[] = []
    const push = (name: string, key: unknown): void =>
      void queue.push(() => void log.push(name), {group: key, item: name})
    push('first', 'a')
    push('back', group)
    push('c1', 'c')
    push('d1', 'd')
    const [kept, left] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()]
    const {value: first} = await kept.next()
    await left.next()
    await left.return?.()
    void first?.({index: 0, attempt: 1, item: undefined, signal: new AbortController().signal})
    await finish(queue, {limit: 1})
    t.is(log.join(' '), 'first back c1 d1')
  }
})

test('a task that went back counts for the capacity of its group again', async (t) => {
  const queue = new TaskQueue({groups: {capacity: 1}})
  const first = queue.push(() => 'first', {group: 'a'})
  const reader = queue[Symbol.asyncIterator]()
  await reader.next()
  await reader.return?.()
  t.is(await standing(queue.push(() => 1, {group: 'a'})), 'rejected: QuotaExceededError')
  serve(queue)
  t.is(await first, 'first')
  t.is(await standing(queue.push(() => 2, {group: 'a'})), '2')
})

test('clear empties a group that goes on running: its capacity is free, and its size counted', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1, capacity: 2}})
  const {log, push, end} = tracked(queue)
  serve(queue, {limit: 3})
  void push('a', 'a1')
  await turn()
  const cleared = [push('a', 'a2'), push('a', 'a3')]
  queue.clear('enough')
  t.is(queue.size, 0)
  t.deepEqual(await standings(cleared), ['rejected: enough', 'rejected: enough'])
  t.is(queue.size, 0)
  const next = [push('a', 'a4'), push('a', 'a5')]
  t.deepEqual(await standings(next), ['pending', 'pending'])
  t.is(queue.size, 2)
  t.deepEqual(log, ['a1'])
  for (const name of ['a1', 'a4', 'a5']) await end(name)
  t.deepEqual(log, ['a1', 'a4', 'a5'])
})

test('a group with tasks that wait is not forgotten when its last running task ends', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  serve(queue, {limit: 3})
  void push('a', 'a1')
  void push('a', 'a2')
  await turn()
  await end('a1')
  void push('a', 'a3')
  await turn()
  t.deepEqual(log, ['a1', 'a2'])
  await end('a2')
  await end('a3')
})

test('a task that has timed out and runs on takes its place from pushes that come later', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  const late = manual()
  serve(queue, {limit: 3})
  await caught(queue.push(late.thunk, {group: 'a', timeout: 1}))
  void push('a', 'a1')
  await turn()
  t.deepEqual(log, [])
  late.resolve('late')
  await turn()
  t.deepEqual(log, ['a1'])
  await end('a1')
})

// Retries

test('a task that runs again leaves the other places of its group free', async (t) => {
  const queue = new TaskQueue({groups: {limit: 2}})
  const {log, push, end} = tracked(queue)
  const again = manual()
  const retried = queue.push((context) => (context.attempt === 1 ? fails(context) : again.thunk(context)), {group: 'a'})
  serve(queue, {limit: 4, retry: {delay: 0}})
  while (!again.isStarted) await new Promise((resolve) => setTimeout(resolve, 1))
  void push('a', 'a1')
  void push('a', 'a2')
  await turn()
  t.deepEqual(log, ['a1'])
  again.resolve('done')
  t.is(await retried, 'done')
  await turn()
  t.deepEqual(log, ['a1', 'a2'])
  await end('a1')
  await end('a2')
})

test('where several places of a group come free at once, a retry takes one and the line the others', async (t) => {
  const queue = new TaskQueue({groups: {limit: 2}})
  const {log, push, ends, end} = tracked(queue)
  const retried = queue.push(fails, {group: 'a'})
  const runner = serve(queue, {limit: 5, retry: {delay: 0}})
  for (const name of ['a1', 'a2']) void push('a', name)
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.is(runner.stats.retrying, 1)
  void push('a', 'a3')
  await turn()
  t.deepEqual(log, ['a1', 'a2'])
  for (const endOne of ends.values()) endOne()
  t.is(await retried, 'attempt 2')
  await turn()
  t.deepEqual(log, ['a1', 'a2', 'a3'])
  await end('a3')
})

test('a place that comes free in one runner goes to the retry of another, before the line', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  const first = serve(queue, {retry: {delay: 0}})
  const retried = queue.push((context) => (log.push(`try ${context.attempt}`), fails(context)), {group: 'a'})
  first.once('retry', () => first.pause())
  await turn()
  serve(queue, {limit: 1})
  void push('a', 'a1')
  await turn()
  first.resume()
  await new Promise((resolve) => setTimeout(resolve, 5))
  void push('a', 'a2')
  await turn()
  t.deepEqual(log, ['try 1', 'a1'])
  await end('a1')
  t.is(await retried, 'attempt 2')
  await turn()
  t.deepEqual(log, ['try 1', 'a1', 'try 2', 'a2'])
  await end('a2')
})

// Governors

test('a group that waits for its governor does not ask it again', async (t) => {
  const governor = new Manual()
  const queue = new TaskQueue({groups: {governor: (group) => (group === 'a' ? governor : new Semaphore(1))}})
  for (let count = 0; count < 3; count++) void queue.push(() => count, {group: 'a'})
  serve(queue, {limit: 3})
  await turn()
  void queue.push(() => 3, {group: 'a'})
  for (let count = 0; count < 5; count++) await queue.push(() => count, {group: 'b'})
  t.is(governor.tries, 1)
  t.is(governor.waiting.length, 1)
})

test('a permit that comes when its group waits for another one is released as unused', async (t) => {
  const governor = new Manual()
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const runner = serve(queue)
  const cleared = queue.push(() => t.fail(), {group: 'a'})
  const running = manual()
  await turn()
  queue.clear('enough')
  t.is(await standing(cleared), 'rejected: enough')
  const push = queue.push(running.thunk, {group: 'a'})
  await turn()
  t.is(governor.waiting.length, 2)
  governor.waiting[0]?.()
  await turn()
  t.deepEqual(governor.outcomes, [{status: 'unused'}])
  t.false(running.isStarted)
  governor.waiting[1]?.()
  await turn()
  running.resolve('done')
  t.is(await push, 'done')
  await turn()
  t.deepEqual(governor.outcomes, [{status: 'unused'}, {status: 'ok', value: 'done'}])
  runner.abort()
})

test('the end of a group’s wait fails no task that is pushed to it then', async (t) => {
  const semaphore = new Semaphore(1)
  const held = semaphore.tryAcquire()
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  serve(queue)
  await turn()
  void queue.push(() => t.fail(), {group: 'a'})
  await turn()
  queue.clear('enough')
  const push = queue.push(() => 'done', {group: 'a'})
  await turn()
  t.is(await standing(push), 'pending')
  held?.release()
  t.is(await push, 'done')
})

test('a permit that no runner can use now goes back, and the group waits for the next', async (t) => {
  const semaphore = new Semaphore(1)
  const held = semaphore.tryAcquire()
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  const runner = serve(queue)
  const push = queue.push(() => 'done', {group: 'a'})
  await turn()
  runner.pause()
  held?.release()
  await turn()
  t.true(semaphore.isIdle)
  runner.resume()
  t.is(await push, 'done')
})

test('a governor whose acquire throws after it has refused fails the task', async (t) => {
  const governor = {
    tryAcquire: () => undefined,
    acquire() {
      throw new Error('closed')
    },
  }
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const push = queue.push(() => t.fail(), {group: 'a'})
  serve(queue)
  t.is(instance(await caught(push), Error).message, 'closed')
})

for (const how of ['gives a permit', 'throws'] as const)
  test(`a governor that clears the queue when it is asked, and ${how}, leaves no place taken`, async (t) => {
    let isClearing = true
    const outcomes: unknown[] = []
    const governor = {
      isIdle: true,
      acquire: () => ({release: (outcome: unknown) => void outcomes.push(outcome)}),
      tryAcquire: () => {
        if (isClearing) queue.clear('enough')
        if (isClearing && how === 'throws') throw new Error('closed')
        return governor.acquire()
      },
    }
    const queue: TaskQueue = new TaskQueue({groups: {limit: 1, governor: () => governor}})
    serve(queue)
    t.is(await standing(queue.push(() => t.fail(), {group: 'a'})), 'rejected: enough')
    isClearing = false
    t.is(await standing(queue.push(() => 'done', {group: 'a'})), 'done')
    t.is(queue.size, 0)
    const unused = how === 'throws' ? [] : [{status: 'unused'}]
    t.deepEqual(outcomes, [...unused, {status: 'ok', value: 'done'}])
  })

test('a push by a governor whose wait clear() has ended is counted, and runs', async (t) => {
  const seen: number[] = []
  let isOpen = false
  const ended: Array<Promise<string>> = []
  const governor = {
    tryAcquire: () => (isOpen ? {release: () => {}} : undefined),
    acquire: ({signal}: PermitRequest = {}) =>
      new Promise<Permit>((_, reject) => {
        signal?.addEventListener('abort', () => {
          seen.push(queue.size)
          isOpen = true
          ended.push(queue.push(() => 'ran', {group: 'a'}))
          seen.push(queue.size)
          reject(signal.reason)
        })
      }),
  }
  const queue: TaskQueue<string> = new TaskQueue({groups: {governor: () => governor}})
  const cleared = [queue.push(() => 'a1', {group: 'a'}), queue.push(() => 'b1', {group: 'b'})]
  const runner = serve(queue)
  await turn()
  queue.clear('cleared')
  t.deepEqual(await standings(cleared), ['rejected: cleared', 'rejected: cleared'])
  t.deepEqual(await standings(ended), ['ran', 'ran'])
  t.deepEqual(seen, [1, 2, 1, 2]) // b1 or a2 is still to be rejected, or to run
  t.is(queue.size, 0)
  await runner.stop()
})

const microtasks = async (): Promise<void> => {
  for (let left = 50; left > 0; left--) await Promise.resolve()
}

test('a governor that has refused is asked to wait at once, after refusals in a row in a later turn, and never in vain', async (t) => {
  const governor = new Manual()
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const runner = serve(queue, {limit: 1})
  await turn()
  const pushed = queue.push(() => t.fail(), {group: 'a'})
  for (const asked of [1, 2]) {
    await microtasks()
    t.is(governor.waiting.length, asked)
    const other = manual()
    void queue.push(other.thunk)
    await turn()
    governor.waiting.at(-1)?.() // the only slot is taken: the permit comes back unused
    await turn()
    other.resolve('')
  }
  await microtasks()
  t.deepEqual([governor.tries, governor.waiting.length], [3, 2])
  queue.clear('cleared')
  t.is(await caught(pushed), 'cleared')
  await turn()
  t.is(governor.waiting.length, 2)
  t.deepEqual(governor.outcomes, [{status: 'unused'}, {status: 'unused'}])
  await runner.stop()
})
