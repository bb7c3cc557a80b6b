/** Notes what a runner's events tell: which task ran when, in which slot, and how it went. */
import type {ConcurrentError, RunnerStats, TaskContext} from 'aio-tasks'

/** One task, from its start to its outcome. Times are milliseconds since the first event. */
export interface Bar {
  readonly index: number
  /** The slot that it took, counted from 0. */
  readonly lane: number
  readonly start: number
  /** `undefined` while it runs. */
  end: number | undefined
  /** What it failed with. */
  error: ConcurrentError | undefined
  /** When the task itself did nothing but wait, as it told. */
  readonly waits: Array<{readonly start: number; readonly end: number}>
}

/** Everything that is known of a run. */
export interface Timeline {
  readonly bars: readonly Bar[]
  /** The limit at first, and each one that it was changed to, when an event first met with it. */
  readonly limits: ReadonlyArray<{readonly at: number; readonly limit: number}>
  readonly end: number
}

/** A runner, as far as it is needed here. */
export interface Observed {
  readonly limit: number
  on(event: 'start', listener: (context: TaskContext) => void): unknown
  on(event: 'result', listener: (value: unknown, context: TaskContext) => void): unknown
  on(event: 'error', listener: (error: ConcurrentError, context?: TaskContext) => void): unknown
  on(event: 'drain', listener: (stats: RunnerStats) => void): unknown
}

/** Subscribe before the run starts, and read `timeline` at any time. */
export class Recorder {
  readonly #runner: Observed
  readonly #now: () => number
  readonly #bars: Bar[] = []
  readonly #limits: Array<{readonly at: number; readonly limit: number}> = []
  /** Who is in each slot. A runner does not number its slots: each start takes the lowest that is free. */
  readonly #lanes: Array<Bar | undefined> = []
  #startedAt: number | undefined
  #end = 0

  /** @param now Tells milliseconds; only their differences count. */
  constructor(runner: Observed, now: () => number = () => performance.now()) {
    this.#runner = runner
    this.#now = now
    runner.on('start', (context) => this.#started(context))
    runner.on('result', (_value, context) => this.#settled(context))
    runner.on('error', (error, context) => this.#settled(context, error))
    runner.on('drain', () => this.#tick())
  }

  /** Notes that a running task only waits from now on, for so many milliseconds, as before a retry. */
  waits({index}: TaskContext, ms: number): void {
    const start = this.#tick()
    this.#lanes.find((bar) => bar?.index === index)?.waits.push({start, end: start + ms})
  }

  get timeline(): Timeline {
    return {bars: this.#bars, limits: this.#limits, end: this.#end}
  }

  #started({index}: TaskContext): void {
    const start = this.#tick()
    const free = this.#lanes.indexOf(undefined)
    const lane = free === -1 ? this.#lanes.length : free
    const bar: Bar = {index, lane, start, end: undefined, error: undefined, waits: []}
    this.#lanes[lane] = bar
    this.#bars.push(bar)
  }

  #settled(context?: TaskContext, error?: ConcurrentError): void {
    const end = this.#tick()
    const bar = this.#lanes.find((other) => other?.index === context?.index)
    if (context === undefined || bar === undefined) return // an error of the source, or of a hook
    bar.end = end
    bar.error = error
    this.#lanes[bar.lane] = undefined
  }

  /** The time now, at which the limit is looked at too: there is no event for it. */
  #tick(): number {
    const now = this.#now()
    this.#startedAt ??= now
    const at = now - this.#startedAt
    const {limit} = this.#runner
    if (limit !== this.#limits.at(-1)?.limit) this.#limits.push({at, limit})
    return (this.#end = at)
  }
}
