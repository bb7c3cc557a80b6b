/** Decides whether a failed attempt is tried again and when, and keeps the tasks that wait for their next attempt. */

import type {Context} from './context.js'
import {Fifo} from './fifo.js'
import {checkDelay, type RetryPolicy} from './options.js'
import {reportUncaught} from './platform/runtime.js'
import type {QueuedTask} from './task.js'
import type {RetryFailure} from './types.js'

/** So many tasks may wait by default, if the limit is lower. */
const leastWaiting = 100

/** The delay before the second attempt, and the longest, in milliseconds. Both are the top of a range that starts at 0. */
const firstDelay = 100
const longestBackoff = 30_000

/** Exponential backoff with full jitter: clients that fail together do not come back together. */
export function backoff(attempt: number): number {
  return Math.random() * Math.min(longestBackoff, firstDelay * 2 ** (attempt - 1))
}

/** A task between two attempts: it takes neither slot nor permit. */
export interface WaitingRetry {
  readonly item: unknown
  /** The context of the attempt that failed. */
  readonly context: Context
  readonly error: unknown
  /** When the next attempt is due, in `performance.now()` milliseconds. */
  readonly dueAt: number
  /** The slot of the failed attempt, if that has timed out and still runs. */
  running: {retry: unknown} | undefined
  /** The signal of the push, if it has one. */
  readonly signal: AbortSignal | undefined
  /** Takes back the listener on that signal. */
  stopListening: (() => void) | undefined
}

/** An attempt that has failed, before it is decided whether the task is tried again. */
export interface FailedAttempt {
  readonly item: unknown
  readonly queued: QueuedTask | undefined
  readonly context: Context
  /** What the task fails with; what a function of `retry` has thrown takes its place. */
  error: unknown
  readonly hasTimedOut: boolean
}

/** How long a failed task waits for its next attempt, in milliseconds; `undefined` if the failure is final. */
function delayOf({attempts, when, delay, budget}: RetryPolicy, failure: RetryFailure): number | undefined {
  const {attempt} = failure
  if (attempt >= attempts || when?.(failure) === false) return undefined
  const given = typeof delay === 'function' ? delay(failure) : delay
  const ms = given === undefined ? backoff(attempt) : checkDelay(given)
  return budget === undefined || budget.take() ? ms : undefined
}

/**
 * The tasks that wait for their next attempt, by due time; one timer serves them. A task whose attempt has timed out, and
 * still runs when its wait is over, is dismissed.
 */
export class Retries {
  readonly #policy: RetryPolicy
  readonly #onDue: () => void
  /** By due time, the latest first. */
  #waiting: WaitingRetry[] = []
  readonly #due = new Fifo<WaitingRetry>()
  /** Those whose wait has been ended, and that have not been told yet, by their place in the source. */
  #dismissed: WaitingRetry[] = []
  /** Those that are due, and wait for a place in their group. */
  readonly #blocked = new Set<WaitingRetry>()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The due time that the timer is for. What the timer says counts, even if the clock says less. */
  #timerDue = Infinity

  constructor(policy: RetryPolicy, onDue: () => void) {
    this.#policy = policy
    this.#onDue = onDue
  }

  // What the policy says

  /** Whether so many tasks wait that nothing new is pulled. */
  isFull(limit: number): boolean {
    return this.size >= (this.#policy.waiting ?? Math.max(limit, leastWaiting))
  }

  /**
   * How long a task waits for its next attempt, in milliseconds; `undefined` if the failure is final. What a function of
   * the policy throws becomes the failure.
   */
  delay(failed: FailedAttempt): number | undefined {
    const {error, context} = failed
    try {
      return delayOf(this.#policy, {error, attempt: context.attempt, context})
    } catch (cause) {
      failed.error = cause
      return undefined
    }
  }

  /** An attempt begins. */
  enter(): void {
    this.#tellBudget('enter')
  }

  /** An attempt does not run any more. */
  leave(attempt: number): void {
    this.#tellBudget('leave')
    if (attempt > 1) this.giveBack()
  }

  /** A retry that the budget has let through will not run, or has run. */
  giveBack(): void {
    this.#tellBudget('give')
  }

  /** A wait ends without another attempt. */
  end(retry: WaitingRetry): void {
    retry.stopListening?.()
    this.giveBack()
  }

  #tellBudget(what: 'enter' | 'leave' | 'give'): void {
    try {
      this.#policy.budget?.[what]?.()
    } catch (error) {
      reportUncaught(error)
    }
  }

  // What waits

  /** Tasks that wait, due or not. */
  get size(): number {
    return this.#waiting.length + this.#due.size + this.#blocked.size + this.#dismissed.length
  }

  /** Has a task wait. */
  add(failed: FailedAttempt, delay: number, running: WaitingRetry['running']): WaitingRetry {
    const {item, context, error, queued} = failed
    const dueAt = performance.now() + delay
    const retry = {item, context, error, dueAt, running, signal: queued?.signal, stopListening: undefined}
    let low = 0
    for (let high = this.#waiting.length; low < high; ) {
      const middle = (low + high) >> 1
      if ((this.#waiting[middle]?.dueAt ?? 0) > retry.dueAt) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, retry)
    this.#arm()
    return retry
  }

  /** The task whose next attempt comes first, if it is due. It stays. */
  peek(): WaitingRetry | undefined {
    return this.#due.peek()
  }

  /** Takes that task. */
  shift(): WaitingRetry | undefined {
    return this.#due.shift()
  }

  /** Puts back a task that was taken and could not start. It comes first again. */
  putBack(retry: WaitingRetry): void {
    this.#due.unshift(retry)
  }

  /** Keeps a task that was taken and has no place in its group, until `unblock`. */
  block(retry: WaitingRetry): void {
    this.#blocked.add(retry)
  }

  /** There may be a place in its group: it is due again. */
  unblock(retry: WaitingRetry): void {
    if (this.#blocked.delete(retry)) this.#due.push(retry)
  }

  /** Ends the waits of all tasks that fit: `nextDismissed` gives them. */
  dismiss(fits: (retry: WaitingRetry) => boolean): void {
    for (const retry of [...this.#blocked].filter(fits)) {
      this.#blocked.delete(retry)
      this.#dismissed.push(retry)
    }
    const due = [...this.#due]
    for (const retry of due) {
      this.#due.shift()
      if (fits(retry)) this.#dismissed.push(retry)
      else this.#due.push(retry)
    }
    this.#waiting = this.#waiting.filter((retry) => {
      const isDismissed = fits(retry)
      if (isDismissed) this.#dismissed.push(retry)
      return !isDismissed
    })
    this.#sortDismissed()
    this.#arm()
  }

  /** Takes a task whose wait has been ended, the first in the source first. */
  nextDismissed(): WaitingRetry | undefined {
    return this.#dismissed.pop()
  }

  has(fits: (retry: WaitingRetry) => boolean): boolean {
    return this.#waiting.some(fits) || this.#dismissed.some(fits) || [...this.#due, ...this.#blocked].some(fits)
  }

  #sortDismissed(): void {
    this.#dismissed.sort((a, b) => b.context.index - a.context.index)
  }

  #arm(): void {
    const dueAt = this.#waiting.at(-1)?.dueAt ?? Infinity
    if (dueAt === this.#timerDue) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerDue = dueAt
    if (dueAt === Infinity) return
    // Looked up at each call, and not once: tests may replace it.
    this.#timer = setTimeout(this.#fired, Math.max(0, dueAt - performance.now()))
  }

  readonly #fired = (): void => {
    this.#timer = undefined // up to Node 22, a timer holds the AsyncLocalStorage stores of the code that set it
    const now = Math.max(performance.now(), this.#timerDue)
    this.#timerDue = Infinity
    for (let next = this.#waiting.at(-1); next !== undefined && next.dueAt <= now; next = this.#waiting.at(-1)) {
      this.#waiting.pop()
      if (next.running !== undefined) this.#dismissed.push(next)
      else this.#due.push(next)
    }
    this.#sortDismissed()
    this.#arm()
    this.#onDue()
  }
}
