/** Measures entries beside each other: rounds interleaved, a collected heap before each run. */
import {setImmediate as turn} from 'node:timers/promises'
import {type Summary, summarise} from './stats.js'

export interface Entry {
  readonly id: string
  /** How many tasks it is asked for. */
  readonly tasks: number
  /** Does so many tasks and checks the results. */
  attempt(tasks: number): Promise<void>
  /** An entry before it runs the same code, and has warmed it. */
  readonly isWarm?: boolean
}

export interface Effort {
  readonly rounds: number
  /** Milliseconds one run may take about; a slower entry does fewer tasks. */
  readonly budget: number
  /** Milliseconds each entry runs at least before it is measured. */
  readonly warmUp: number
}

export type Outcome = (Summary & {readonly tasks: number}) | {readonly failed: string}

const {gc} = globalThis

/** Collects the heap, once what earlier runs have left in the event loop is done. */
export async function collect(): Promise<void> {
  await turn()
  if (gc === undefined) throw new Error('The benchmark needs node --expose-gc')
  gc()
}

/** Microseconds a task, for each entry. One that throws is reported as failed and left out of further rounds. */
export async function interleave(entries: readonly Entry[], effort: Effort): Promise<Map<string, Outcome>> {
  const failures = new Map<string, string>()
  const runs: Array<{entry: Entry; tasks: number; samples: number[]}> = []
  const guarded = async (entry: Entry, action: () => Promise<void>): Promise<void> => {
    try {
      await action()
    } catch (error) {
      failures.set(entry.id, String(error))
    }
  }
  for (const entry of entries)
    await guarded(entry, async () => {
      runs.push({entry, tasks: entry.isWarm ? entry.tasks : await warmUp(entry, effort), samples: []})
    })
  for (let round = 0; round < effort.rounds; round++) {
    // Each round begins with another one, so that none always follows the same neighbour's garbage.
    const first = Math.floor((round * runs.length) / effort.rounds)
    for (const {entry, tasks, samples} of [...runs.slice(first), ...runs.slice(0, first)]) {
      if (failures.has(entry.id)) continue
      await guarded(entry, async () => {
        await collect()
        samples.push(((await time(entry, tasks)) * 1000) / tasks)
      })
    }
  }
  const outcomes = new Map<string, Outcome>()
  for (const {entry, tasks, samples} of runs) outcomes.set(entry.id, {...summarise(samples), tasks})
  for (const [id, failed] of failures) outcomes.set(id, {failed})
  return outcomes
}

async function time(entry: Entry, tasks: number): Promise<number> {
  const start = performance.now()
  await entry.attempt(tasks)
  return performance.now() - start
}

/** Runs an entry until it is warm, with more tasks each time. Returns how many it does within the budget. */
async function warmUp(entry: Entry, {budget, warmUp: least}: Effort): Promise<number> {
  const start = performance.now()
  let tasks = Math.min(entry.tasks, 1000)
  for (;;) {
    const elapsed = Math.min(await time(entry, tasks), await time(entry, tasks))
    // Growing step by step, an entry whose cost grows faster than its tasks is found out early.
    const wanted = Math.min(entry.tasks, Math.floor(tasks * Math.min(budget / elapsed, 5)))
    const isReached = wanted < tasks * 1.5 && wanted < entry.tasks
    if ((isReached || tasks === entry.tasks) && performance.now() - start >= least) return tasks
    tasks = Math.max(tasks, wanted)
  }
}
