/** What a contender is. */
import type {SourceKind, Tally, Task, TaskSource} from '../work.js'

interface Described {
  readonly id: string
  readonly kind: 'ours' | 'floor' | 'peer'
  /** The package it belongs to; Node itself if it belongs to none. */
  readonly package?: string
  /** What of the package is called. */
  readonly call: string
  /** Hands over results while it runs, and not all at its end. */
  readonly streams?: boolean
  /** Why it cannot do a case, if there is more to that than what it takes. */
  readonly cannot?: (source: SourceKind, limit: number) => string | undefined
  /** Measured in the main case only. */
  readonly isExtra?: boolean
}

/** It takes any source, or its tasks are pushed by a loop, which an asynchronous source would never hold back. */
export type Contender = Described &
  (
    | {readonly takes: 'any source'; readonly run: (source: TaskSource, limit: number) => Promise<Tally>}
    | {readonly takes: 'pushes'; readonly run: (source: IterableIterator<Task>, limit: number) => Promise<Tally>}
  )

/** Why a contender cannot do a case, or `undefined` if it can. */
export function obstacle({takes, cannot}: Contender, source: SourceKind, limit: number): string | undefined {
  if (takes === 'pushes' && source === 'async') return 'its tasks are pushed, which holds no asynchronous source back'
  return cannot?.(source, limit)
}

export function isAsync(source: TaskSource): source is AsyncIterableIterator<Task> {
  return Symbol.asyncIterator in source
}

export async function tallyStream(results: AsyncIterable<number>): Promise<Tally> {
  let count = 0
  let sum = 0
  for await (const result of results) {
    count++
    sum += result
  }
  return {count, sum}
}

export function tallyArray(results: ReadonlyArray<number | undefined>): Tally {
  let sum = 0
  for (const result of results) sum += result ?? Number.NaN
  return {count: results.length, sum}
}

/** Pushes every task, and waits for all results. */
export async function tallyPushed(source: Iterable<Task>, push: (task: Task) => Promise<number>): Promise<Tally> {
  const promises: Array<Promise<number>> = []
  for (const task of source) promises.push(push(task))
  return tallyArray(await Promise.all(promises))
}
