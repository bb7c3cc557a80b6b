/** The shape of what a benchmark finds, as `--json` prints it. */
import type {Summary} from './stats.js'
import type {SourceKind, Work} from './work.js'

/** Microseconds a task: or why there are none. */
export type Cost = (Summary & {readonly tasks: number}) | {readonly cannot: string} | {readonly failed: string}

export interface Row {
  readonly id: string
  /** With the version. */
  readonly name: string
  readonly kind: 'ours' | 'floor' | 'peer'
  readonly streams: boolean
  readonly cost: Cost
}

/** Contenders beside each other, on the same work. */
export interface Case {
  readonly work: Work
  readonly source: SourceKind
  readonly limit: number
  readonly tasks: number
  readonly rows: readonly Row[]
}

/** The runner beside itself: with other limits, or other lengths of a run. */
export type Growth = Readonly<Record<'few' | 'many', {readonly what: string; readonly cost: Cost}>>

export interface Lateness {
  readonly name: string
  /** Not a peer, and not a queue either, whose tasks are pushed without a pause. */
  readonly isRunner: boolean
  readonly tasks: number
  /** Milliseconds the run took. */
  readonly elapsed: number
  /** How often a timer set for every 5 ms has fired. */
  readonly fired: number
  /** Milliseconds that it was late at the most. */
  readonly late: number
}

export interface Extras {
  readonly lateness: readonly Lateness[]
  /** Bytes for each result that waits. */
  readonly retained: Readonly<Record<string, number>>
  /** Bytes by which the heap grows during the long run. */
  readonly heapGrowth: {readonly tasks: number; readonly bytes: number}
  /** Bytes of the core with its dependencies. */
  readonly size: {readonly minified: number; readonly gzipped: number}
  /** Milliseconds to import, beside those of an empty module. */
  readonly imports: Readonly<Record<string, Summary>>
}

export interface Goal {
  readonly goal: string
  readonly reached: number
  readonly unit: '×' | 'MB' | 'ms' | 'kB'
  readonly bound: 'at most' | 'at least'
  readonly value: number
  /** What else there is to say, such as which peer it was. */
  readonly note?: string
  /** Left out by `--quick`, which judges nothing. */
  readonly met?: boolean
}

export interface Report {
  readonly date: string
  readonly command: string
  readonly node: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memory: string
    readonly system: string
    /** The load of the minute before, which should be near 0. */
    readonly load: number
  }
  readonly rounds: number
  readonly versions: Readonly<Record<string, string>>
  readonly cases: readonly Case[]
  readonly limits: Growth
  readonly lengths: Growth
  readonly extras: Extras
  readonly goals: readonly Goal[]
}
