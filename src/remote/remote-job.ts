/** One job that has been handed in, and the tasks that wait for its result. */
import pDefer, {type DeferredPromise} from 'p-defer'
import type {NewJob} from './types.js'

export class RemoteJob<D, R> implements NewJob<D> {
  readonly id: string
  readonly data: D
  readonly index: number
  readonly context: unknown
  /** How many tasks wait for the result. Tasks with the same id share one job. */
  waiters = 0
  /** The call that hands the job in, while it is under way. Never rejects. */
  adding: Promise<void> | undefined
  /**
   * When the engine was last known to have the job, by `performance.now()`; `undefined` while the engine does not have
   * it.
   */
  seenAt: number | undefined
  /** Whether the engine did not know the job at the last look. */
  isMissing = false
  /** Whether the job has been counted as handed in, and as started. */
  isHandedIn = false
  isStarted = false
  readonly #result: DeferredPromise<R> = pDefer()

  constructor(id: string, data: D, index: number, context: unknown) {
    this.id = id
    this.data = data
    this.index = index
    this.context = context
    this.#result.promise.catch(() => {}) // all waiting tasks may have left
  }

  get result(): Promise<R> {
    return this.#result.promise
  }

  resolve(result: R): void {
    this.#result.resolve(result)
  }

  reject(error: unknown): void {
    this.#result.reject(error)
  }
}
