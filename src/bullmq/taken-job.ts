/** One job that BullMQ has delivered, with the promise for which BullMQ waits. */
import type {TakenJob} from 'aio-tasks/remote'
import {type IQueueBackend, Job, WaitingError} from 'bullmq'
import pDefer, {type DeferredPromise} from 'p-defer'
import {type AsyncScope, asyncScope} from '../remote/waiting.js'
import {logEvent} from './log-event.js'

/** BullMQ's `Job`, which also sends log lines to producers, and knows the name under which the source has the job. */
export class SourceJob<D, R> extends Job<D, R> {
  #taken: BullMQJob<D, R> | undefined

  /** The engine's part of a job. */
  static takenOf<D, R>(job: Job<D, R>): BullMQJob<D, R> | undefined {
    return (job as SourceJob<D, R>).#taken
  }

  static take<D, R>(job: Job<D, R>, taken: BullMQJob<D, R>): void {
    ;(job as SourceJob<D, R>).#taken = taken
  }

  override async log(line: string): Promise<number> {
    const count = await super.log(line)
    await this.#taken?.tellLine(line)
    return count
  }
}

export class BullMQJob<D, R> implements TakenJob<D> {
  readonly id: string
  readonly job: Job<D, R>
  /**
   * The promise for which BullMQ waits: a result, an error, or a `WaitingError` for a job that this worker has lost.
   */
  readonly outcome: Promise<R>
  /** Called when the job's user cancels it. */
  onCancel: ((reason: unknown) => void) | undefined
  /** The error by which the handler said that it has moved the job itself. */
  #moved: Error | undefined
  readonly #outcome: DeferredPromise<R> = pDefer()
  /** Settles once Redis has accepted or refused the outcome; `undefined` before there is an outcome. */
  #accepted: DeferredPromise<void> | undefined
  readonly #backend: IQueueBackend
  readonly #eventsLength: number
  /** BullMQ's async context of this job, with its telemetry span. */
  readonly #scope: AsyncScope = asyncScope()

  constructor(job: Job<D, R>, backend: IQueueBackend, eventsLength: number) {
    this.id = job.id ?? ''
    this.job = job
    this.outcome = this.#outcome.promise
    this.#backend = backend
    this.#eventsLength = eventsLength
    SourceJob.take(job, this)
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
    return this.#acceptance()
  }

  failed(error: Error): Promise<void> {
    this.#outcome.reject(error)
    return this.#acceptance()
  }

  async back(): Promise<void> {
    try {
      await this.job.moveToWait(this.job.token)
    } finally {
      this.#outcome.reject(new WaitingError())
    }
  }

  /** The handler has moved the job, and BullMQ must get this error. */
  move(error: Error): void {
    this.#moved = error
  }

  cancel(reason: unknown): void {
    this.onCancel?.(reason)
  }

  /** Sends the lines that the handler logs to producers. */
  async tellLine(line: string): Promise<void> {
    await this.#backend.publishEvent({event: logEvent, jobId: this.id, line}, this.#eventsLength)
  }

  // Called by the worker

  accept(): void {
    this.#accepted?.resolve()
  }

  refuse(error: unknown): void {
    this.#accepted?.reject(error)
  }

  #acceptance(): Promise<void> {
    this.#accepted = pDefer()
    return this.#accepted.promise
  }
}
