/** Measures one contender in one state, in this process alone, and prints what it has found as JSON. */
import {setImmediate as turn} from 'node:timers/promises'
import {Bench} from 'tinybench'
import {type Contender, Missing} from './contender.js'
import {contender} from './contenders.js'
import type {Found, Job} from './job.js'
import {check, noops, type Tally, type Task, tallyPushed} from './work.js'

const atOnce = 50_000
const itemsOfShortRun = Array.from({length: 10}, (_, index) => index)

/** Milliseconds of processor time that this process has used, its collector and compiler included. */
function processorTime(): number {
  const {user, system} = process.cpuUsage()
  return (user + system) / 1000
}

/** A full collection, once what the run before has left in the event loop is done. */
async function collect(): Promise<void> {
  await turn()
  if (globalThis.gc === undefined) throw new Error('The benchmark needs node --expose-gc')
  globalThis.gc()
}

/** One sample: so many tasks, or so many short runs. */
async function sampled({state, amount, limit, build}: Job, {run, queue, map}: Contender): Promise<() => Promise<void>> {
  if (state === 'short' || state === 'short collected') {
    const mapAll = await map?.(build)
    return async () => {
      for (let count = 0; count < amount; count++) {
        const results = await mapAll?.(itemsOfShortRun, async (item) => item + 1, 4)
        if (results?.length !== 10 || results[9] !== 10) throw new Error('A result is missing')
      }
    }
  }
  const open = await queue?.(build)
  const runAll =
    (await run?.(build)) ??
    (async (tasks: IterableIterator<Task>): Promise<Tally> => {
      if (open === undefined) throw new Missing('it cannot do this')
      const {push, close} = open(limit)
      const tally = await tallyPushed(tasks, atOnce, push)
      await close?.()
      return tally
    })
  return async () => check(await runAll(noops(amount), limit), amount)
}

/** Microseconds of processor time for each task or short run: the median of the samples. */
async function microseconds(job: Job, who: Contender): Promise<number> {
  const sample = await sampled(job, who)
  const bench = new Bench({
    now: processorTime,
    time: job.time,
    iterations: job.samples,
    warmupTime: job.time,
    warmupIterations: job.samples - 1,
    throws: true,
  })
  bench.add(who.id, sample, {async: true, ...(job.state.endsWith('collected') && {beforeEach: collect})})
  await bench.run()
  const result = bench.tasks[0]?.result
  if (result?.state !== 'completed') throw new Error(`It was not measured: ${result?.state}`)
  return (result.latency.p50 * 1000) / job.amount
}

/** Bytes for each push that waits behind one that never ends. */
async function bytes({build, amount}: Job, {queue}: Contender): Promise<number> {
  const open = await queue?.(build)
  if (open === undefined) throw new Missing('nothing can be pushed')
  const task: Task = async () => 1
  const fill = async (count: number): Promise<number> => {
    const {push} = open(1)
    void push(() => new Promise(() => {}))
    await collect()
    const before = process.memoryUsage().heapUsed
    for (let pushed = 0; pushed < count; pushed++) void push(task)
    await collect()
    const after = process.memoryUsage().heapUsed
    void push(task) // the queue is in use until here
    return (after - before) / count
  }
  await fill(1000)
  return fill(amount)
}

const job = JSON.parse(process.argv[2] ?? '') as Job
let found: Found
try {
  const who = contender(job.contender)
  found = {value: await (job.state === 'bytes' ? bytes(job, who) : microseconds(job, who))}
} catch (error) {
  if (!(error instanceof Missing)) throw error
  found = {cannot: error.message}
}
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit())
