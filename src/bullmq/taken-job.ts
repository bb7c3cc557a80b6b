/** One job that BullMQ has handed over: its promise is what BullMQ waits for. */
import type {TakenJob} from 'aio-tasks/remote'
import {type IQueueBackend, type Job, WaitingError} from 'bullmq'
import pDefer, {type DeferredPromise} from 'p-defer'
import {type AsyncScope, asyncScope} from '../remote/waiting.js'
import {logEvent} from './log-event.js'

export class BullMQJob<D, R> implements TakenJob<D> {
  readonly id: string
  readonly job: Job<D, R>
  /** What BullMQ waits for: a result, an error, or a `WaitingError` for a job that is not this worker's any more. */
  readonly outcome: Promise<R>
  /** Called when the job's user wants its handler to end. */
  onCancel: ((reason: unknown) => void) | undefined
  /** The handler has moved the job elsewhere itself, and said so with this error. */
  #moved: Error | undefined
  readonly #outcome: DeferredPromise<R> = pDefer()
  readonly #accepted: DeferredPromise<void> = pDefer()
  /** BullMQ's async context of this job, with the span of its telemetry. */
  readonly #scope: AsyncScope = asyncScope()

  constructor(job: Job<D, R>, backend: IQueueBackend, eventsLength: number) {
    this.id = job.id ?? ''
    this.job = job
    this.outcome = this.#outcome.promise
    this.#accepted.promise.catch(() => {}) // nobody waits for it where a job is given back
    const log = job.log.bind(job)
    job.log = async (line) => {
      const count = await log(line)
      await backend.publishEvent({event: logEvent, jobId: this.id, line}, eventsLength)
      return count
    }
  }

  get data(): D {
    return this.job.data
  }

  run<V>(call: () => V): V {
    return this.#scope.runInAsyncScope(call)
  }

  /** Settles once Redis has accepted the result. */
  done(result: unknown): Promise<void> {
    if (this.#moved) {
      this.#outcome.reject(this.#moved)
      return Promise.resolve()
    }
    this.#outcome.resolve(result as R)
    return this.#accepted.promise
  }

  failed(error: Error): Promise<void> {
    this.#outcome.reject(error)
    return this.#accepted.promise
  }

  async back(): Promise<void> {
    try {
      await this.job.moveToWait(this.job.token)
    } finally {
      this.#outcome.reject(new WaitingError())
    }
  }

  /** The handler has moved the job, and BullMQ is to be told so by this error. */
  move(error: Error): void {
    this.#moved = error
  }

  cancel(reason: unknown): void {
    this.onCancel?.(reason)
  }

  // From the worker

  accept(): void {
    this.#accepted.resolve()
  }

  refuse(error: unknown): void {
    this.#accepted.reject(error)
  }
}
