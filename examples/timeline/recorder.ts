/** Notes what can be seen of a run from outside: when each attempt ran and in which slot, how it went, what held it back. */
import {subscribe, unsubscribe} from 'node:diagnostics_channel'
import {inspect} from 'node:util'
import type {ConcurrentError, Governor, Permit, RetryInfo, RunnerStats, TaskContext, TaskTrace} from 'aio-tasks'

/** One attempt of a task, from its start to its outcome. Times are milliseconds since the first start. */
export interface Bar {
  readonly index: number
  /** Which attempt of the task, counted from 1. */
  readonly attempt: number
  /** The group with which the task was pushed, as a text. */
  readonly group: string | undefined
  /** Whether the attempt failed and the task is tried again. */
  isRetried: boolean
  /** The slot that it took, counted from 0. */
  readonly lane: number
  readonly start: number
  /** `undefined` while it runs. */
  end: number | undefined
  /** What the task failed with, for good. */
  error: ConcurrentError | undefined
}

/** A time in which the governor let nothing start. */
export interface Hold {
  readonly start: number
  /** `undefined` while it lasts. */
  end: number | undefined
}

/** Everything that is known of a run. */
export interface Timeline {
  readonly bars: readonly Bar[]
  readonly holds: readonly Hold[]
  /** The limit at first, and each one that it was set to. */
  readonly limits: ReadonlyArray<{readonly at: number; readonly limit: number}>
  readonly end: number
}

/** A runner, as far as it is needed here. */
export interface Observed {
  readonly limit: number
  readonly running: Iterable<TaskContext>
  on(event: 'retry', listener: (context: TaskContext, info: RetryInfo) => void): unknown
  on(event: 'result', listener: (value: unknown, context: TaskContext) => void): unknown
  on(event: 'error', listener: (error: ConcurrentError, context?: TaskContext) => void): unknown
  on(event: 'limit', listener: (limit: number, previous: number) => void): unknown
  on(event: 'drain', listener: (stats: RunnerStats) => void): unknown
}

const starts = 'tracing:aio-tasks:task:start'

/**
 * Records a run. Make it before the run starts, and read `timeline` at any time.
 *
 * The start of an attempt and its group are told by the tracing channel `start`, everything else by the runner's events.
 * The holds of a governor are seen only if the runner has `recorder.watch(governor)` in its place.
 */
export class Recorder {
  #runner: Observed | undefined
  readonly #now: () => number
  readonly #bars: Bar[] = []
  readonly #holds: Hold[] = []
  readonly #limits: Array<{readonly at: number; readonly limit: number}> = []
  /** The attempt in each slot. A runner does not number its slots: each start takes the lowest that is free. */
  readonly #lanes: Array<Bar | undefined> = []
  #startedAt: number | undefined
  #end = 0

  /** @param now Tells milliseconds; only their differences count. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Records this runner until it has drained. */
  record(runner: Observed): void {
    this.#runner = runner
    const started = (message: unknown): void => this.#started(runner, message as TaskTrace)
    subscribe(starts, started)
    runner.on('retry', ({index}) => {
      const bar = this.#ended(index)
      if (bar !== undefined) bar.isRetried = true
    })
    runner.on('result', (_value, {index}) => this.#ended(index))
    runner.on('error', (error, context) => this.#failed(error, context))
    runner.on('limit', (limit) => this.#limitSet(limit))
    runner.on('drain', () => {
      this.#tick()
      unsubscribe(starts, started)
    })
  }

  /** The same governor, whose holds are recorded: anything with `acquire` can govern a runner. */
  watch(governor: Governor): Governor {
    return {
      acquire: (request) => {
        const answer: Permit | PromiseLike<Permit> = governor.acquire(request)
        if (!('then' in answer)) return answer
        const hold: Hold = {start: this.#tick(), end: undefined}
        this.#holds.push(hold)
        const ended = (): void => {
          hold.end = this.#tick()
        }
        answer.then(ended, ended)
        return answer
      },
    }
  }

  get timeline(): Timeline {
    return {bars: this.#bars, holds: this.#holds, limits: this.#limits, end: this.#end}
  }

  /** An attempt starts, of this runner or of another one: a trace does not name its runner. */
  #started({running}: Observed, {index, attempt, group}: TaskTrace): void {
    // The first trace of an attempt that this runner runs is its own: it comes just after the slot was taken.
    const isKnown = this.#bars.some((bar) => bar.index === index && bar.attempt === attempt)
    if (isKnown || ![...running].some((context) => context.index === index && context.attempt === attempt)) return
    const bar = this.#add(index, attempt, named(group), this.#tick())
    this.#lanes[bar.lane] = bar
  }

  #add(index: number, attempt: number, group: string | undefined, start: number): Bar {
    const free = this.#lanes.indexOf(undefined)
    const lane = free === -1 ? this.#lanes.length : free
    const bar: Bar = {index, attempt, group, isRetried: false, lane, start, end: undefined, error: undefined}
    this.#bars.push(bar)
    return bar
  }

  #failed(error: ConcurrentError, context: TaskContext | undefined): void {
    if (context === undefined) return void this.#tick() // the source, its cleanup or a hook has failed: no task
    const {index, attempt} = context
    // A task that waited for its next attempt when the run was stopped has no further bar; one that the governor has
    // refused never ran.
    const bar = this.#ended(index) ?? this.#bars.findLast((last) => last.index === index)
    const failed = bar ?? this.#add(index, attempt, undefined, this.#end)
    failed.end ??= this.#end
    failed.error = error
  }

  /** Ends the attempt of a task that runs; gives `undefined` if none does. */
  #ended(index: number): Bar | undefined {
    const end = this.#tick()
    const bar = this.#lanes.find((running) => running?.index === index)
    if (bar === undefined) return undefined
    bar.end = end
    this.#lanes[bar.lane] = undefined
    return bar
  }

  #limitSet(limit: number): void {
    if (this.#startedAt !== undefined) this.#limits.push({at: this.#tick(), limit})
  }

  /** The time now. */
  #tick(): number {
    const now = this.#now()
    if (this.#startedAt === undefined) {
      this.#startedAt = now
      if (this.#runner !== undefined) this.#limits.push({at: 0, limit: this.#runner.limit})
    }
    this.#end = now - this.#startedAt
    return this.#end
  }
}

function named(group: unknown): string | undefined {
  return group === undefined || typeof group === 'string' ? group : inspect(group, {breakLength: Infinity, depth: 0})
}
