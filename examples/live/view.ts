/** Shows what a runner does now, from `running`, `stats` and events alone. */
import type {WriteStream} from 'node:tty'
import {inspect} from 'node:util'
import type {ConcurrentError, RetryInfo, RunnerStats, TaskContext} from 'aio-tasks'
import {createLogUpdate} from 'log-update'
import {isScreen} from '../bottom-line.js'
import {Progress, spoken} from '../progress.js'

/** A runner, as far as it is needed here. */
export interface Observed {
  readonly limit: number
  readonly running: Iterable<TaskContext>
  readonly stats: RunnerStats
  on(event: 'start', listener: (context: TaskContext) => void): unknown
  on(event: 'limit', listener: (limit: number, previous: number) => void): unknown
  on(event: 'retry', listener: (context: TaskContext, info: RetryInfo) => void): unknown
  on(event: 'result', listener: (value: unknown, context: TaskContext) => void): unknown
  on(event: 'error', listener: (error: ConcurrentError, context?: TaskContext) => void): unknown
  on(event: 'drain', listener: (stats: RunnerStats) => void): unknown
}

export interface ViewOptions {
  /** How many tasks there will be, if that is known: only then is there a share and a time that is left. */
  readonly total?: number
  /** Where the view is drawn. Default: `process.stderr`. */
  readonly stream?: WriteStream
  /** Tells milliseconds; only their differences count. Default: `performance.now`. */
  readonly now?: () => number
  /** Is told the lines of each view that is drawn on a terminal. */
  readonly drawn?: (lines: readonly string[]) => void
}

/**
 * Draws ten times a second on a terminal, and elsewhere prints a line every two seconds. The view goes when the run has
 * drained or the view is disposed of; one line, the last, stays.
 *
 * @example
 * ```ts
 * using view = new LiveView(runner, {total: urls.length})
 * await runner.run()
 * ```
 */
export class LiveView {
  readonly #runner: Observed
  readonly #progress: Progress
  readonly #stream: WriteStream
  readonly #now: () => number
  readonly #drawn: ((lines: readonly string[]) => void) | undefined
  readonly #log: ReturnType<typeof createLogUpdate> | undefined
  readonly #timer: NodeJS.Timeout
  /** When each attempt that runs was seen first: that of a retry is no event. */
  readonly #since = new WeakMap<TaskContext, number>()
  /** Each limit so far. */
  readonly #limits: number[]
  #retries = 0
  #lastRetry = ''
  #lastError = ''
  #isOver = false

  constructor(runner: Observed, {total, stream = process.stderr, now, drawn}: ViewOptions = {}) {
    this.#runner = runner
    this.#stream = stream
    this.#now = now ?? (() => performance.now())
    this.#progress = new Progress(runner, this.#now)
    this.#progress.total = total
    this.#drawn = drawn
    this.#limits = [runner.limit]
    runner.on('start', (context) => this.#since.set(context, this.#now()))
    runner.on('limit', (limit) => this.#limits.push(limit))
    runner.on('retry', ({index}, {error, attempt, delay}) => {
      this.#retries++
      this.#lastRetry = inOneLine(`#${index}, attempt ${attempt + 1} in ${Math.round(delay)} ms, after ${told(error)}`)
    })
    runner.on('error', ({message}) => {
      this.#lastError = inOneLine(message)
    })
    runner.on('drain', () => this[Symbol.dispose]())
    this.#log = isScreen(stream) ? createLogUpdate(stream) : undefined
    this.#timer = setInterval(() => this.#draw(), this.#log ? 100 : 2000)
  }

  /** The line that sums up: what is done, how fast, what is left, failures, limit. */
  get summary(): string {
    const {done, total, failed, rate, secondsLeft} = this.#progress
    const share = total === undefined ? `${done} done` : `${done}/${total} done`
    const left = secondsLeft === undefined ? '' : `, ${spoken(secondsLeft)} left`
    const retries = this.#retries > 0 ? `, ${this.#retries} tried again` : ''
    return `${share}, ${rate.toFixed(1)}/s${left}, ${failed} failed${retries}, limit ${this.#limits.slice(-4).join(' → ')}`
  }

  /** The whole view: what runs, longest first, then the last retry, the last error and the line that sums up. */
  lines(): string[] {
    const now = this.#now()
    const seen = [...this.#runner.running].map((context) => {
      const since = this.#since.get(context) ?? now
      this.#since.set(context, since)
      return {context, seconds: (now - since) / 1000}
    })
    const rows = seen
      .sort((a, b) => b.seconds - a.seconds)
      .map(({context: {index, item, attempt}, seconds}) =>
        [`#${index}`.padEnd(7), named(item).padEnd(24), `attempt ${attempt}`, `${seconds.toFixed(1)} s`].join('  '),
      )
    const most = Math.max(1, (this.#stream.rows ?? 24) - 6)
    const hidden = rows.length > most ? [`and ${rows.length - most} more`] : []
    const {retrying} = this.#runner.stats
    const head = `${rows.length} running${retrying > 0 ? `, ${retrying} waiting for another attempt` : ''}`
    const retry = this.#lastRetry === '' ? [] : [`last retry: ${this.#lastRetry}`]
    const error = this.#lastError === '' ? [] : [`last error: ${this.#lastError}`]
    const all = [head, ...rows.slice(0, most), ...hidden, ...retry, ...error, this.summary]
    return all.map((line) => line.slice(0, (this.#stream.columns ?? 80) - 1))
  }

  /** Takes the view away, and leaves its last line. */
  [Symbol.dispose](): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#log?.clear()
    this.#log?.done() // shows the cursor again
    this.#stream.write(`${this.summary}\n`)
  }

  #draw(): void {
    if (this.#log === undefined) return void this.#stream.write(`${this.summary}\n`)
    const lines = this.lines()
    this.#log(lines.join('\n'))
    this.#drawn?.(lines)
  }
}

const inOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ')
const told = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : inspect(error))

/** An item in one line. */
function named(item: unknown): string {
  if (item === undefined) return ''
  return typeof item === 'string' ? item : inspect(item, {breakLength: Infinity, depth: 0})
}
