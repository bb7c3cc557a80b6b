/** Groups of a queue: their limits, capacities, governors and turns. */
import test from 'ava'
import {Semaphore} from '../../src/governors/index.js'
import {ConcurrentRunner, type Governor, type GroupOptions, type Permit, TaskQueue} from '../../src/index.js'
import {caught, instance, reportedDuring, turn} from '../helpers/index.js'
import {finish, serve, standing, standings, tracked} from './serving.js'

const boom = new Error('boom')

test('at most limit of a group run at once, and a full group blocks no other', async (t) => {
  const queue = new TaskQueue({groups: {limit: 2}})
  const {log, push, end} = tracked(queue)
  for (const name of ['a1', 'a2', 'a3', 'a4']) void push('a', name)
  void push('b', 'b1')
  void push(undefined, 'c1')
  serve(queue, {limit: 10})
  await turn()
  t.deepEqual(log, ['a1', 'b1', 'c1', 'a2'])
  await end('b1')
  t.deepEqual(log.length, 4)
  await end('a1')
  t.deepEqual(log.slice(4), ['a3'])
  queue.clear()
  for (const name of ['a2', 'a3', 'c1']) await end(name)
})

test('the limit may depend on the group, and groups compare as keys of a Map do', async (t) => {
  const asked: unknown[] = []
  const limit = (group: unknown): number => {
    asked.push(group)
    return group === 1 ? 1 : Infinity
  }
  const queue = new TaskQueue({groups: {limit}})
  const {log, push} = tracked(queue)
  for (const name of ['a', 'b']) void push(1, name)
  for (const name of ['c', 'd']) void push('1', name)
  for (const name of ['e', 'f']) void push(NaN, name)
  const runner = serve(queue, {limit: 10})
  await turn()
  t.deepEqual(log, ['a', 'c', 'e', 'd', 'f'])
  t.deepEqual(asked, [1, '1', NaN])
  runner.abort()
  runner.abort()
})

test('a push beyond the capacity of its group rejects with a QuotaExceededError; running tasks do not count', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1, capacity: 1}})
  const {push, end} = tracked(queue)
  serve(queue, {limit: 3})
  void push('a', 'a1')
  await turn()
  const second = push('a', 'a2')
  const full = instance(await caught(push('a', 'a3')), DOMException)
  t.deepEqual([full.name, full.message], ['QuotaExceededError', 'The group is full: 1 tasks wait'])
  t.is(await standing(push('b', 'b1')), 'pending')
  t.is(await standing(queue.push(() => 1)), '1')
  await end('b1')
  await end('a1')
  t.is(await standing(push('a', 'a4')), 'pending')
  await end('a2')
  t.is(await second, 'a2')
  await end('a4')
})

test('a task that leaves the queue makes room in its group', async (t) => {
  const queue = new TaskQueue({groups: {capacity: 1}})
  const controller = new AbortController()
  void queue.push(() => 1, {group: 'a', signal: controller.signal})
  t.is(await standing(queue.push(() => 2, {group: 'a'})), 'rejected: QuotaExceededError')
  controller.abort()
  const second = queue.push(() => 2, {group: 'a'})
  t.is(queue.size, 1)
  queue.remove(({group}) => group === 'a')
  const third = queue.push(() => 3, {group: 'a'})
  queue.clear()
  const fourth = queue.push(() => 4, {group: 'a'})
  await finish(queue)
  t.deepEqual(await standings([second, third, fourth]), ['rejected: AbortError', 'rejected: AbortError', '4'])
})

test('higher priorities go first, and among equals groups take turns', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  const push = (group: unknown, names: string, priority = 0): void => {
    for (const name of names.split(' ')) void queue.push(() => void log.push(name), {group, priority})
  }
  push('a', 'a1 a2 a3 a4')
  push('b', 'b1 b2')
  push(undefined, 'n1 n2')
  push('b', 'b3', 1)
  push('c', 'c1', -1)
  await finish(queue, {limit: 1})
  t.is(log.join(' '), 'b3 a1 n1 b1 a2 n2 b2 a3 a4 c1')
})

test('waiting tells the group, by priority and then by age', (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 1, {item: 1})
  void queue.push(() => 2, {item: 2, group: 'a'})
  void queue.push(() => 3, {item: 3, group: 'b', priority: Infinity})
  void queue.push(() => 4, {item: 4, group: 'a', priority: Infinity})
  t.deepEqual(
    queue.waiting.map(({item, group}) => [item, group]),
    [
      [3, 'b'],
      [4, 'a'],
      [1, undefined],
      [2, 'a'],
    ],
  )
  queue.clear()
})

test('the place of a task that has timed out is taken until it settles', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  const first = queue.push(() => push('b', 'late'), {group: 'a', timeout: 1})
  void push('a', 'next')
  const runner = serve(queue, {limit: 4})
  t.is(instance(await caught(first), DOMException).name, 'TimeoutError')
  await turn()
  t.deepEqual(log, ['late'])
  await end('late')
  t.deepEqual(log, ['late', 'next'])
  await end('next')
  runner.abort()
})

test('a retry holds nothing while it waits, goes first in its group, and blocks no other group', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  let attempts = 0
  const retried = queue.push(
    () => {
      log.push(`try ${++attempts}`)
      if (attempts === 1) throw new Error('once')
      return 'done'
    },
    {group: 'a'},
  )
  const runner = serve(queue, {limit: 3, retry: {delay: 0}})
  void push('a', 'a1')
  void push('a', 'a2')
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.deepEqual(log, ['try 1', 'a1'])
  t.is(runner.stats.retrying, 1)
  void push('b', 'b1')
  await turn()
  t.deepEqual(log, ['try 1', 'a1', 'b1'])
  await end('a1')
  t.is(await retried, 'done')
  await turn()
  t.deepEqual(log, ['try 1', 'a1', 'b1', 'try 2', 'a2'])
  await end('a2')
  await end('b1')
  runner.abort()
})

test('a runner that ends gives up the retries that wait for a place in their group', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {push, end} = tracked(queue)
  const failing = queue.push(() => Promise.reject(new Error('first')), {group: 'a'})
  void push('a', 'a1')
  const runner = serve(queue, {limit: 3, retry: {delay: 0}})
  await new Promise((resolve) => setTimeout(resolve, 20))
  void runner.stop()
  t.is(instance(await caught(failing), Error).message, 'first')
  await end('a1')
  t.is((await runner.drained).retrying, 0)
})

test('a group whose governor has no permit is passed over, and goes on when there may be one', async (t) => {
  const semaphore = new Semaphore(1)
  const queue = new TaskQueue({groups: {governor: (group) => (group === 'a' ? semaphore : new Semaphore(5))}})
  const {log, push, end} = tracked(queue)
  const held = semaphore.tryAcquire()
  void push('a', 'a1')
  void push('a', 'a2')
  void push('b', 'b1')
  serve(queue, {limit: 10})
  await turn()
  t.deepEqual(log, ['b1'])
  held?.release()
  await turn()
  t.deepEqual(log, ['b1', 'a1'])
  await end('a1')
  t.deepEqual(log, ['b1', 'a1', 'a2'])
  await end('a2')
  await end('b1')
  t.true(semaphore.isIdle)
})

test('a retry waits for the governor of its group, also when nothing else of the group waits', async (t) => {
  const semaphore = new Semaphore(1)
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  let held: Permit | undefined
  const retried = queue.push(
    ({attempt}) => {
      if (attempt === 1) throw new Error('once')
      return attempt
    },
    {group: 'a'},
  )
  const runner = serve(queue, {retry: {delay: 0}})
  runner.on('retry', () => void Promise.resolve().then(() => (held = semaphore.tryAcquire())))
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.truthy(held)
  t.is(await standing(retried), 'pending')
  held?.release()
  t.is(await standing(retried), '2')
  t.true(semaphore.isIdle)
  runner.abort()
})

for (const how of ['throws', 'rejects'] as const)
  test(`a task whose runner's governor ${how} gives back its place in its group`, async (t) => {
    const ofGroup = new Semaphore(1)
    const queue = new TaskQueue({groups: {limit: 1, governor: () => ofGroup}})
    let asked = 0
    const governor: Governor = {
      acquire: () => {
        if (++asked % 2 === 1) return {release() {}}
        if (how === 'throws') throw new Error('no permit')
        return Promise.reject(new Error('no permit'))
      },
    }
    const runner = serve(queue, {governor, limit: 3, retry: {delay: 0}})
    const fails = ({attempt}: {attempt: number}): string => {
      if (attempt === 1) throw new Error('once')
      return 'done'
    }
    const pushes = [fails, () => 'second', () => 'third', fails].map((task) => queue.push(task, {group: 'a'}))
    const outcomes = await Promise.allSettled(pushes)
    t.true(outcomes.some(({status}) => status === 'fulfilled'))
    t.true(outcomes.some((outcome) => outcome.status === 'rejected' && outcome.reason.message === 'no permit'))
    await queue.onIdle()
    t.deepEqual([queue.size, queue.running, runner.stats.running, runner.stats.retrying], [0, 0, 0, 0])
    t.true(ofGroup.isIdle)
    queue.close()
    await runner.drained
  })

test('a group asks its governor no longer when all its tasks have left', async (t) => {
  const semaphore = new Semaphore(1)
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  const held = semaphore.tryAcquire()
  const push = queue.push(() => 1, {group: 'a'})
  const runner = serve(queue)
  await turn()
  queue.clear('gone')
  t.is(await standing(push), 'rejected: gone')
  held?.release()
  t.true(semaphore.isIdle)
  runner.abort()
})

test('what the governor of a group throws or rejects with fails the task that needs the permit', async (t) => {
  const failing: Governor & Required<Pick<Governor, 'tryAcquire'>> = {
    tryAcquire: () => undefined,
    acquire: () => Promise.reject(new Error('rejected')),
  }
  const throwing: typeof failing = {
    tryAcquire: () => {
      throw new Error('thrown')
    },
    acquire: () => ({release() {}}),
  }
  const queue = new TaskQueue({groups: {governor: (group) => (group === 'a' ? failing : throwing)}})
  const pushes = ['a', 'a', 'b'].map((group) => queue.push(() => 1, {group}))
  await finish(queue)
  const messages = await Promise.all(pushes.map(async (push) => instance(await caught(push), Error).message))
  t.deepEqual(messages, ['rejected', 'rejected', 'thrown'])
})

test('a governor of a group that gives no permit fails the task that needs the permit', async (t) => {
  const none = {tryAcquire: () => null, acquire: () => null} as unknown as Governor & Required<Governor>
  const later = {tryAcquire: () => undefined, acquire: async () => 7} as unknown as typeof none
  const queue = new TaskQueue({groups: {governor: (group) => (group === 'none' ? none : later)}})
  const [first, second] = [queue.push(() => t.fail(), {group: 'none'}), queue.push(() => t.fail(), {group: 'later'})]
  const runner = serve(queue)
  const expected = 'A governor must give a permit, an object with release; got'
  await t.throwsAsync(first, {instanceOf: TypeError, message: `${expected} null`})
  await t.throwsAsync(second, {instanceOf: TypeError, message: `${expected} 7`})
  runner.abort()
})

test('what isIdle of a governor throws is reported, and pushes, clear() and onIdle() go on', async (t) => {
  const broken = {
    acquire: () => ({release() {}}),
    tryAcquire: () => ({release() {}}),
    get isIdle(): boolean {
      throw new Error('not known')
    },
  }
  const queue = new TaskQueue({groups: {governor: () => broken}})
  const reported = await reportedDuring(async () => {
    const runner = serve(queue)
    t.is(await queue.push(() => 1, {group: 'a'}), 1)
    t.is(await queue.push(() => 2, {group: 'b'}), 2)
    runner.pause()
    const cleared = ['c', 'd'].map((group) => queue.push(() => t.fail(), {group}))
    queue.clear('gone')
    t.deepEqual(await Promise.all(cleared.map(standing)), ['rejected: gone', 'rejected: gone'])
    await queue.onIdle()
    t.deepEqual([queue.size, queue.running], [0, 0])
    runner.abort()
  })
  t.true(reported.length > 0)
  t.true(reported.every((error) => instance(error, Error).message === 'not known'))
})

test('permits of group and runner are taken together: a task that waits for one holds no other', async (t) => {
  const ofGroup = new Semaphore(1)
  const ofRunner = new Semaphore(1)
  const queue = new TaskQueue({groups: {governor: () => ofGroup}})
  const {log, push, end} = tracked(queue)
  const held = ofRunner.tryAcquire()
  void push('a', 'a1')
  const runner = serve(queue, {governor: ofRunner})
  await turn()
  t.true(ofGroup.isIdle)
  held?.release()
  await turn()
  t.deepEqual(log, ['a1'])
  t.false(ofGroup.isIdle)
  await end('a1')
  t.true(ofGroup.isIdle)
  t.true(ofRunner.isIdle)
  runner.abort()
})

/** A governor that hands its only permit from one waiter to the next, each time by a promise. */
class Foreign implements Governor {
  #isFree = true
  readonly #line: Array<(permit: Permit) => void> = []

  tryAcquire(): Permit | undefined {
    if (!this.#isFree || this.#line.length > 0) return undefined
    this.#isFree = false
    return this.#permit()
  }

  acquire(): Promise<Permit> {
    const permit = this.tryAcquire()
    return permit ? Promise.resolve(permit) : new Promise((resolve) => this.#line.push(resolve))
  }

  #permit(): Permit {
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        const next = this.#line.shift()
        if (next) next(this.#permit())
        else this.#isFree = true
      },
    }
  }
}

test('queues that share governors of any kind do not pass permits to and fro for ever', async (t) => {
  const ofGroups = new Foreign()
  const ofRunners = new Foreign()
  const queues = Array.from({length: 4}, () => new TaskQueue({groups: {governor: () => ofGroups}}))
  const pushes = queues.flatMap((queue) =>
    Array.from({length: 50}, (_, i) => queue.push(async () => (await turn(), i), {group: 'a'})),
  )
  const runners = queues.map((queue) => serve(queue, {governor: ofRunners, limit: 2}))
  t.is((await Promise.all(pushes)).length, 200)
  for (const runner of runners) runner.abort()
})

test('options of groups are checked, and a function that gives nonsense makes its push throw', (t) => {
  const wrong: unknown[] = [{limit: 0}, {limit: 'a'}, {capacity: 0}, {governor: 1}, {size: 1}, 1, null]
  for (const groups of wrong)
    t.throws(() => new TaskQueue({groups: groups as GroupOptions}), {message: /groups|option/})
  const queue = new TaskQueue({groups: {limit: () => 0}})
  t.throws(() => void queue.push(() => 1, {group: 'a'}), {instanceOf: RangeError, message: /groups\.limit/})
  const other = new TaskQueue({groups: {governor: () => ({acquire: () => ({release() {}})}) as never}})
  t.throws(() => void other.push(() => 1, {group: 'a'}), {instanceOf: TypeError, message: /groups\.governor/})
  t.is(queue.size + other.size, 0)
})

test('a reader that is no runner gets tasks within the limit of their group', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const pushes = [1, 2].map((n) => queue.push(() => n, {group: 'a'}))
  const reader = queue[Symbol.asyncIterator]()
  const first = await reader.next()
  const second = reader.next()
  t.is(await standing(second), 'pending')
  const context = {index: 0, attempt: 1, item: undefined, signal: new AbortController().signal}
  t.is(await first.value?.(context), 1)
  t.is(await (await second).value?.(context), 2)
  t.deepEqual(await standings(pushes), ['1', '2'])
  await reader.return?.()
})

test('a task that has come back and is called all the same takes a place in its group', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const {log, push, end} = tracked(queue)
  const first = push('a', 'a1')
  const second = push('a', 'a2')
  const reader = queue[Symbol.asyncIterator]()
  const {value: call} = await reader.next()
  await reader.return?.()
  const context = {index: 0, attempt: 1, item: undefined, signal: new AbortController().signal}
  void call?.(context)
  const runner = serve(queue)
  await turn()
  t.deepEqual(log, ['a1'])
  await end('a1')
  t.deepEqual(log, ['a1', 'a2'])
  await end('a2')
  t.deepEqual(await standings([first, second]), ['a1', 'a2'])
  runner.abort()
})

test('several runners share the limits of groups', async (t) => {
  const queue = new TaskQueue({groups: {limit: 2}})
  let running = 0
  let most = 0
  const pushes = Array.from({length: 40}, () =>
    queue.push(
      async () => {
        most = Math.max(most, ++running)
        await turn()
        running--
      },
      {group: 'a'},
    ),
  )
  const runners = [serve(queue, {limit: 3}), new ConcurrentRunner(queue, {limit: 3})] as const
  void runners[1].run().catch(() => {})
  await Promise.all(pushes)
  t.is(most, 2)
  for (const runner of runners) runner.abort()
})

const governorCalls: Record<string, (queue: TaskQueue, controller: AbortController) => unknown> = {
  'clears the queue': (queue) => queue.clear(boom),
  'removes the task': (queue) => queue.remove(() => true, boom),
  'aborts the signal of the push': (_queue, controller) => controller.abort(boom),
}
for (const [what, call] of Object.entries(governorCalls))
  test(`a governor that ${what} while it is asked gets its permit back`, async (t) => {
    const controller = new AbortController()
    const shared = new Semaphore(1)
    let isArmed = true
    const governor = {
      acquire: () => shared.acquire(),
      tryAcquire: () => {
        if (isArmed) call(queue, controller)
        isArmed = false
        return shared.tryAcquire()
      },
    }
    const queue = new TaskQueue({groups: {governor: () => governor}})
    queue.run()
    t.is(await caught(queue.push(() => 1, {group: 'a', signal: controller.signal})), boom)
    t.true(shared.isIdle)
    t.is(await queue.push(() => 2, {group: 'a'}), 2)
    await queue.shutdown()
  })

const readers: Record<string, (queue: TaskQueue) => ConcurrentRunner<unknown>> = {
  'a runner of the queue': (queue) => new ConcurrentRunner(queue),
  'map() over the queue': (queue) => ConcurrentRunner.map(queue, (task, context) => task(context)),
}
for (const [reader, read] of Object.entries(readers))
  for (const end of ['abort', 'stop', 'return'] as const)
    test(`a governor of a group that calls ${end}() of ${reader} while it is asked loses no task`, async (t) => {
      const shared = new Semaphore(1)
      let isArmed = true
      const governor = {
        acquire: () => shared.acquire(),
        tryAcquire: () => {
          if (isArmed) void first[end]()
          isArmed = false
          return shared.tryAcquire()
        },
      }
      const queue = new TaskQueue({groups: {governor: () => governor}})
      const first = read(queue)
      first.run().catch(() => {})
      await turn()
      const push = queue.push(() => 1, {group: 'a'})
      await first.drained
      t.deepEqual([queue.size, queue.running, first.stats.started], [1, 0, 0])
      t.true(shared.isIdle)
      queue.run()
      t.is(await push, 1)
      await queue.shutdown()
    })

test('a task whose group has a governor that pauses the runner while it is asked waits in the queue', async (t) => {
  const shared = new Semaphore(1)
  let isArmed = true
  const governor = {
    acquire: () => shared.acquire(),
    tryAcquire: () => {
      if (isArmed) paused.pause()
      isArmed = false
      return shared.tryAcquire()
    },
  }
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const paused = queue.run()
  await turn()
  const push = queue.push(() => 1, {group: 'a'})
  await turn()
  t.true(shared.isIdle)
  queue.run()
  t.is(await push, 1)
  await paused.stop()
  await queue.shutdown()
})

for (const end of ['abort', 'stop', 'return'] as const)
  for (const isRefused of [false, true])
    test(`a governor of a group that calls ${end}() while it is asked for a retry, and ${isRefused ? 'refuses' : 'gives'} a permit, leaves no task behind`, async (t) => {
      const shared = new Semaphore(1)
      let isArmed = false
      const governor = {
        acquire: () => new Promise<Permit>(() => {}),
        tryAcquire: () => {
          if (!isArmed) return shared.tryAcquire()
          void runner[end]()
          return isRefused ? undefined : shared.tryAcquire()
        },
      }
      const queue = new TaskQueue({groups: {governor: () => governor}})
      const runner = queue.run({retry: {delay: 0}})
      let calls = 0
      const task = (): never => {
        isArmed = true
        calls++
        throw boom
      }
      t.is(await caught(queue.push(task, {group: 'a'})), boom)
      await runner.drained
      t.deepEqual([queue.size, queue.running, calls], [0, 0, 1])
      t.true(shared.isIdle)
    })
