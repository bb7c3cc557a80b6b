/** Each unsettled push is counted in exactly one of `size` and `running`, and no more wait than the capacity. */
import test from 'ava'
import {ConcurrentRunner, type TaskFunction, TaskQueue} from '../../src/index.js'
import {manual, manuals, turn} from '../helpers/index.js'
import {Random} from '../helpers/random.js'
import {finish, type Runner, serve, standing} from './serving.js'

const counts = ({size, running}: TaskQueue): number[] => [size, running]

test('a push waits until its task is called, and runs until it settles', async (t) => {
  const queue = new TaskQueue()
  const [a, b] = manuals(2)
  const pushes = [queue.push(a.thunk), queue.push(b.thunk)]
  t.deepEqual(counts(queue), [2, 0])
  const runner = new ConcurrentRunner(queue, {limit: 1})
  const seen: number[][] = []
  runner.on('start', () => seen.push(counts(queue)))
  const results = runner.toArray()
  t.deepEqual(counts(queue), [1, 1])
  a.resolve('a')
  await pushes[0]
  await turn()
  t.deepEqual(counts(queue), [0, 1])
  b.resolve('b')
  await pushes[1]
  t.deepEqual(counts(queue), [0, 0])
  t.deepEqual(seen, [
    [2, 0],
    [1, 0],
  ])
  queue.close()
  await results
})

test('a runner that waits takes a push in a microtask, and by then the highest priority first', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  serve(queue, {limit: 1})
  await turn()
  void queue.push(() => log.push('low'))
  void queue.push(() => log.push('high'), {priority: 1})
  t.deepEqual(counts(queue), [2, 0])
  await queue.onIdle()
  t.deepEqual(log, ['high', 'low'])
})

test('what is cleared before the runner has called it is not run', async (t) => {
  const queue = new TaskQueue()
  serve(queue)
  await turn()
  const push = queue.push(() => t.fail())
  queue.clear('cleared')
  t.is(await standing(push), 'rejected: cleared')
})

test('a listener of start that clears the queue takes out the very task that was about to be called', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  runner.once('start', () => queue.clear('cleared'))
  const push = queue.push(() => t.fail())
  t.is(await standing(push), 'rejected: cleared')
  await turn()
  t.deepEqual(counts(queue), [0, 0])
  t.like(runner.stats, {started: 1, failed: 1, running: 0})
})

test('a listener of start that aborts the push’s signal takes out the task that was about to be called', async (t) => {
  const queue = new TaskQueue()
  const controller = new AbortController()
  const runner = serve(queue)
  runner.once('start', () => controller.abort('changed my mind'))
  const push = queue.push(() => t.fail(), {signal: controller.signal})
  t.is(await standing(push), 'rejected: changed my mind')
  await turn()
  t.deepEqual(counts(queue), [0, 0])
})

test('a task that has timed out runs until it settles, though its push has', async (t) => {
  const queue = new TaskQueue()
  const late = manual()
  serve(queue, {timeout: 1})
  await queue.push(late.thunk).catch(() => {})
  t.deepEqual(counts(queue), [0, 1])
  late.resolve('late')
  await turn()
  t.deepEqual(counts(queue), [0, 0])
})

test('a task that its runner never calls is counted once, and no more when its push has settled', async (t) => {
  class Cached extends ConcurrentRunner<unknown> {
    protected override execute(): unknown {
      return 'cached'
    }
  }
  const queue = new TaskQueue()
  void new Cached(queue).run()
  t.is(await queue.push<unknown>(() => t.fail()), 'cached')
  t.deepEqual(counts(queue), [0, 0])
})

for (let seed = 1; seed <= 20; seed++) {
  test(`whatever is done to a queue, its counts are right and its capacity is kept (seed ${seed})`, async (t) => {
    const random = new Random(seed)
    const capacity = random.integer(1, 6)
    const queue = new TaskQueue({capacity})
    const unsettled = new Set<number>()
    let called = 0
    let pushed = 0
    let refused = 0
    const runners: Runner[] = []
    const readers: Array<AsyncIterator<TaskFunction<unknown>>> = []
    const held: Array<TaskFunction<unknown>> = []
    const context = {index: 0, item: undefined, attempt: 1, signal: new AbortController().signal}

    /** Lets all that needs no turn of the event loop happen, and then counts. */
    const check = async (): Promise<void> => {
      for (let ticks = 0; ticks < 200; ticks++) await Promise.resolve()
      t.is(queue.size + queue.running, unsettled.size)
      t.is(queue.running, called)
    }
    const pushBy = (
      push: (task: () => Promise<void>, options: object) => Promise<unknown>,
      isReserved: boolean,
    ): void => {
      const number = pushed++
      const controller = new AbortController()
      unsettled.add(number)
      const task = async (): Promise<void> => {
        called++
        try {
          for (let turns = random.integer(0, 2); turns > 0; turns--) await turn(1)
          if (random.chance(0.2)) throw new Error('boom')
        } finally {
          called--
        }
      }
      push(task, {priority: random.integer(0, 2), signal: controller.signal}).then(
        () => unsettled.delete(number),
        (reason: unknown) => {
          unsettled.delete(number)
          if (isReserved && String(reason).includes('full')) refused++
        },
      )
      if (random.chance(0.1)) void turn(random.integer(0, 2)).then(() => controller.abort())
    }
    const steps: ReadonlyArray<() => unknown> = [
      () => pushBy((task, options) => queue.push(task, options), false),
      () =>
        void queue.room().then(
          (push) => pushBy(push, true),
          () => {},
        ),
      () => void queue.room(),
      () => runners.push(serve(queue, {limit: random.integer(1, 3)})),
      () => runners[random.integer(0, runners.length)]?.pause(),
      () => runners[random.integer(0, runners.length)]?.resume(),
      () => {
        const runner = runners[random.integer(0, runners.length)]
        if (runner?.state === 'running') runner.abort() // a second call would tell outcomes while tasks run on
      },
      () => void runners[random.integer(0, runners.length)]?.stop(),
      () => readers.push(queue[Symbol.asyncIterator]()),
      () =>
        readers
          .at(-1)
          ?.next()
          .then(
            (result) => void (result.done || held.push(result.value)),
            () => {},
          ) && undefined,
      () => void readers.shift()?.return?.(),
      () => void held.shift()?.(context),
      () => (random.chance(0.2) ? queue.clear() : undefined),
      () => queue.remove(({priority}) => priority === 2 && random.chance(0.5)),
      () => turn(1),
      () => turn(1),
    ]
    const choices = [...steps.slice(0, 2), ...steps.slice(0, 2), ...steps] as [() => unknown, ...Array<() => unknown>]
    for (let step = 0; step < 400; step++) {
      await random.pick(choices)()
      t.true(queue.waiting.length <= capacity)
      if (step % 5 === 0) await check()
    }
    for (const runner of runners) {
      runner.resume()
      void runner.stop()
    }
    for (const reader of readers) void reader.return?.()
    await Promise.all(runners.map((runner) => runner.drained))
    await finish(queue)
    await turn()
    await check()
    t.is(unsettled.size, 0)
    t.is(refused, 0)
    t.deepEqual(counts(queue), [0, 0])
  })
}
