/** Notes what a runner's events tell: which task ran when, in which slot, and how it went. */
import type {ConcurrentError, RetryInfo, RunnerStats, TaskContext} from 'aio-tasks'

/** One attempt of a task, from its start to its outcome. Times are milliseconds since the first event. */
export interface Bar {
  readonly index: number
  /** Which attempt of the task, counted from 1. */
  readonly attempt: number
  /** Whether it failed and the task is tried again. */
  isRetried: boolean
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
  readonly running: Iterable<TaskContext>
  on(event: 'start', listener: (context: TaskContext) => void): unknown
  on(event: 'retry', listener: (context: TaskContext, info: RetryInfo) => void): unknown
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
  /** Tasks that wait for their next attempt, by index. No event tells when that starts: it is looked for at each event. */
  readonly #waiting = new Map<number, {readonly due: number; readonly attempt: number}>()
  #startedAt: number | undefined
  #end = 0
  /** When the event before the last one came. */
  #previous = 0

  /** @param now Tells milliseconds; only their differences count. */
  constructor(runner: Observed, now: () => number = () => performance.now()) {
    this.#runner = runner
    this.#now = now
    runner.on('start', (context) => this.#started(context))
    runner.on('retry', (context, info) => this.#retries(context, info))
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

  #started({index, attempt}: TaskContext, start: number = this.#tick()): Bar {
    // The lowest lane that is free, and was since the start: that of an attempt is found out a little later.
    const free = this.#lanes.findIndex((bar, lane) => bar === undefined && this.#freeSince(lane) <= start)
    const lane = free === -1 ? this.#lanes.length : free
    const bar: Bar = {index, attempt, isRetried: false, lane, start, end: undefined, error: undefined, waits: []}
    this.#lanes[lane] = bar
    this.#bars.push(bar)
    return bar
  }

  #freeSince(lane: number): number {
    return Math.max(0, ...this.#bars.filter((bar) => bar.lane === lane).map(({end}) => end ?? Infinity))
  }

  #retries(context: TaskContext, {attempt, delay}: RetryInfo): void {
    const bar = this.#ended(context)
    if (bar === undefined) return
    bar.isRetried = true
    this.#waiting.set(context.index, {due: this.#end + delay, attempt: attempt + 1})
  }

  #settled(context?: TaskContext, error?: ConcurrentError): void {
    const bar = this.#ended(context)
    if (bar !== undefined) bar.error = error
  }

  /** Ends the bar of an attempt; none for an error of the source, or of a hook. */
  #ended(context: TaskContext | undefined): Bar | undefined {
    const end = this.#tick()
    if (context === undefined) return undefined
    const {index} = context
    const waiting = this.#waiting.get(index)
    const running = this.#lanes.find((bar) => bar?.index === index)
    this.#waiting.delete(index)
    // One that waited when the run was stopped has no further attempt; its last one has failed for good.
    if (waiting !== undefined && end < waiting.due) return this.#bars.findLast((bar) => bar.index === index)
    const bar = running ?? (waiting && this.#started({...context, index, attempt: waiting.attempt}, waiting.due))
    if (bar === undefined) return undefined
    bar.end = end
    this.#lanes[bar.lane] = undefined
    return bar
  }

  /** Looks for attempts that have started since the last event. */
  #findAttempts(): void {
    if (this.#waiting.size === 0) return
    for (const context of this.#runner.running) {
      const waiting = this.#waiting.get(context.index)
      if (waiting === undefined || context.attempt < waiting.attempt) continue
      this.#waiting.delete(context.index)
      this.#started(context, Math.min(Math.max(waiting.due, this.#previous), this.#end))
    }
  }

  /** The time now, at which the limit is looked at too: there is no event for it. */
  #tick(): number {
    const now = this.#now()
    this.#startedAt ??= now
    const at = now - this.#startedAt
    const {limit} = this.#runner
    if (limit !== this.#limits.at(-1)?.limit) this.#limits.push({at, limit})
    this.#previous = this.#end
    this.#end = at
    this.#findAttempts()
    return at
  }
}
