/** The work that every contender does: tasks of three kinds, from a synchronous or an asynchronous source. */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export const works = ['no-op', 'setImmediate', 'file'] as const
export type Work = (typeof works)[number]

export const sources = ['sync', 'async'] as const
export type SourceKind = (typeof sources)[number]

export type Task = () => Promise<number>
export type TaskSource = IterableIterator<Task> | AsyncIterableIterator<Task>

/** What a contender has got, by which its work is checked. Those that keep no results have no sum. */
export interface Tally {
  readonly count: number
  readonly sum?: number
}

// Results are small integers, so that no contender pays for boxing a sum.
const mask = 7

const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-bench-'))
process.once('exit', () => rmSync(folder, {recursive: true, force: true}))

const files = Array.from({length: 64}, (_, index) => {
  const path = join(folder, String(index))
  writeFileSync(path, Buffer.alloc(1024 + (index & mask)))
  return path
})

const makers: Readonly<Record<Work, (index: number) => Task>> = {
  'no-op': (index) => async () => index & mask,
  setImmediate: (index) => () => new Promise((resolve) => setImmediate(resolve, index & mask)),
  file: (index) => async () => (await readFile(files[index % files.length] ?? '')).length & mask,
}

/** A fresh synchronous source of so many tasks. */
export function* syncSource(work: Work, tasks: number): Generator<Task, void, undefined> {
  const make = makers[work]
  for (let index = 0; index < tasks; index++) yield make(index)
}

/** The same from an asynchronous generator. */
export async function* asyncSource(work: Work, tasks: number): AsyncGenerator<Task, void, undefined> {
  const make = makers[work]
  for (let index = 0; index < tasks; index++) yield make(index)
}

/** @throws Error if a contender has lost, doubled or mixed up a result. */
export function check(tally: Tally, tasks: number): void {
  const rest = tasks % (mask + 1)
  const sum = ((tasks - rest) * mask) / 2 + (rest * (rest - 1)) / 2
  if (tally.count !== tasks) throw new Error(`${tally.count} results of ${tasks} tasks`)
  if (tally.sum !== undefined && tally.sum !== sum) throw new Error(`The results add up to ${tally.sum}, not ${sum}`)
}
