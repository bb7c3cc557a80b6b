/** Tasks that wrappers hold: given back when they are not called, run once, and counted once. */
import test from 'ava'
import {
  ConcurrentRunner,
  type Permit,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../../src/index.js'
import {caught, instance, isSettled, manual, reportedDuring, turn, unhandledDuring} from '../helpers/index.js'
import {clock, serial} from '../helpers/virtual-time.js'
import {finish, serve, standing, standings} from './serving.js'

const context: TaskContext = {index: 0, item: undefined, attempt: 1, signal: new AbortController().signal}

async function take<T>(tasks: AsyncIterator<TaskFunction<T>>): Promise<TaskFunction<T>> {
  const result = await tasks.next()
  if (result.done) throw new Error('expected a task')
  return result.value
}

type Wrap = (queue: TaskQueue<number>) => ConcurrentRunner<number, boolean>
const wraps: Readonly<Record<string, Wrap>> = {
  'map(queue, ...)': (queue) => ConcurrentRunner.map(queue, (task, given) => task(given), {limit: 3}),
  'a generator that wraps each task': (queue) =>
    new ConcurrentRunner(
      async function* () {
        for await (const task of queue) yield (given: TaskContext) => task(given)
      },
      {limit: 3},
    ),
  'a generator that passes each task on': (queue) =>
    new ConcurrentRunner(
      async function* () {
        for await (const task of queue) yield task
      },
      {limit: 3},
    ),
  'a generator that gathers tasks in advance': (queue) =>
    new ConcurrentRunner(
      async function* () {
        let batch: Array<TaskFunction<number>> = []
        for await (const task of queue) {
          batch.push(task)
          if (batch.length < 5) continue
          yield* batch
          batch = []
        }
        yield* batch
      },
      {limit: 3},
    ),
}

for (const [how, wrap] of Object.entries(wraps))
  for (const end of ['stop', 'abort'] as const) {
    test(`2,000 pushes over 100 rolling restarts by ${end}(), through ${how}: each runs exactly once`, async (t) => {
      const queue = new TaskQueue<number>()
      const calls = new Array<number>(2000).fill(0)
      const pushes: Array<Promise<number>> = []
      for (let restart = 0; restart < 100; restart++) {
        for (let count = 0; count < 20; count++) {
          const number = pushes.length
          pushes.push(
            queue.push(async () => {
              calls[number] = (calls[number] ?? 0) + 1
              await turn(number % 3)
              return number
            }),
          )
        }
        const runner = wrap(queue)
        void runner.run().catch(() => {})
        await turn(restart % 5)
        if (end === 'stop') void runner.stop()
        else runner.abort('a restart')
        const open = await unsettled(pushes)
        t.is(queue.size + queue.running, open)
      }
      queue.close()
      const last = wrap(queue)
      void last.run().catch(() => {})
      t.deepEqual(await Promise.all(pushes), [...pushes.keys()])
      t.deepEqual(new Set(calls), new Set([1]))
      t.is(queue.size + queue.running, 0)
      await last.drained
    })
  }

const settledPushes = new WeakSet<Promise<unknown>>()

/** How many have not settled by now. */
async function unsettled(pushes: ReadonlyArray<Promise<unknown>>): Promise<number> {
  for (const push of pushes) {
    if (settledPushes.has(push)) continue
    push.then(
      () => settledPushes.add(push),
      () => settledPushes.add(push),
    )
  }
  // Microtasks only: nothing may settle meanwhile but what has.
  for (let ticks = 0; ticks < 10; ticks++) await Promise.resolve()
  return pushes.filter((push) => !settledPushes.has(push)).length
}

test('a task that is handed out and not called waits: it is counted, cleared and seen as such', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  const push = queue.push(() => t.fail(), {item: 'a'})
  const task = await take(queue[Symbol.asyncIterator]())
  t.is(queue.size, 1)
  t.is(queue.running, 0)
  t.deepEqual(queue.waiting, [{item: 'a', group: undefined, priority: 0}])
  t.is(await standing(queue.push(() => t.fail())), 'rejected: QuotaExceededError')
  queue.clear('cleared')
  t.is(queue.size, 0)
  t.is(await caught(push), 'cleared')
  t.is(await caught(Promise.resolve(task(context))), 'cleared')
})

test('when their iterator is closed, tasks go back to where they stood', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const [name, priority] of [
    ['b', 1],
    ['c', 1],
    ['d', 0],
    ['a', 2],
    ['e', 0],
  ] as const)
    void queue.push(() => void log.push(name), {priority})
  const iterator = queue[Symbol.asyncIterator]()
  for (let count = 0; count < 4; count++) await iterator.next()
  await iterator.return?.()
  t.is(queue.size, 5)
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcde')
})

test('the end of a reader leaves what others hold', async (t) => {
  const queue = new TaskQueue()
  void queue.push(() => 'a', {item: 'a'})
  void queue.push(() => 'b', {item: 'b'})
  const [first, second, third] = [0, 1, 2].map(() => queue[Symbol.asyncIterator]())
  await first?.next()
  await second?.next()
  await first?.return?.()
  const next = third?.next()
  t.is(await standing(Promise.resolve(next)), '[object Object]')
  t.is(await standing(Promise.resolve(third?.next())), 'pending')
  await second?.return?.()
  t.is(queue.size, 2)
})

test('a task that is handed out stands among those that wait where it stood', async (t) => {
  const queue = new TaskQueue()
  for (const [item, priority] of [
    ['b', Infinity],
    ['c', Infinity],
    ['d', 0],
    ['a', Infinity],
    ['e', -Infinity],
  ] as const)
    void queue.push(() => item, {item, priority})
  const reader = queue[Symbol.asyncIterator]()
  for (let count = 0; count < 3; count++) await reader.next()
  t.is(queue.waiting.map(({item}) => item).join(''), 'bcade')
})

test('a reader that has called its tasks waits for those that others hold, after the queue is closed', async (t) => {
  const queue = new TaskQueue()
  const pushes = ['a', 'b'].map((name) => queue.push(() => name))
  const [reader, holder] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()]
  t.is(await (await take(reader))(context), 'a')
  await take(holder)
  queue.close()
  const next = reader.next()
  t.is(await standing(next), 'pending')
  await holder.return?.()
  void (await next).value?.(context)
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('a task that is disposed of goes back, and a runner that waits takes it', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => 'a')
  const task = (await take(queue[Symbol.asyncIterator]())) as TaskFunction<unknown> & Disposable
  serve(queue)
  t.is(await standing(push), 'pending')
  task[Symbol.dispose]()
  t.is(await push, 'a')
  task[Symbol.dispose]() // it is over
  t.is(queue.size, 0)
})

test('a task that went back and is called after all is taken out again, and runs once', async (t) => {
  const queue = new TaskQueue()
  let calls = 0
  const push = queue.push(() => ++calls)
  const iterator = queue[Symbol.asyncIterator]()
  const task = await take(iterator)
  await iterator.return?.()
  t.is(queue.size, 1)
  t.is(await task(context), 1)
  t.is(queue.size, 0)
  await finish(queue)
  t.is(await push, 1)
  t.is(calls, 1)
})

test('a wrapper of a task that went back and was handed out again is disposed of: the task stays where it is now', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const pushed = queue.push(() => 'done', {group: 'a'})
  const first = queue[Symbol.asyncIterator]()
  const old = await take(first)
  await first.return?.()
  const second = queue[Symbol.asyncIterator]()
  const current = await take(second)
  ;(old as typeof old & Disposable)[Symbol.dispose]()
  const third = queue[Symbol.asyncIterator]()
  const other = third.next()
  t.is(await standing(other), 'pending')
  t.is(await current(context), 'done')
  t.is(await pushed, 'done')
  await second.return?.()
  await third.return?.()
  t.true((await other).done)
})

test('a task that is called twice runs once and counts once, and both calls give its outcome', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const push = queue.push(task.thunk)
  const handed = await take(queue[Symbol.asyncIterator]())
  const idle = queue.onIdle()
  const calls = [handed(context), handed(context)]
  t.is(queue.running, 1)
  t.is(queue.size, 0)
  task.resolve('done')
  t.deepEqual(await Promise.all([...calls, push]), ['done', 'done', 'done'])
  t.is(await handed(context), 'done')
  t.is(queue.running, 0)
  await idle
})

test('after the end of a closed queue, tasks that a reader has gathered can still be called', async (t) => {
  const queue = new TaskQueue()
  const pushes = ['a', 'b'].map((name) => queue.push(() => name))
  queue.close()
  const gathered: Array<TaskFunction<unknown>> = []
  for await (const task of queue) gathered.push(task)
  t.is(queue.size, 2)
  for (const task of gathered) void task(context)
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('a reader waits for tasks that another holds, and may put back, after the queue is closed', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(() => 'a')
  const holder = queue[Symbol.asyncIterator]()
  await take(holder)
  queue.close()
  const runner = serve(queue)
  await turn()
  t.is(runner.state, 'running')
  await holder.return?.()
  t.is(await push, 'a')
  await runner.drained
})

test('a runner of a closed queue ends when the last task is called by another reader, though the task runs on', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const push = queue.push(task.thunk)
  const handed = await take(queue[Symbol.asyncIterator]())
  queue.close()
  const runner = serve(queue)
  await turn()
  t.is(runner.state, 'running')
  void handed(context)
  await runner.drained
  t.is(queue.running, 1)
  task.resolve('done')
  t.is(await push, 'done')
})

test('a wrapper that runs a task and forgets its result causes no unhandled rejection', async (t) => {
  const reasons = await unhandledDuring(async () => {
    const queue = new TaskQueue()
    void queue.push(() => Promise.reject(new Error('boom')))
    void (await take(queue[Symbol.asyncIterator]()))(context)
  })
  t.deepEqual(reasons, [])
})

test('a push’s own timeout holds for a task that a wrapper calls', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const push = queue.push(task.thunk, {timeout: 1})
  const handed = await take(queue[Symbol.asyncIterator]())
  const given = Promise.resolve(handed(context))
  const error = instance(await caught(push), DOMException)
  t.is(error.name, 'TimeoutError')
  t.is(task.context?.signal.reason, error)
  t.is(queue.running, 1)
  t.deepEqual(await standings([given]), ['pending']) // so that its slot stays taken
  task.resolve('late')
  t.is(await caught(given), error)
  t.is(queue.running, 0)
})

test('a task that a wrapper calls sees the item of its push, and the index and attempt of that call', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(({item, index, attempt}) => [item, index, attempt], {item: 'a'})
  const plain = queue.push(({item, index, attempt, signal}) => [item, index, attempt, signal.aborted])
  const tasks = queue[Symbol.asyncIterator]()
  for (let count = 0; count < 2; count++) void (await take(tasks))({...context, index: 7, item: 'b', attempt: 2})
  t.deepEqual(await push, ['a', 7, 2])
  t.deepEqual(await plain, [undefined, 7, 2, false])
})

test('a task that throws when a wrapper calls it rejects its push with what it throws', async (t) => {
  const queue = new TaskQueue()
  const boom = new Error('boom')
  const push = queue.push(() => {
    throw boom
  })
  const given = Promise.resolve((await take(queue[Symbol.asyncIterator]()))(context))
  t.is(await caught(given), boom)
  t.is(await caught(push), boom)
  t.is(queue.running, 0)
})

test('a push’s timeout of Infinity is none for a task that a wrapper calls', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const push = queue.push(task.thunk, {timeout: Infinity})
  void (await take(queue[Symbol.asyncIterator]()))(context)
  await new Promise((resolve) => setTimeout(resolve, 3)) // a timer with that delay would fire after 1 ms
  t.is(await standing(push), 'pending')
  task.resolve('done')
  t.is(await push, 'done')
})

serial('a push’s timeout says what it was, and its timer ends with the task', async (t) => {
  const queue = new TaskQueue()
  const tasks = queue[Symbol.asyncIterator]()
  const [late, done] = [queue.push(() => turn(10), {timeout: 5}), queue.push(() => 'done', {timeout: 5})]
  for (let count = 0; count < 2; count++) void (await take(tasks))(context)
  t.is(await done, 'done')
  t.is(clock.timers, 1)
  await clock.advance(5)
  t.is(instance(await caught(late), DOMException).message, 'The task took longer than 5 ms')
})

test('the permit of a group learns how a task went that a wrapper has called', async (t) => {
  const outcomes: unknown[] = []
  const permit = {release: (outcome: unknown) => void outcomes.push(outcome)}
  const governor = {acquire: () => permit, tryAcquire: () => permit, isIdle: true}
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const boom = new Error('boom')
  void queue.push(() => 'a', {group: 1})
  void queue.push(() => Promise.reject(boom), {group: 1})
  const tasks = queue[Symbol.asyncIterator]()
  for (let count = 0; count < 2; count++) await Promise.resolve((await take(tasks))(context)).catch(() => {})
  t.deepEqual(outcomes, [
    {status: 'ok', value: 'a'},
    {status: 'failed', error: boom},
  ])
})

test.serial(
  'what a permit throws when a wrapper’s task gives it back is reported, and the push settles all the same',
  async (t) => {
    const boom = new Error('boom')
    const permit = {
      release() {
        throw boom
      },
    }
    const governor = {acquire: () => permit, tryAcquire: () => permit, isIdle: true}
    const queue = new TaskQueue({groups: {governor: () => governor}})
    const pushes = [
      queue.push(() => 'a', {group: 1}),
      queue.push(() => Promise.reject(new Error('failed')), {group: 1}),
    ]
    const tasks = queue[Symbol.asyncIterator]()
    const reported = await reportedDuring(async () => {
      for (let count = 0; count < 2; count++) void (await take(tasks))(context)
      t.deepEqual(await Promise.all(pushes.map(isSettled)), [true, true])
    })
    t.deepEqual(reported, [boom, boom])
    t.is(queue.running, 0)
  },
)

const loop = {hasTurned: false}

for (const [how, make] of [
  [
    'execute',
    (queue: TaskQueue) => {
      class Stubborn extends ConcurrentRunner<unknown, boolean> {
        protected override async execute(task: Task<unknown>, given: TaskContext): Promise<unknown> {
          while (!loop.hasTurned)
            try {
              return await super.execute(task, given)
            } catch {}
          return 'gave up'
        }
      }
      return new Stubborn(queue, {timeout: 1, yieldExceptions: true})
    },
  ],
  [
    'a wrapper',
    (queue: TaskQueue) =>
      ConcurrentRunner.map(queue, async (task, given) => {
        while (!loop.hasTurned)
          try {
            return await task(given)
          } catch {}
        return 'gave up'
      }),
  ],
] as ReadonlyArray<[string, (queue: TaskQueue) => ConcurrentRunner<unknown, boolean>]>) {
  test.serial(`a retry without a delay in ${how} cannot freeze the process once the outcome is told`, async (t) => {
    loop.hasTurned = false
    const queue = new TaskQueue()
    let calls = 0
    const push = queue.push(
      ({signal}) => {
        calls++
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      },
      {timeout: 1},
    )
    void make(queue).run()
    t.is(instance(await caught(push), DOMException).name, 'TimeoutError')
    await turn() // in a loop of microtasks, this would never come
    loop.hasTurned = true
    await queue.onIdle()
    t.is(calls, 1)
  })
}

test('where the governor of its group throws as a task is called that has been put back, its push rejects with that', async (t) => {
  const boom = new Error('boom')
  let isBroken = false
  const tryAcquire = (): Permit => {
    if (isBroken) throw boom
    return {release() {}}
  }
  const queue = new TaskQueue<number>({groups: {governor: () => ({acquire: tryAcquire, tryAcquire})}})
  const push = caught(queue.push(() => 1, {group: 'a'}))
  const tasks = queue[Symbol.asyncIterator]()
  const task = await take(tasks)
  await tasks.return?.()
  isBroken = true
  t.is(await caught(Promise.resolve(task(context))), boom)
  t.is(await push, boom)
  t.deepEqual([queue.size, queue.running], [0, 0])
})
