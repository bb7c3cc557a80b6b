/** What a process is asked to measure, and what it answers. */
import type {Contender} from './contender.js'

/** `hot`; `collected`: after a full collection before each run; `short`: many runs of ten items. */
export type State = 'hot' | 'collected' | 'short' | 'short collected' | 'bytes' | 'import'

export interface Job {
  readonly contender: string
  readonly state: State
  /** The folder of the build of aio-tasks. */
  readonly build: string
  /** Tasks, short runs or waiting pushes of one sample. */
  readonly amount: number
  readonly limit: number
  /** Milliseconds of processor time that the samples take at least. */
  readonly time: number
}

/** Microseconds or bytes; or why there are none. */
export type Found = {readonly value: number} | {readonly cannot: string}

/** In which states a contender can be measured. */
export function statesOf({id, kind, package: name, run, queue, map}: Contender): State[] {
  return [
    ...(run || queue ? (['hot', 'collected'] as const) : []),
    ...(map ? (['short', 'short collected'] as const) : []),
    ...((kind === 'peer' && id === name) || id === 'run' ? (['import'] as const) : []),
    ...(queue ? (['bytes'] as const) : []),
  ]
}
