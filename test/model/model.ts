/** The contract as a model: what may be pulled, running, delivered, raised and closed. It knows nothing of how. */

import {defaultLimit} from '../../src/index.js'
import type {Place} from './places.js'

export interface Outcome {
  readonly kind: 'failed' | 'aborted' | 'left'
  /** Whether this is what the run should have ended with. */
  readonly isReason: (reason: unknown) => boolean
}

export type IsReason = Outcome['isReason']

export function exactly(expected: unknown): IsReason {
  return (reason) => Object.is(reason, expected)
}

export function named(name: string): IsReason {
  return (reason) => reason instanceof DOMException && reason.name === name
}

/** What one call of `next()` got. */
export type Answer =
  | {readonly kind: 'value'; readonly value: unknown}
  | {readonly kind: 'error'; readonly error: unknown}
  | {readonly kind: 'done'}

export interface Settings {
  readonly limit: number
  /** `undefined`: as the limit is. */
  readonly highWaterMark: number | undefined
  readonly isOrdered: boolean
}

export class Model {
  limit: number
  isPaused = false
  /** The source may have been touched, and the signal is heeded. */
  isStarted = false
  /** Inside of what begins the run: a `next()` from there overtakes the one that it is in. */
  isBeginning = false
  /** Where a call from inside is being made. */
  within: Place | undefined
  /** Called when it is decided how the run ends. */
  onEnding: () => void = () => {}
  /** No more pulls and starts, though the run may end gracefully. */
  ending: 'exhausted' | 'stopped' | undefined
  /** Decided once, by what ended the run first. */
  outcome: Outcome | undefined
  isDrained = false
  /** The second one waits no longer for the source's cleanup. */
  aborts = 0
  /** Tasks that have started and whose outcome was not reported yet, by their place. */
  readonly open: Set<number> = new Set()
  /** Tasks that have timed out and have not settled. */
  readonly late: Set<number> = new Set()
  /** Some task's outcome was reported before it settled: only `drained` waits for such tasks. */
  hasToldEarly = false
  /** Whether the source is exhausted or has cleaned up. */
  isSourceOver: () => boolean = () => true
  /** Only tasks whose outcome had been told were left when something ended the run: `run()` was over before. */
  wasOver = false
  started = 0
  succeeded = 0
  failed = 0
  /** Calls of `next()`, and what they got. */
  readonly answers: Array<Answer | undefined> = []
  answered = 0
  /** `run()`: nothing is kept for later. */
  isDiscarding = false
  /** `toArray()`: what no `next()` waits for is taken at once. */
  isCollecting = false
  /** With `ordered`, the place of the failure that comes once everything before it has been delivered. */
  failedAt: number = Infinity
  /** The failures so far, the last one first: each has replaced a later one of the source's order. */
  readonly #failures: IsReason[] = []
  /** The failure may go to `run()` or `toArray()`, and not to `next()`. */
  isCollected = false
  /** The consumer left when no `next()` waited: it is owed no error. */
  isForfeited = false
  hasLeft = false
  /** Something was dropped while the first `next()` began the run: it was not waiting yet, or it was. */
  isVague = false
  /** Results that were handed over before the rest was dropped. */
  dropped: number | undefined
  readonly #highWaterMark: number | undefined
  readonly #isOrdered: boolean
  /** What is to be delivered: in order of completion, or by place in the source. */
  readonly #ready: Array<{readonly value: unknown} | undefined> = []
  #completed = 0
  #available = 0

  constructor({limit, highWaterMark, isOrdered}: Settings) {
    this.limit = limit
    this.#highWaterMark = highWaterMark
    this.#isOrdered = isOrdered
  }

  /** Whether tasks may be pulled and started, as far as the run's end goes. */
  get isRunning(): boolean {
    return this.ending === undefined && this.outcome === undefined && !this.isDrained
  }

  get hasFreeSlot(): boolean {
    return this.open.size + this.late.size < this.limit
  }

  get highWaterMark(): number {
    return this.#highWaterMark ?? (this.limit === Infinity ? defaultLimit() : this.limit)
  }

  /** Results whose turn has come, delivered or not. */
  get available(): number {
    return this.#available
  }

  /** Results that have been handed to a `next()`. */
  get consumed(): number {
    if (this.isCollecting) return this.#available
    return this.dropped ?? Math.min(this.answers.length, this.#available)
  }

  /** Whether a consumer waits for a result. */
  get isAwaited(): boolean {
    return this.answers.length > this.#available
  }

  /** Whether the high-water mark is the limit. */
  get isMarkLimit(): boolean {
    return this.#highWaterMark === undefined
  }

  get hasRoom(): boolean {
    if (this.isDiscarding) return true
    const waiting = this.#completed - this.consumed
    return waiting < this.highWaterMark || (waiting === 0 && (this.isAwaited || this.isCollecting))
  }

  /** Started, or failed without a start, and not consumed. */
  get unconsumed(): number {
    return this.#completed + this.open.size - this.consumed
  }

  valueAt(place: number): unknown {
    return this.#ready[place]?.value
  }

  /** A result, or an error that is yielded in its place. */
  ready(index: number, value: unknown): void {
    if (this.outcome !== undefined || index >= this.failedAt) return
    this.#ready[this.#isOrdered ? index : this.#completed] = {value}
    this.#completed++
    while (this.#ready[this.#available] !== undefined) this.#available++
  }

  finish(how: 'exhausted' | 'stopped'): void {
    if (!this.isRunning) return
    this.ending = how
    if (how === 'stopped') this.onEnding()
  }

  fail(isReason: IsReason): void {
    if (this.outcome === undefined && !this.isDrained) this.#end({kind: 'failed', isReason})
  }

  /** A task or the source fails. With `ordered` the error comes in its place, unless nobody consumes. */
  failAt(index: number, isReason: IsReason): void {
    if (!this.#isOrdered || this.isDiscarding) return this.fail(isReason)
    if (this.outcome !== undefined || index >= this.failedAt) return
    this.failedAt = index
    this.#failures.unshift(isReason)
    if (this.ending === undefined) this.onEnding()
    this.ending ??= 'stopped'
    this.failInOrder()
  }

  isFailure(reason: unknown): boolean {
    return this.#failures.some((isReason) => isReason(reason))
  }

  /** The run fails once nothing runs any more that comes before the failure, or nobody consumes any more. */
  failInOrder(): void {
    const [isReason] = this.#failures
    if (isReason === undefined) return
    if (this.isDiscarding || [...this.open].every((index) => index > this.failedAt)) this.fail(isReason)
  }

  abort(isReason: IsReason): void {
    this.aborts++
    if (this.outcome !== undefined || this.isDrained) return
    this.#drop()
    this.#end({kind: 'aborted', isReason})
  }

  leave(isReason: IsReason): void {
    this.#drop()
    if (this.outcome === undefined && !this.isDrained) this.#end({kind: 'left', isReason})
    this.hasLeft = true
    const hasRaised = this.answers.some((answer) => answer?.kind === 'error')
    if (this.answered === this.answers.length && !hasRaised) this.isForfeited = true
  }

  #end(outcome: Outcome): void {
    this.wasOver = this.hasToldEarly && this.open.size === 0 && this.isSourceOver()
    this.outcome = outcome
    // A consumer does not wait for tasks that have timed out, and may have heard of a graceful end before, or be about to.
    const isAboutTo = this.wasOver && this.answered < this.answers.length
    if (isAboutTo || (this.hasToldEarly && this.answers.some((answer) => answer?.kind === 'done')))
      this.isCollected = true
    this.onEnding()
  }

  #drop(): void {
    if (this.isBeginning) this.isVague = true
    this.dropped = this.consumed
  }
}
