/** How far a run is, from its events alone: what is done, how fast it goes, and how long the rest takes. */
import type {ConcurrentError, TaskContext} from 'aio-tasks'

/** A runner, as far as it is needed here. */
interface Observed {
  on(event: 'result', listener: () => void): unknown
  on(event: 'error', listener: (error: ConcurrentError, context?: TaskContext) => void): unknown
}

/** Milliseconds over which the rate is taken, in the main: what was before counts less and less. */
const memory = 10_000

/**
 * Counts what a runner has done. Make it before the run starts.
 *
 * The rate is at first the mean since then, later that of about the last ten seconds. A single slow task or a burst
 * hardly moves it, so the time that is left does not jump.
 *
 * @example
 * ```ts
 * const progress = new Progress(runner)
 * progress.total = urls.length
 * setInterval(() => console.log(progress.done, progress.secondsLeft), 1000)
 * ```
 */
export class Progress {
  /** How many tasks there will be, or `undefined` as long as nobody knows. */
  total: number | undefined
  #done = 0
  #failed = 0
  readonly #now: () => number
  /** Tasks and milliseconds of the recent past; both fade alike. */
  #recent = {tasks: 0, time: 0}
  #sampledAt: number
  #sampled = 0

  /** @param now Tells milliseconds; only their differences count. */
  constructor(runner: Observed, now: () => number = () => performance.now()) {
    this.#now = now
    this.#sampledAt = now()
    runner.on('result', () => this.#done++)
    runner.on('error', (_, context) => {
      if (context === undefined) return // the source, its cleanup or a hook: no task
      this.#done++
      this.#failed++
    })
  }

  /** Tasks that have succeeded or failed. */
  get done(): number {
    return this.#done
  }

  /** Tasks that have failed. */
  get failed(): number {
    return this.#failed
  }

  /** Tasks a second. */
  get rate(): number {
    const now = this.#now()
    const passed = now - this.#sampledAt
    const fading = Math.exp(-passed / memory)
    const {tasks, time} = this.#recent
    this.#recent = {tasks: tasks * fading + this.#done - this.#sampled, time: time * fading + passed}
    this.#sampledAt = now
    this.#sampled = this.#done
    return this.#recent.time > 0 ? (this.#recent.tasks / this.#recent.time) * 1000 : 0
  }

  /** How long the rest takes at this rate; `undefined` as long as the total is not known or nothing is done. */
  get secondsLeft(): number | undefined {
    const {rate, total, done} = this
    return total === undefined || rate === 0 ? undefined : Math.max(total - done, 0) / rate
  }
}

/** Seconds as a person reads them: `8 s`, `3 min 20 s`, `2 h 5 min`; above a minute in steps of ten seconds. */
export function spoken(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const steps = Math.round(seconds / 10) * 10
  const [hours, minutes] = [Math.floor(steps / 3600), Math.floor((steps % 3600) / 60)]
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${steps % 60} s`
}
