/** BullMQ as the engine of a worker: a BullMQ Worker delivers jobs, and waits for their outcomes. */
import {LostJobError, type WorkerEngine, type WorkerHost} from 'aio-tasks/remote'
import {Job, type Span, Worker, type WorkerListener} from 'bullmq'
import {delay, retryDelay, withClosingTimeout} from '../remote/waiting.js'
import {forceClose, isTransient, toFatal, withoutRetryLimit} from './connection.js'
import type {ResolvedWorker} from './options.js'
import {BullMQJob, SourceJob} from './taken-job.js'

/** How many events a stream keeps if no other number is set: BullMQ's own default. */
const defaultEventsLength = 10_000

/** BullMQ's message for a lost lock: it is ignored, since the job's own task reports it. */
const lockErrors =
  /^(could not renew lock for job|Missing lock for job|Lock mismatch for job|Missing key for job|Job \S+ is not in the active state)\b/

/**
 * BullMQ's Worker, which also waits while Redis refuses writes, tells jobs whether Redis has accepted them, and can
 * halt.
 */
class SourceWorker<D, R> extends Worker<D, R> {
  /** The jobs that it has delivered and that are not over, by id: the latest of each id. */
  readonly taken: Map<string, BullMQJob<D, R>> = new Map()
  #isPausedByUser = false
  #isHalted = false
  #isEnded = false
  /** Whether a refusal of Redis has been reported, and no call has worked since. */
  #hasTold = false

  protected override get Job(): typeof Job {
    return SourceJob as typeof Job
  }

  override cancelJob(id: string, reason?: string): boolean {
    const job = this.taken.get(id)
    job?.cancel(reason)
    return job !== undefined
  }

  override cancelAllJobs(reason?: string): void {
    for (const job of this.taken.values()) job.cancel(reason)
  }

  override pause(doNotWaitActive?: boolean): Promise<void> {
    this.#isPausedByUser = true
    return super.pause(doNotWaitActive)
  }

  override resume(): Promise<void> {
    this.#isPausedByUser = false
    return this.#isHalted ? Promise.resolve() : super.resume()
  }

  override emit<E extends keyof WorkerListener<D, R>>(event: E, ...args: Parameters<WorkerListener<D, R>[E]>): boolean {
    const [error] = args as readonly unknown[]
    if (event === 'error' && error instanceof Error && lockErrors.test(error.message)) return true
    return super.emit(event, ...args)
  }

  /** Takes no more jobs. */
  halt(): void {
    this.#isHalted = true
    if (!this.#isPausedByUser) void super.pause(true)
  }

  /** Takes jobs again; also wakes a loop that waits for a running job, so that it checks whether it may take more. */
  proceed(): void {
    if (this.#isPausedByUser) return
    if (!this.#isHalted) void super.pause(true)
    this.#isHalted = false
    void super.resume()
  }

  /** Closes by force. */
  end(): void {
    this.#isEnded = true
    void this.lockManager.close()
    forceClose(this.getBackend())
  }

  protected override handleCompleted(
    result: R,
    job: Job<D, R>,
    token: string,
    fetchNext?: () => boolean,
    span?: Span,
  ): Promise<Job<D, R>> {
    return this.#handIn(job, () => super.handleCompleted(result, job, token, fetchNext, span))
  }

  protected override handleFailed(
    error: Error,
    job: Job<D, R>,
    token: string,
    fetchNext?: () => boolean,
    span?: Span,
  ): Promise<Job<D, R>> {
    return this.#handIn(job, () => super.handleFailed(error, job, token, fetchNext, span))
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<D, R>> {
    for (let attempt = 0; ; attempt++)
      try {
        const job = await super.moveToActive(token, name)
        this.#hasTold = false
        return job
      } catch (error) {
        if (!this.#isRefusal(error)) throw error
        await delay(retryDelay(attempt))
      }
  }

  /** Tells the job whether Redis has accepted its outcome. No other job is taken in place of a lost job. */
  #handIn(job: Job<D, R>, call: () => Promise<Job<D, R>>): Promise<Job<D, R>> {
    return call().then(
      (next) => {
        this.#accepted(job)
        return next
      },
      (error: unknown) => this.#handInAgain(job, call, error),
    )
  }

  async #handInAgain(job: Job<D, R>, call: () => Promise<Job<D, R>>, refusal: unknown): Promise<Job<D, R>> {
    let error = refusal
    for (let attempt = 0; this.#isRefusal(error); attempt++) {
      await delay(retryDelay(attempt))
      try {
        const next = await call()
        this.#accepted(job)
        return next
      } catch (again) {
        error = again
      }
    }
    const taken = SourceJob.takenOf(job)
    const isLost = lockErrors.test((error as Error).message)
    this.#forget(taken)
    taken?.refuse(isLost ? new LostJobError(job.id ?? '') : error)
    if (!isLost) throw error
    return none()
  }

  #accepted(job: Job<D, R>): void {
    const taken = SourceJob.takenOf(job)
    this.#hasTold = false
    this.#forget(taken)
    taken?.accept()
  }

  /**
   * Whether Redis can be reached but refuses commands: then the same call is repeated, and the first refusal is
   * reported. While Redis cannot be reached, BullMQ itself waits.
   */
  #isRefusal(error: unknown): boolean {
    if (this.#isEnded || !isTransient(error)) return false
    if (!this.#hasTold) this.emit('error', error as Error)
    this.#hasTold = true
    return true
  }

  #forget(taken: BullMQJob<D, R> | undefined): void {
    if (taken && this.taken.get(taken.id) === taken) this.taken.delete(taken.id)
  }
}

export class BullMQWorkerEngine<D, R> implements WorkerEngine<BullMQJob<D, R>> {
  readonly #options: ResolvedWorker
  #worker: SourceWorker<D, R> | undefined
  #host: WorkerHost<BullMQJob<D, R>> | undefined
  #hasStarted = false
  #closed: Promise<void> | undefined

  constructor(options: ResolvedWorker) {
    this.#options = options
  }

  get worker(): Worker<D, R> {
    return this.#open()
  }

  listen(host: WorkerHost<BullMQJob<D, R>>): void {
    this.#host = host
    this.#open()
  }

  /** BullMQ's worker delivers jobs by itself; this sets how many at once. */
  hold(count: number): void {
    const worker = this.#open()
    if (count === 0) {
      worker.halt()
      return
    }
    const isMore = count > worker.concurrency
    const isFull = worker.taken.size >= worker.concurrency
    worker.concurrency = count
    if (!this.#hasStarted) {
      this.#hasStarted = true
      worker.run().catch((error: Error) => this.#host?.end(error))
    } else if (worker.isPaused() || (isMore && isFull)) worker.proceed()
  }

  isTransient(error: unknown): boolean {
    return isTransient(error)
  }

  report(error: Error): void {
    this.#open().emit('error', error)
  }

  stop(): void {
    this.#closed = this.#worker?.close()
  }

  async close(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined || this.#closed === undefined) return
    if (!(await withClosingTimeout(this.#closed))) worker.end()
  }

  #open(): SourceWorker<D, R> {
    if (this.#worker === undefined) {
      const {queueName, connection, prefix, workerOptions, onError} = this.#options
      const options = {...workerOptions, ...prefix, connection: withoutRetryLimit(connection), concurrency: 1}
      // The function has fewer than three parameters: with three, BullMQ would make a signal for each job.
      const worker = new SourceWorker<D, R>(queueName, (job) => this.#take(job), {...options, autorun: false})
      this.#worker = worker
      worker.on('error', (error) => {
        const fatal = toFatal(error)
        if (fatal) this.#host?.end(fatal)
      })
      worker.on('error', onError ?? console.error)
      worker.on('lockRenewalFailed', (ids) => {
        for (const id of ids) this.#host?.interrupt({id, reason: new LostJobError(id), isLost: true})
      })
      worker.once('closing', () => queueMicrotask(() => this.#host?.end())) // its user may have closed it
    }
    return this.#worker
  }

  /** BullMQ has delivered a job, and waits for its outcome. */
  #take(job: Job<D, R>): Promise<R> {
    const taken = new BullMQJob(job, this.#open().getBackend(), this.#options.eventsLength ?? defaultEventsLength)
    taken.onCancel = (reason) => this.#host?.interrupt({id: taken.id, reason, isLost: false})
    this.#open().taken.set(taken.id, taken)
    this.#host?.deliver([taken])
    return taken.outcome
  }
}

/** BullMQ accepts an answer without a job, though its types do not allow it. */
function none(): never {
  return undefined as never
}
