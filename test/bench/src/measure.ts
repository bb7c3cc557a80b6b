/**
 * Measures entries beside each other, in interleaved rounds.
 *
 * Node drops optimised code when a full collection finds that no object of its kind lives, so that a run just
 * after one measures how fast code gets warm: tenfold, in short runs. So a full collection is always followed
 * by runs that do not count, and otherwise only the young objects of the run before are collected.
 */
import {setImmediate as turn} from 'node:timers/promises'
import {type Summary, summarise} from './stats.js'

export interface Entry {
  readonly id: string
  /** How many tasks it is asked for. */
  readonly tasks: number
  /** Does so many tasks and checks the results. */
  attempt(tasks: number): Promise<void>
  /** An entry before it runs the same code, and has warmed it: this one need not find its number of tasks. */
  readonly isWarm?: boolean
}

export interface Effort {
  readonly rounds: number
  /** Milliseconds one run may take about; a slower entry does fewer tasks. */
  readonly budget: number
  /** Milliseconds an entry runs at least before it is measured, and again after each full collection. */
  readonly warmUp: number
  /** Collect the whole heap before each run, and not once for all: entries pay for no garbage of another. */
  readonly isApart: boolean
}

export type Outcome = (Summary & {readonly tasks: number}) | {readonly failed: string}

interface Run {
  readonly entry: Entry
  readonly tasks: number
  readonly samples: number[]
}

/** Tasks of a run that is only to warm code. */
const few = 20_000

/** Collects the heap, once what earlier runs have left in the event loop is done. */
export async function collect(type: 'major' | 'minor' = 'major'): Promise<void> {
  await turn()
  if (globalThis.gc === undefined) throw new Error('The benchmark needs node --expose-gc')
  globalThis.gc({type, execution: 'sync'})
}

/** Microseconds a task, for each entry. One that throws is reported as failed and left out of further rounds. */
export async function interleave(entries: readonly Entry[], effort: Effort): Promise<Map<string, Outcome>> {
  const failures = new Map<string, string>()
  const runs: Run[] = []
  const guarded = async ({id}: Entry, action: () => Promise<void>): Promise<void> => {
    try {
      if (!failures.has(id)) await action()
    } catch (error) {
      failures.set(id, String(error))
    }
  }
  await collect()
  for (const entry of entries)
    await guarded(entry, async () => {
      const tasks = entry.isWarm ? entry.tasks : await capacity(entry, effort)
      runs.push({entry, tasks, samples: []})
    })
  for (let round = 0; round < effort.rounds; round++)
    for (const {entry, tasks, samples} of shuffled(runs))
      await guarded(entry, async () => {
        if (effort.isApart) await collect()
        if (effort.isApart) await warm(entry, Math.min(tasks, few), effort.warmUp)
        await collect('minor')
        samples.push(((await time(entry, tasks)) * 1000) / tasks)
      })
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

async function warm(entry: Entry, tasks: number, least: number): Promise<void> {
  const start = performance.now()
  do await entry.attempt(tasks)
  while (performance.now() - start < least)
}

/** How many tasks an entry does within the budget, once it is warm. */
async function capacity(entry: Entry, {budget, warmUp}: Effort): Promise<number> {
  const start = performance.now()
  let tasks = Math.min(entry.tasks, 1000)
  for (;;) {
    const elapsed = Math.min(await time(entry, tasks), await time(entry, tasks))
    // Growing step by step, an entry whose cost grows faster than its tasks is found out early.
    const wanted = Math.min(entry.tasks, Math.floor(tasks * Math.min(budget / elapsed, 5)))
    const isReached = wanted < tasks * 1.5 && wanted < entry.tasks
    if ((isReached || tasks === entry.tasks) && performance.now() - start >= warmUp) return tasks
    tasks = Math.max(tasks, wanted)
  }
}

/** In another order each round, so that none always runs behind the same neighbour. */
function shuffled(runs: readonly Run[]): Run[] {
  return runs
    .map((run) => ({run, place: Math.random()}))
    .sort((a, b) => a.place - b.place)
    .map(({run}) => run)
}
