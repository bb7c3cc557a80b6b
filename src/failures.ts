/** Emits what fails in a run, asks the hook `shouldRaise` whether it ends the run, and disposes of what never runs. */
import {describe, isThenable} from './checks.js'
import {ConcurrentError, ConcurrentIteratorError} from './errors.js'
import type {Lifecycle} from './lifecycle.js'
import {reportUncaught} from './platform/runtime.js'
import {dispose, whenSettled} from './task.js'
import type {TaskContext} from './types.js'

/** The runner, which has the hook and the listeners. */
export interface FailuresHost {
  shouldRaise(error: ConcurrentError): boolean
  emit(event: 'error', error: ConcurrentError, context?: TaskContext): void
}

export class Failures {
  readonly #host: FailuresHost
  readonly #lifecycle: Lifecycle
  #isJudging = false

  constructor(host: FailuresHost, lifecycle: Lifecycle) {
    this.#host = host
    this.#lifecycle = lifecycle
  }

  /** Whether the hook is being asked about an error. */
  get isJudging(): boolean {
    return this.#isJudging
  }

  /** The error that ends the run: the given error, none, or the error of the hook that failed to decide. */
  raised(error: ConcurrentError): ConcurrentError | undefined {
    this.#isJudging = true
    try {
      return this.#host.shouldRaise(error) ? error : undefined
    } catch (cause) {
      return hookError('shouldRaise', cause, error.index)
    } finally {
      this.#isJudging = false
    }
  }

  /** Emits an error, unless the run has drained: `drain` is the last event. */
  emit(error: ConcurrentError, context?: TaskContext): void {
    if (this.#lifecycle.isDrained) return
    this.#lifecycle.enter()
    if (context === undefined) this.#host.emit('error', error)
    else this.#host.emit('error', error, context)
    this.#lifecycle.leave()
  }

  /**
   * Emits a failure that belongs to no result: of closing the source, or of disposing of a task.
   *
   * @param index How far the source was read.
   */
  emitCleanupError(what: string, cause: unknown, index: number): void {
    if (this.#lifecycle.isReason(cause)) return // it was told to stop with this reason, so this is no failure
    if (this.#lifecycle.isDrained) return reportUncaught(cause)
    this.emit(new ConcurrentIteratorError(`${what} failed: ${describe(cause)}`, {cause, index}))
  }

  /** Disposes of an item that will never run. The run does not drain before that is done. */
  dispose(item: unknown, index: number): void {
    this.#lifecycle.enter() // also during the call, which may end the run
    const failed = (cause: unknown): void =>
      this.emitCleanupError('Disposing of a task that will not run', cause, index)
    try {
      const disposal = dispose(item)
      if (isThenable(disposal)) {
        this.#lifecycle.enter()
        whenSettled(
          disposal,
          () => this.#lifecycle.leave(),
          (cause) => {
            failed(cause)
            this.#lifecycle.leave()
          },
        )
      }
    } catch (cause) {
      failed(cause)
    }
    this.#lifecycle.leave()
  }
}

export function hookError(hook: string, cause: unknown, index: number): ConcurrentError {
  return new ConcurrentError(`${hook}() failed: ${describe(cause)}`, {cause, index})
}
