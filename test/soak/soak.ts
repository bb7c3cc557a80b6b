/**
 * Keeps runners and a queue busy under failures, timeouts and every way to end: `npm run soak -- --minutes 60 --seed N`.
 * Fails if a task is lost, run twice or reported twice, if an error goes astray, or if memory grows.
 */
import assert from 'node:assert/strict'
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {ConcurrentRunner, concurrent, type TaskContext, type TaskFunction, TaskQueue} from '../../src/index.js'
import {Random} from '../helpers/random.js'

const {values} = parseArgs({options: {minutes: {type: 'string', default: '2'}, seed: {type: 'string', default: '1'}}})
const random = new Random(Number(values.seed))
const end = performance.now() + Number(values.minutes) * 60_000
const chance = (share: number): boolean => random.chance(share)
const pick = <V>(...choices: readonly [V, ...V[]]): V => random.pick(choices)

let tasks = 0
const astray: unknown[] = []
process.on('unhandledRejection', (error) => astray.push(error))
process.on('uncaughtException', (error) => astray.push(error))

/** Succeeds, fails, takes too long, or heeds its signal, soon or late. */
async function work({index, signal}: TaskContext): Promise<number> {
  tasks++
  if (chance(0.3)) return index
  await sleep(random.fraction() * 4, undefined, chance(0.5) ? {signal} : {})
  if (chance(0.1)) throw new Error(`task ${index} failed`)
  return index
}

function source(
  count: number,
  calls: Map<number, number>,
  onClose: () => void,
): () => Iterable<TaskFunction<number>> | AsyncIterable<TaskFunction<number>> {
  const task = (n: number) => (context: TaskContext) => {
    calls.set(n, (calls.get(n) ?? 0) + 1)
    return work(context)
  }
  const generate = function* (): Generator<TaskFunction<number>> {
    try {
      for (let n = 0; n < count; n++) yield task(n)
    } finally {
      onClose()
    }
  }
  const generateLater = async function* (): AsyncGenerator<TaskFunction<number>> {
    for (const next of generate()) {
      if (chance(0.2)) await sleep(1)
      yield next
    }
  }
  return chance(0.5) ? generate : generateLater
}

/** One run from its source to its drain, ended in a random way. */
async function run(): Promise<void> {
  const count = random.integer(1, 60)
  const calls = new Map<number, number>()
  const told = new Map<number, number>()
  let [closed, drained] = [0, 0]
  const tell = (index: number): void => void told.set(index, (told.get(index) ?? 0) + 1)
  const timeout = chance(0.3) ? 3 : undefined
  const options = {limit: pick(1, 4, 16), ordered: chance(0.3), yieldExceptions: chance(0.7), timeout}
  const tasksOfRun = source(count, calls, () => closed++)
  const runner = concurrent(tasksOfRun, options)
    .on('result', (_value, {index}) => tell(index))
    .on('error', (_error, context) => context && tell(context.index))
    .on('drain', () => drained++)
  const how = pick('all', 'all', 'break', 'abort', 'stop')
  const cut = random.integer(0, count - 1)
  let seen = 0
  try {
    for await (const _ of runner) {
      seen++
      if (chance(0.05)) await sleep(1)
      if (seen < cut || how === 'all') continue
      if (how === 'break') break
      if (how === 'abort') runner.abort(new Error('enough'))
      else void runner.stop({timeout: 20})
    }
  } catch {}
  const stats = await runner.drained
  assert.equal(drained, 1, 'a run drains once')
  // A generator that was just producing an item is not waited for.
  for (let waits = 0; waits < 1000; waits++) {
    if (closed > 0) break
    await sleep(5)
  }
  assert.equal(closed, 1, 'its source is closed once')
  const times = new Set([...calls.values(), ...told.values()])
  assert.deepEqual(times, new Set(times.size === 0 ? [] : [1]), 'no task is run or reported twice')
  assert.deepEqual(new Set(told.keys()), new Set(calls.keys()), 'each task that ran is reported')
  assert.equal(stats.succeeded + stats.failed, calls.size, 'the counts are right')
  if (how === 'all' && options.yieldExceptions) assert.equal(seen, count, 'no result is lost')
}

/** A queue that outlives its runners, which come and go: every push settles, and none runs twice. */
async function serve(): Promise<void> {
  const queue = new TaskQueue({capacity: 50})
  let [pushed, settled, ran] = [0, 0, 0]
  const runners = async (): Promise<void> => {
    while (queue.size > 0 || performance.now() < end) {
      const runner = new ConcurrentRunner(queue, {limit: pick(2, 8), yieldExceptions: true})
      const over = runner.run()
      await sleep(50)
      await Promise.all([runner.stop(), over])
    }
  }
  const served = runners()
  while (performance.now() < end) {
    const push = await queue.room()
    const task = (context: TaskContext): Promise<number> => {
      ran++
      return work(context)
    }
    pushed++
    const settle = (): void => void settled++
    void push(task, {priority: pick(0, 0, 1)}).then(settle, settle)
    if (chance(0.1)) await sleep(1)
  }
  await Promise.all([queue.onIdle(), served])
  assert.deepEqual([ran, settled], [pushed, pushed], 'each push runs once and settles once')
}

/** The memory after each round of runs; the later half may have no more than the earlier one. */
async function rounds(): Promise<void> {
  const heaps: number[] = []
  while (performance.now() < end) {
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({length: 10}, run))
    globalThis.gc?.()
    heaps.push(process.memoryUsage().heapUsed)
  }
  const warm = heaps.slice(Math.floor(heaps.length / 3))
  const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
  const [before, after] = [warm.slice(0, warm.length / 2), warm.slice(warm.length / 2)].map(median)
  const growth = (after ?? 0) - (before ?? 0)
  console.log(`${tasks} tasks in ${heaps.length} rounds; the heap has grown by ${Math.round(growth / 1024)} kB`)
  assert(growth < 2 * 1024 * 1024, 'memory does not grow')
}

process.exitCode = 1 // until all is known to be well
try {
  await Promise.all([rounds(), serve()])
  assert.deepEqual(astray, [], 'no error goes astray')
  process.exitCode = 0
} catch (error) {
  console.error(`With --seed ${values.seed}:`, error)
  process.exit(1)
}
