/** Takes a run through its states, and ends it in the one order that holds however it ends. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {nextTurn} from './runtime.js'
import {onAbort} from './signals.js'
import {isThenable, whenSettled} from './tasks.js'
import type {RunnerState, RunnerStats} from './types.js'

/** The states in their order; a run never goes back. */
const states = ['idle', 'running', 'finishing', 'closing', 'drained'] as const
const State = {Idle: 0, Running: 1, Finishing: 2, Closing: 3, Drained: 4} as const
type State = (typeof State)[keyof typeof State]

/** Why a run ended that did not end gracefully. */
export interface Outcome {
  /** `failed` is raised behind the results that are ready; `aborted` in place of them; `left` not at all. */
  readonly kind: 'failed' | 'aborted' | 'left'
  readonly reason: unknown
}

/** What moves the tasks, as far as ending it goes. */
export interface Work {
  readonly isPulling: boolean
  readonly isIdle: boolean
  /** No more pulls and starts. */
  shut(): void
  /** Nothing is delivered any more, and running tasks are told why. */
  halt(reason: unknown): void
  /** The source cleans up. */
  close(onClosed: () => void): void
}

/** Where results wait, as far as ending it goes. */
export interface Waiting {
  readonly size: number
  readonly isAwaited: boolean
  clear(): void
  end(failure?: {readonly error: unknown}): void
}

/** Who wants to know. */
export interface LifecycleOwner {
  stats(): RunnerStats
  /** Releases what a subclass holds. */
  cleanup(reason: unknown): PromiseLike<void> | void
  cleanupFailed(cause: unknown): void
  drained(stats: RunnerStats): void
}

export class Lifecycle {
  readonly #work: Work
  readonly #waiting: Waiting
  readonly #owner: LifecycleOwner
  readonly #drained: DeferredPromise<RunnerStats> = pDefer()
  /** Resolves when the consumer has been let know how the run ended. */
  readonly #surfaced: DeferredPromise<void> = pDefer()
  #hasSurfaced = false
  #state: State = State.Idle
  /** Decided once, by whatever ended the run first; `undefined` for a graceful end. */
  #outcome: Outcome | undefined
  #source: 'unclosed' | 'closing' | 'closed' = 'unclosed'
  /** The source was closed while producing an item, and the event loop has turned since. */
  #isOverdue = false
  #isCleaning = false
  /** The consumer left before it was told how the run ended: it is owed no error any more. */
  #isLeft = false
  #hasAborted = false
  /** Listeners that are being told something. */
  #holds = 0
  #signal: AbortSignal | undefined
  #controller: AbortController | undefined
  #ignoreSignal: (() => void) | undefined
  #deadline: {readonly at: number; readonly timer: ReturnType<typeof setTimeout>} | undefined

  constructor(work: Work, waiting: Waiting, owner: LifecycleOwner) {
    this.#work = work
    this.#waiting = waiting
    this.#owner = owner
  }

  get state(): RunnerState {
    return states[this.#state]
  }

  /** Whether the run has begun and has not drained. */
  get isUnderWay(): boolean {
    return this.#state !== State.Idle && this.#state !== State.Drained
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Whether the source has been told to clean up. */
  get isClosing(): boolean {
    return this.#source !== 'unclosed'
  }

  /** Resolves with the final counts, just after the owner has been told. */
  get drained(): Promise<RunnerStats> {
    return this.#drained.promise
  }

  /** Aborts when the run ends in any but a graceful way. Made when first read. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal
  }

  /** From idle to running. `false` if the run has begun already, or the signal has aborted. */
  start(signal: AbortSignal | undefined): boolean {
    if (this.#state !== State.Idle) return false
    if (signal?.aborted) {
      this.abort(signal.reason)
      return false
    }
    this.#state = State.Running
    this.#signal = signal
    if (signal === undefined) return true
    try {
      this.#ignoreSignal = onAbort(signal, () => this.abort(signal.reason))
    } catch (cause) {
      this.abort(cause) // no AbortSignal after all
      return false
    }
    return true
  }

  /** The source has no more tasks: the running ones finish. */
  finish(): void {
    if (this.#state < State.Finishing) this.#state = State.Finishing
    this.settle()
  }

  /** Nothing more is pulled; the running tasks finish, for at most `timeout` milliseconds. */
  stop(timeout: number | undefined): void {
    if (this.#state < State.Finishing) {
      this.#state = State.Finishing
      this.#closeSource()
      this.settle()
    }
    if (timeout !== undefined && this.#state < State.Drained) this.#abortIn(timeout)
  }

  /** Ends the run at once. A second call waits no longer for the source to clean up. */
  abort(reason: unknown): void {
    const isSecond = this.#hasAborted
    this.#hasAborted = true
    if (this.#state < State.Closing) this.end({kind: 'aborted', reason})
    else if (this.#state === State.Closing && isSecond) this.#giveUp()
    else if (this.#state === State.Drained && this.#outcome === undefined && this.#waiting.size > 0) {
      this.#outcome = {kind: 'aborted', reason}
      this.#waiting.clear()
      this.#waiting.end({error: reason})
    }
  }

  /** The consumer leaves. Resolves when the source has cleaned up. */
  async leave(reason: unknown): Promise<void> {
    this.end({kind: 'left', reason})
    this.#waiting.clear()
    // Unless it is waiting for a result still: somebody else has called `return()` then.
    if (!this.#waiting.isAwaited) this.#isLeft = true
    if (this.#hasSurfaced && this.#isLeft) this.#waiting.end()
    await this.#surfaced.promise
  }

  /**
   * Decides how the run ends, if nothing has yet, and stops pulling. Comes before listeners hear why, so
   * that nothing they do can mask it; `end` follows.
   */
  decide(outcome: Outcome): boolean {
    if (this.#outcome !== undefined) return false
    this.#outcome = outcome
    this.#work.shut()
    return true
  }

  /** Ends the run in any but a graceful way: as was decided, or else as given. */
  end(outcome?: Outcome): void {
    if (this.#state >= State.Closing) return
    this.#state = State.Closing
    if (outcome !== undefined) this.decide(outcome)
    const reason = this.#outcome?.reason
    if (this.#outcome?.kind !== 'failed') this.#waiting.clear()
    this.#work.halt(reason)
    this.#controller?.abort(reason)
    this.#closeSource()
    // The end is told once the source has cleaned up; one in the middle of an item is not waited for.
    if (this.#source === 'closed' || this.#work.isPulling) this.#surface()
    this.settle()
  }

  /** While listeners are being told something. The run does not drain before all have heard: `drain` comes last. */
  hold(): void {
    this.#holds++
  }

  /** After {@link hold}. */
  release(): void {
    this.#holds--
    this.settle()
  }

  /** Heeds the signal when the run has drained, and it is not listened to any more, but results still wait. */
  heed(): void {
    if (this.#state === State.Drained && this.#signal?.aborted) this.abort(this.#signal.reason)
  }

  /** Cleans up and drains, once the run has ended and there is nothing left to wait for. */
  settle(): void {
    if (this.#state < State.Finishing || this.#isCleaning || this.#holds > 0 || !this.#work.isIdle) return
    if (this.#state === State.Finishing && this.#outcome !== undefined) return // `end` is about to be called
    const isLost = this.#isOverdue && this.#work.isPulling
    if (this.#source === 'closing' && !isLost) return
    this.#isCleaning = true
    const onFailed = (cause: unknown): void => {
      this.#owner.cleanupFailed(cause)
      this.#drain()
    }
    try {
      const cleaning = this.#owner.cleanup(this.#outcome?.reason)
      if (isThenable(cleaning)) {
        whenSettled(cleaning, () => this.#drain(), onFailed)
        return
      }
    } catch (cause) {
      onFailed(cause)
      return
    }
    this.#drain()
  }

  #drain(): void {
    this.#state = State.Drained
    this.#ignoreSignal?.()
    clearTimeout(this.#deadline?.timer)
    const stats = this.#owner.stats()
    this.#surface()
    this.#owner.drained(stats)
    this.#drained.resolve(stats)
  }

  #closeSource(): void {
    if (this.#source !== 'unclosed') return
    this.#source = 'closing'
    const {isPulling} = this.#work
    this.#work.close(() => this.#sourceClosed())
    if (!isPulling) return
    nextTurn(() => {
      this.#isOverdue = true
      this.settle()
    })
  }

  #sourceClosed(): void {
    this.#source = 'closed'
    if (this.#state === State.Closing) this.#surface()
    this.settle()
  }

  /** Waits no longer for the source to clean up. */
  #giveUp(): void {
    if (this.#source === 'closing') this.#sourceClosed()
  }

  /** Lets the consumer know how the run ended, behind the results that are still to be handed over. */
  #surface(): void {
    if (this.#hasSurfaced) return
    this.#hasSurfaced = true
    const isRaised = this.#outcome !== undefined && this.#outcome.kind !== 'left' && !this.#isLeft
    this.#waiting.end(isRaised ? {error: this.#outcome?.reason} : undefined)
    this.#surfaced.resolve()
  }

  /** Aborts when the running tasks, and the source, have had their time. The earliest deadline counts. */
  #abortIn(ms: number): void {
    const at = performance.now() + ms
    if (this.#deadline !== undefined && this.#deadline.at <= at) return
    clearTimeout(this.#deadline?.timer)
    const timer = setTimeout(() => {
      this.abort(new DOMException(`stop() took longer than ${ms} ms`, 'TimeoutError'))
      this.#giveUp()
    }, ms)
    this.#deadline = {at, timer}
  }
}
