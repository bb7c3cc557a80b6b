/** What a process is asked to measure, and what it answers. */
import type {Contender} from './contender.js'

/**
 * `hot`: the same tasks again and again; `collected`: after a full collection before each run; `short`: runs of ten
 * items; `bytes`: of a push that waits; `import`: of the package.
 */
export const states = ['hot', 'collected', 'short', 'short collected', 'bytes', 'import'] as const
export type State = (typeof states)[number]

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
  /** Samples to take at least. */
  readonly samples: number
}

/** Microseconds, bytes or milliseconds; or why there are none. */
export type Found = {readonly value: number} | {readonly cannot: string}

/** In which states a contender can be measured. A package is imported for one contender only. */
export function statesOf({id, package: name, isHotOnly, run, queue, map}: Contender): State[] {
  if (isHotOnly === true) return ['hot']
  return [
    ...(run || queue ? (['hot', 'collected'] as const) : []),
    ...(map ? (['short', 'short collected'] as const) : []),
    ...(queue ? (['bytes'] as const) : []),
    ...(id === name || id === 'run' || id === 'nothing' ? (['import'] as const) : []),
  ]
}
