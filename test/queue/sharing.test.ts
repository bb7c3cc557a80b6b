/** Several runners share one queue. */
import test from 'ava'
import {ConcurrentRunner, TaskQueue} from '../../src/index.js'
import {caught, turn} from '../helpers/index.js'
import {finish, type Runner, serve, standings} from './serving.js'

test('several runners share the tasks, and each is run once', async (t) => {
  const queue = new TaskQueue<number>()
  const calls = new Map<number, number>()
  const pushes = Array.from({length: 300}, (_, number) =>
    queue.push(async () => {
      calls.set(number, (calls.get(number) ?? 0) + 1)
      await turn(1)
      return number
    }),
  )
  queue.close()
  const results = await Promise.all([1, 2, 5].map((limit) => new ConcurrentRunner(queue, {limit}).toArray()))
  t.true(results.every((list) => list.length > 0))
  t.deepEqual(
    results.flat().sort((a, b) => a - b),
    [...calls.keys()],
  )
  t.deepEqual(new Set(calls.values()), new Set([1]))
  t.deepEqual(await Promise.all(pushes), [...pushes.keys()])
})

test('runners that wait get tasks in turn, the longest waiting first', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const name of ['x', 'y', 'z'])
    serve(queue, {limit: 1}).on('result', (value) => log.push(`${name}${String(value)}`))
  await turn()
  for (let number = 0; number < 6; number++) await queue.push(() => number)
  t.deepEqual(log, ['x0', 'y1', 'z2', 'x3', 'y4', 'z5'])
})

test('an error of one runner’s task leaves the other runners as they are', async (t) => {
  const queue = new TaskQueue()
  const failed = new ConcurrentRunner(queue, {limit: 1})
  const ended = caught(failed.run())
  await turn()
  const other = serve(queue, {limit: 1})
  await caught(queue.push(() => Promise.reject(new Error('boom'))))
  await ended
  t.is(await queue.push(() => 'a'), 'a')
  t.is(other.state, 'running')
})

/** Numbers from 0 up to 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

for (let seed = 1; seed <= 8; seed++) {
  test(`runners come and go at random: no task is run twice, none is lost, every push settles (seed ${seed})`, async (t) => {
    const next = random(seed)
    const queue = new TaskQueue()
    const calls: number[] = []
    const aborted = new Set<number>()
    const pushes: Array<Promise<unknown>> = []
    const runners: Runner[] = []
    const push = (): void => {
      const number = pushes.length
      const controller = new AbortController()
      calls.push(0)
      const task = async (): Promise<number> => {
        calls[number] = (calls[number] ?? 0) + 1
        for (let ticks = Math.floor(next() * 4); ticks > 0; ticks--) await turn(1)
        if (next() < 0.2) throw new Error('boom')
        return number
      }
      pushes.push(queue.push(task, {priority: Math.floor(next() * 3), signal: controller.signal}))
      if (next() > 0.1) return
      aborted.add(number)
      if (next() < 0.5) controller.abort()
      else queueMicrotask(() => controller.abort())
    }
    for (let step = 0; step < 300; step++) {
      const choice = next()
      const runner = runners[Math.floor(next() * runners.length)]
      if (choice < 0.5) push()
      else if (choice < 0.6)
        runners.push(serve(queue, {limit: 1 + Math.floor(next() * 3), yieldExceptions: next() < 0.5}))
      else if (choice < 0.65) runner?.abort()
      else if (choice < 0.7) void runner?.stop()
      else if (choice < 0.73) void runner?.return()
      else if (choice < 0.78) runner?.pause()
      else if (choice < 0.85) runner?.resume()
      else await (choice < 0.92 ? Promise.resolve() : turn(1))
    }
    for (const runner of runners) void runner.stop()
    await Promise.all(runners.map((runner) => (runner.resume(), runner.drained)))
    await finish(queue)
    t.false((await standings(pushes)).includes('pending'))
    t.deepEqual(
      calls.filter((count, number) => count > 1 || (count === 0 && !aborted.has(number))),
      [],
    )
    t.is(queue.size, 0)
  })
}

test('a reader that asks while another task is about to be called waits for the task behind it, though the queue is closed', async (t) => {
  const queue = new TaskQueue({groups: {limit: 1}})
  const pushed = ['a1', 'a2'].map((name) => queue.push(() => name, {group: 'a'}))
  queue.close()
  const reader = queue[Symbol.asyncIterator]()
  const runner = new ConcurrentRunner(queue, {limit: 1})
  const asked = new Promise<Awaited<ReturnType<typeof reader.next>>>((resolve) => {
    runner.on('start', () => {
      resolve(reader.next())
      void runner.stop()
    })
  })
  t.deepEqual(await runner.toArray(), ['a1'])
  const {value: task} = await asked
  await task?.({index: 0, attempt: 1, item: undefined, signal: new AbortController().signal})
  t.deepEqual(await Promise.all(pushed), ['a1', 'a2'])
})
