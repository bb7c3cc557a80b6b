/** How much is measured: everything, or little of everything. */
import type {Effort} from './measure.js'
import {type SourceKind, sources, type Work, works} from './work.js'

export interface PlannedCase {
  readonly work: Work
  readonly source: SourceKind
  readonly limit: number
  readonly tasks: number
  readonly effort: Effort
  /** The case of most goals, with every way of using the library. */
  readonly isMain: boolean
}

export interface Plan {
  readonly rounds: number
  readonly cases: readonly PlannedCase[]
  readonly limits: {readonly few: number; readonly many: number; readonly tasks: number}
  readonly lengths: {readonly few: number; readonly many: number}
  /** Tasks during which a timer should fire. */
  readonly timer: {readonly ours: number; readonly peers: number}
  /** Results that wait for their consumer. */
  readonly waiting: number
}

/** How much of one case. */
type Amount = Omit<Effort, 'rounds' | 'isApart'> & {readonly tasks: number}

interface Amounts {
  readonly rounds: number
  readonly limits: readonly number[]
  readonly usual: Readonly<Record<Work, Amount>>
  /** For the cases that goals are about. */
  readonly ofGoals: Readonly<Partial<Record<Work, Amount>>>
}

/** Where the goals are measured: from a synchronous source, at limit 16. */
export const main = {work: 'no-op', source: 'sync', limit: 16} as const

export const quick: Plan = {
  rounds: 3,
  cases: cases({
    rounds: 3,
    limits: [main.limit],
    usual: {
      'no-op': {tasks: 2000, budget: 6, warmUp: 0},
      setImmediate: {tasks: 2000, budget: 6, warmUp: 0},
      file: {tasks: 100, budget: 6, warmUp: 0},
    },
    ofGoals: {
      'no-op': {tasks: 20_000, budget: 60, warmUp: 50},
      setImmediate: {tasks: 10_000, budget: 30, warmUp: 30},
    },
  }),
  limits: {few: 16, many: 100_000, tasks: 150_000},
  lengths: {few: 100_000, many: 1_000_000},
  timer: {ours: 200_000, peers: 50_000},
  waiting: 100_000,
}

export const full: Plan = {
  rounds: 7,
  cases: cases({
    rounds: 7,
    limits: [1, 16, 1000, 100_000],
    usual: {
      'no-op': {tasks: 20_000, budget: 60, warmUp: 100},
      setImmediate: {tasks: 10_000, budget: 60, warmUp: 60},
      file: {tasks: 500, budget: 50, warmUp: 0},
    },
    ofGoals: {
      'no-op': {tasks: 200_000, budget: 400, warmUp: 150},
      setImmediate: {tasks: 50_000, budget: 200, warmUp: 150},
    },
  }),
  limits: {few: 16, many: 100_000, tasks: 400_000},
  lengths: {few: 100_000, many: 10_000_000},
  timer: {ours: 1_000_000, peers: 200_000},
  waiting: 100_000,
}

function cases({rounds, limits, usual, ofGoals}: Amounts): PlannedCase[] {
  return works.flatMap((work) =>
    sources.flatMap((source) =>
      limits.map((limit) => {
        const isOfGoals = source === main.source && limit === main.limit
        const ofGoal = isOfGoals ? ofGoals[work] : undefined
        const amount = ofGoal ?? usual[work]
        // A limit that is never reached measures nothing; but no system opens 100,000 files at once.
        const isMore = work !== 'file' && limit > amount.tasks
        const tasks = isMore ? limit * 1.2 : amount.tasks
        const effort = {
          rounds,
          budget: isMore ? amount.budget * 2.5 : amount.budget,
          warmUp: amount.warmUp,
          isApart: ofGoal !== undefined,
        }
        return {work, source, limit, tasks, effort, isMain: isOfGoals && work === main.work}
      }),
    ),
  )
}
