/** What a contender is. */
import type {Tally, Task} from './work.js'

/** Does all tasks, at most `limit` at once. */
export type Run = (tasks: IterableIterator<Task>, limit: number) => Promise<Tally>

/** Maps all items, at most `limit` at once. */
export type MapAll = (
  items: number[],
  mapper: (item: number) => Promise<number>,
  limit: number,
) => Promise<readonly number[]>

/** Makes a queue that runs at most `limit` tasks at once. */
export type Open = (limit: number) => {
  readonly push: (task: Task) => Promise<number>
  readonly close?: () => Promise<unknown>
}

/** Each way of using a contender: a function that loads its package, which is a build's folder for aio-tasks. */
export interface Contender {
  readonly id: string
  readonly kind: 'ours' | 'floor' | 'peer'
  /** The package it belongs to, if any. */
  readonly package?: string
  /** What is called. */
  readonly call: string
  /** Gives results while it runs, and not all at its end. */
  readonly streams?: boolean
  /** Tasks of a sample, for a contender whose cost grows faster than the number of tasks. */
  readonly fewer?: number
  /** Measured in the state `hot` alone, and not drawn: a row compares it with another one of ours. */
  readonly isHotOnly?: true
  readonly run?: (build: string) => Promise<Run>
  readonly queue?: (build: string) => Promise<Open>
  readonly map?: (build: string) => Promise<MapAll>
}

/** Why this contender cannot be measured. */
export class Missing extends Error {}
