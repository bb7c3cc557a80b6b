/** Learns from the pulls of a runner how many tasks the runner could start now. */
import {nextTurn} from '../platform/runtime.js'

/**
 * How long a runner that has room may go without a pull before it counts as paused: in milliseconds, and in turns of the
 * event loop after that. A runner rests for a turn now and then, and to take fewer jobs for so short a time would cost
 * more than it gives to other workers.
 */
const patience = 20
const turnsOfPatience = 3

/**
 * A runner pulls one task at a time, and only while it has room, so a pull shows room for one more task. Jobs are taken
 * several at a time, so the source must know how many tasks the runner will hold before the runner has pulled them all.
 */
export class Demand {
  readonly #isPaused: () => void
  /** How many tasks the runner has that are not over. */
  #running = 0
  /** How many tasks the runner will hold, as far as its pulls have shown. */
  #capacity = 1
  /** The most tasks that the runner has had at once, which are never more than its limit. */
  #peak = 0
  /** The number of tasks with which the runner has pulled no more; `Infinity` until it is known. */
  #ceiling = Infinity
  /** Runs while the runner has room and does not pull. */
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param isPaused Called when the runner has not pulled for a while, although it has room. */
  constructor(isPaused: () => void) {
    this.#isPaused = isPaused
  }

  get running(): number {
    return this.#running
  }

  /** The runner pulls: it has room for one more task than it has. */
  pulled(): void {
    if (this.#running >= this.#ceiling) this.#ceiling = Infinity
    this.#capacity = Math.max(this.#capacity, this.#running + 1)
  }

  /**
   * The runner has received a task.
   *
   * @param since When the task began to wait for the runner. If that is not long ago, the runner is not paused.
   */
  given(since: number): void {
    this.#running++
    this.#peak = Math.max(this.#peak, this.#running)
    if (this.#timer !== undefined && performance.now() - since < patience) this.stop()
  }

  /**
   * A task of the runner is over. If a pull waits at this moment, the end of a task makes room for two: so the number of
   * jobs taken at once doubles while jobs end as soon as they are taken. While jobs are slow, no job is taken before a
   * pull has shown that the runner has room for it.
   */
  over(isPulling: boolean): void {
    this.#running--
    if (isPulling && this.#capacity < Math.min(this.#ceiling, this.#peak * 2)) this.#capacity++
  }

  /**
   * How many tasks the runner could start now; `undefined` while a runner that does not pull may only rest. Called when
   * the runner has had a turn of the event loop to pull.
   *
   * @param pulls How many pulls wait.
   */
  wanted(pulls: number): number | undefined {
    if (pulls > 0) {
      this.stop()
      return Math.max(pulls, this.#capacity - this.#running)
    }
    if (this.#running < Math.min(this.#capacity, this.#peak)) {
      this.#timer ??= setTimeout(() => this.#wait(turnsOfPatience), patience)
      return undefined
    }
    this.#capacity = this.#ceiling = this.#running
    return 0
  }

  /** Waits no longer for a pull. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Turns are waited for, too, since a timer of a busy process fires before the runner has had its turn. */
  #wait(turns: number): void {
    if (this.#timer === undefined) return
    if (turns > 0) {
      nextTurn(() => this.#wait(turns - 1))
      return
    }
    this.#timer = undefined
    this.#capacity = this.#peak = this.#ceiling = this.#running
    this.#isPaused()
  }
}
