/** One job that has been handed in, and the tasks that wait for its result. */
import pDefer, {type DeferredPromise} from 'p-defer'
import type {NewJob} from './types.js'

export class RemoteJob<D, R> implements NewJob<D> {
  readonly id: string
  readonly data: D
  readonly index: number
  readonly context: unknown
  /** Tasks that wait for the result. Those with one id share one job. */
  waiters = 0
  /** The call that hands it in, while that is under way. Never rejects. */
  adding: Promise<void> | undefined
  /** When it was last known to the engine, by `performance.now()`; `undefined` while it is not there. */
  seenAt: number | undefined
  /** The engine did not know it when it was last looked for. */
  isMissing = false
  /** Whether it has been counted as handed in, and as started. */
  isHandedIn = false
  isStarted = false
  readonly #result: DeferredPromise<R> = pDefer()

  constructor(id: string, data: D, index: number, context: unknown) {
    this.id = id
    this.data = data
    this.index = index
    this.context = context
    this.#result.promise.catch(() => {}) // the tasks that wait may have gone
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
