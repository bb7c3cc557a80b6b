/** One job that has been handed in, and those who wait for its result. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {handleRejection} from '../tasks.js'
import type {RemoteJobOptions} from './types.js'

export class RemoteJob<D, R> {
  readonly id: string
  readonly data: D
  readonly options: RemoteJobOptions
  /** Tasks that wait for the result. Those with one id share one job. */
  waiters = 0
  /** The add that is on its way, if one is. Never rejects. */
  adding: Promise<void> | undefined
  /** When it was last known to be in the queue; `undefined` while it is not. */
  seenAt: number | undefined
  /** It was not in the queue when it was last looked for. */
  isMissing = false
  readonly #result: DeferredPromise<R> = pDefer()

  constructor(id: string, data: D, options: RemoteJobOptions) {
    this.id = id
    this.data = data
    this.options = options
    handleRejection(this.#result.promise) // those who wait may have gone
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
