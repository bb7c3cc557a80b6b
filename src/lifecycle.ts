/** Takes a run through its states, counts what is pending, and ends the run in the one order that holds however it ends. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {nextTurn} from './platform/runtime.js'
import {onAbort} from './platform/shared-listener.js'
import type {RunnerState, RunnerStats} from './types.js'

/** The states in their order; a run never goes back. */
const states = ['idle', 'running', 'finishing', 'closing', 'drained'] as const
const State = {Idle: 0, Running: 1, Finishing: 2, Closing: 3, Drained: 4} as const
type State = (typeof State)[keyof typeof State]

/** A chain of causes is followed no further: it may be a circle. */
const longestChain = 16

/** Why a run ended that did not end gracefully. */
export interface Outcome {
  /** `failed` is raised behind the results that are ready; `aborted` in place of them; `left` not at all. */
  readonly kind: 'failed' | 'aborted' | 'left'
  readonly reason: unknown
}

/** The run, which does what a transition demands. */
export interface LifecycleHost {
  readonly stats: RunnerStats
  /** The run has ended in any but a graceful way: nothing starts any more, and the signals of running tasks abort. */
  halt(outcome: Outcome): void
  /** No more items are wanted: the source cleans up. */
  closeSource(onClosed: () => void): void
  /** Running tasks are waited for no longer: the consumer hears that they failed. */
  giveUp(reason: unknown): void
  /** Nothing runs any more: releases what a subclass holds. */
  cleanUp(reason: unknown, onDone: () => void): void
  /** The run is over. Returns its final counts. */
  drained(): RunnerStats
}

/** The reader of the source. */
interface Reader {
  /** Whether the source is in the middle of producing an item. */
  readonly isPulling: boolean
}

/** What waits for the consumer. */
interface Results {
  /** Whether the consumer waits. */
  readonly isAwaited: boolean
  /** The consumer hears how the run ended, behind the results that still wait. */
  end(failure: {readonly error: unknown} | undefined): void
}

export class Lifecycle {
  readonly #host: LifecycleHost
  readonly #reader: Reader
  readonly #results: Results
  #state: State = State.Idle
  /** Decided once, by what ended the run first; `undefined` for a graceful end. */
  #outcome: Outcome | undefined
  /** What must finish before the run drains: the source, each task, each disposal, listeners that are being called. */
  #pending = 0
  /** Those pending tasks whose outcome was told early. Only `drained` waits for them. */
  #late = 0
  #source: 'open' | 'closing' | 'closed' = 'open'
  #hasCleanedUp = false
  #hasSurfaced = false
  /** The consumer left before it heard how the run ended: it gets no error any more. */
  #hasLeft = false
  #hasAborted = false
  /** Why no more items are wanted. */
  #stopReason: {readonly reason: unknown} | undefined
  #stats: RunnerStats | undefined
  #drained: DeferredPromise<RunnerStats> | undefined
  #over: DeferredPromise<RunnerStats> | undefined
  #surfaced: DeferredPromise<void> | undefined
  #controller: AbortController | undefined
  #ignoreSignal: (() => void) | undefined
  #deadline: {readonly at: number; readonly timer: ReturnType<typeof setTimeout>} | undefined

  constructor(host: LifecycleHost, reader: Reader, results: Results) {
    this.#host = host
    this.#reader = reader
    this.#results = results
  }

  get state(): RunnerState {
    return states[this.#state]
  }

  get isIdle(): boolean {
    return this.#state === State.Idle
  }

  /** Whether tasks may still be pulled. */
  get isOpen(): boolean {
    return this.#state === State.Running
  }

  /** Whether the run has ended in any but a graceful way, or is over. */
  get isEnded(): boolean {
    return this.#state >= State.Closing
  }

  get isDrained(): boolean {
    return this.#state === State.Drained
  }

  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** The signal of the source: aborts when no more items are wanted. Made when first read, while they are. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Resolves with the final counts when nothing of the run goes on any more. */
  get drained(): Promise<RunnerStats> {
    if (this.#stats !== undefined) return Promise.resolve(this.#stats)
    this.#drained ??= pDefer()
    return this.#drained.promise
  }

  /** Resolves with the counts when nothing goes on any more but tasks whose outcome was told early. */
  get over(): Promise<RunnerStats> {
    if (this.#stats !== undefined) return Promise.resolve(this.#stats)
    this.#over ??= pDefer()
    if (this.#isOver) this.#over.resolve(this.#host.stats)
    return this.#over.promise
  }

  /** Whether an error only says that something has stopped because the run told it to. */
  isReason(error: unknown): boolean {
    const stopped = this.#stopReason
    if (stopped === undefined) return false
    try {
      if ((error as Partial<Error>).name === 'AbortError') return true
      let cause = error
      for (let depth = 0; depth < longestChain && cause != null; depth++) {
        if (cause === stopped.reason || cause === this.#outcome?.reason) return true
        cause = (cause as Partial<Error>).cause
      }
    } catch {
      // Nothing that has a name, or a hostile getter.
    }
    return false
  }

  /** Whether anything waits for the run to be over. */
  get isAwaited(): boolean {
    return this.#over !== undefined
  }

  /** One thing more must finish before the run drains. */
  enter(): void {
    this.#pending++
  }

  /** Something has finished. The last to leave a run that has ended drains it. */
  leave(): void {
    if (--this.#pending <= this.#late) this.#settle()
  }

  /** The outcome of a task was told although the task goes on. */
  toldEarly(): void {
    this.#late++
    if (this.#pending <= this.#late) this.#settle()
  }

  /** A task that was {@link toldEarly} has finished. */
  leaveLate(): void {
    this.#late--
    this.leave()
  }

  /**
   * From idle to running. Returns `false` if the run's signal has aborted.
   *
   * @param abort Called when the signal aborts later.
   */
  begin(signal: AbortSignal | undefined, abort: (reason: unknown) => void): boolean {
    if (signal?.aborted) {
      this.abort(signal.reason)
      return false
    }
    this.#state = State.Running
    this.enter() // the source
    if (signal === undefined) return true
    try {
      this.#ignoreSignal = onAbort(signal, () => abort(signal.reason))
    } catch (cause) {
      this.abort(cause) // no AbortSignal after all
      return false
    }
    return true
  }

  /** The source has no more items: the running tasks finish. */
  finish(): void {
    if (this.#state === State.Running) this.#state = State.Finishing
    if (this.#source === 'open') {
      this.#source = 'closed'
      this.leave()
    }
  }

  /** Nothing more is pulled; the running tasks finish, for at most `timeout` milliseconds. */
  stop(timeout: number | undefined, reason: unknown = new DOMException('The run was stopped', 'AbortError')): void {
    if (this.#state === State.Idle) this.enter() // the source, which is closed without having been opened
    if (this.#state < State.Finishing) {
      this.#state = State.Finishing
      this.#closeSource(reason)
    }
    if (timeout !== undefined && !this.#isOver) this.#abortIn(timeout)
  }

  /**
   * The run fails: the consumer gets the results that are ready, and then the error.
   *
   * @param tell Called when that is decided, before running tasks and the source hear of it.
   */
  fail(reason: unknown, tell: () => void): void {
    this.#end({kind: 'failed', reason}, tell)
  }

  /** Ends the run at once. A second call no longer waits for the source's cleanup, nor for running tasks. */
  abort(reason: unknown): void {
    const isSecond = this.#hasAborted
    this.#hasAborted = true
    if (this.#state < State.Closing) this.#end({kind: 'aborted', reason})
    else if (isSecond) this.#giveUp()
  }

  /** The consumer leaves. Resolves when the source has cleaned up. */
  depart(reason: unknown): Promise<void> {
    const {isAwaited} = this.#results
    this.#end({kind: 'left', reason})
    // A consumer that still waits for a result hears how the run ended: somebody else has called `return()`.
    if (!isAwaited) this.#hasLeft = true
    if (this.#hasSurfaced) {
      if (this.#hasLeft) this.#results.end(undefined)
      return Promise.resolve()
    }
    this.#surfaced ??= pDefer()
    return this.#surfaced.promise
  }

  /** No more items are wanted. The source cleans up first, and then its signal aborts. */
  #closeSource(reason: unknown): void {
    this.#stopReason ??= {reason}
    if (this.#source === 'open') this.#callReturn()
    this.#controller?.abort(reason)
  }

  #callReturn(): void {
    this.#source = 'closing'
    const {isPulling} = this.#reader
    this.#host.closeSource(() => {
      if (this.#source === 'closing') this.#sourceClosed()
    })
    if (!isPulling) return
    // A generator in the middle of its next item is not waited for, unless it comes back within this turn.
    if (this.#state === State.Closing) this.#surface()
    nextTurn(() => {
      if (this.#source === 'closing' && this.#reader.isPulling) this.#sourceClosed()
    })
  }

  #sourceClosed(): void {
    this.#source = 'closed'
    if (this.#state === State.Closing) this.#surface()
    this.leave()
  }

  #end(outcome: Outcome, tell?: () => void): void {
    if (this.#state >= State.Closing) return
    this.enter() // the end itself: everything below comes before the drain
    if (this.#state === State.Idle) this.enter() // the source, which is closed without having been opened
    this.#state = State.Closing
    this.#outcome = outcome
    tell?.()
    this.#host.halt(outcome)
    this.#closeSource(outcome.reason)
    if (this.#source === 'closed') {
      this.#hasSurfaced = false // a consumer that has not heard of a graceful end hears of this one
      this.#surface()
    }
    this.leave()
  }

  get #isOver(): boolean {
    return this.#state === State.Drained || (this.#late > 0 && this.#pending <= this.#late)
  }

  /** Nothing is pending, or only tasks whose outcome was told early. */
  #settle(): void {
    if (this.#state < State.Finishing) return
    if (this.#pending > 0) {
      clearTimeout(this.#deadline?.timer)
      this.#surface() // the consumer does not wait for them either
      this.#over?.resolve(this.#host.stats)
      return
    }
    if (this.#state === State.Drained) return
    if (this.#hasCleanedUp) this.#drain()
    else this.#cleanUp()
  }

  #cleanUp(): void {
    this.#hasCleanedUp = true
    this.enter()
    this.#host.cleanUp(this.#outcome?.reason, () => this.leave())
  }

  #drain(): void {
    this.#state = State.Drained
    this.#ignoreSignal?.()
    clearTimeout(this.#deadline?.timer)
    this.#surface()
    this.#stats = this.#host.drained()
    this.#over?.resolve(this.#stats)
    this.#drained?.resolve(this.#stats)
    // The user may keep the runner. Up to Node 22, a promise or timer holds the AsyncLocalStorage stores of the code that
    // made it.
    this.#over = this.#drained = this.#deadline = undefined
  }

  /** Lets the consumer know how the run ended, once. */
  #surface(): void {
    if (this.#hasSurfaced) return
    this.#hasSurfaced = true
    const isRaised = this.#outcome !== undefined && this.#outcome.kind !== 'left' && !this.#hasLeft
    this.#results.end(isRaised ? {error: this.#outcome?.reason} : undefined)
    this.#surfaced?.resolve()
  }

  /** Waits no longer for the source to clean up, nor for running tasks. */
  #giveUp(): void {
    this.enter()
    this.#surface()
    if (this.#source === 'closing') this.#sourceClosed()
    this.#host.giveUp(this.#outcome?.reason)
    this.leave()
  }

  /** Aborts when the running tasks, and the source, have had their time. The earliest deadline counts. */
  #abortIn(ms: number): void {
    const at = performance.now() + ms
    if (this.#deadline !== undefined && this.#deadline.at <= at) return
    clearTimeout(this.#deadline?.timer)
    const timer = setTimeout(() => {
      this.abort(new DOMException(`stop() took longer than ${ms} ms`, 'TimeoutError'))
      // Tasks that give up with their signal have a turn of the event loop to settle.
      nextTurn(() => this.#giveUp())
    }, ms)
    this.#deadline = {at, timer}
  }
}
