/** A source of tasks for one machine: takes jobs from a queue, by BullMQ's own worker. */
import type {Job, Worker} from 'bullmq'
import pDefer, {type DeferredPromise} from 'p-defer'
import {Fifo} from '../fifo.js'
import {checkFunction} from '../options.js'
import {onAbort} from '../signals.js'
import type {TaskFunction} from '../types.js'
import {cut, lasting, patiently} from './connection.js'
import {bullmq} from './engine.js'
import {type ResolvedWorker, resolveWorker} from './options.js'
import {TakenJob, type TakenJobOwner} from './taken-job.js'
import type {JobHandler, WorkerTasks, WorkerTasksOptions} from './types.js'

/** BullMQ's own, which cancels jobs by the signals that their tasks have, and ends where `close()` waits for ever. */
class SourceWorker<D, R> extends bullmq.Worker<D, R> {
  /** The jobs that it has handed over, and that are not over. */
  taken: ReadonlySet<TakenJob<D, R>> = new Set()

  override cancelJob(id: string, reason?: string): boolean {
    const wanted = [...this.taken].filter(({job}) => job.id === id)
    for (const taken of wanted) taken.cancel(reason)
    return wanted.length > 0
  }

  override cancelAllJobs(reason?: string): void {
    for (const taken of this.taken) taken.cancel(reason)
  }

  /** Closes by force. */
  end(): void {
    void this.lockManager.close()
    cut(this.getBackend())
  }
}

type Result<R> = IteratorResult<TaskFunction<R>, undefined>

/**
 * A source of tasks for a runner: each runs one job of the queue, and hands in what comes of it. Run as many of
 * these as are needed, on as many machines; each takes what its runner has room for. BullMQ keeps locks, finds
 * stalled jobs, and tries again those that failed.
 *
 * A job that is running when the run is aborted, and that heeds its signal, goes back to the queue, as do those
 * that wait here: none is failed by it. The run has drained when all jobs are handed in or back, and the connections
 * are closed. A handler that throws fails its task too, so a worker usually wants `yieldExceptions: true`.
 *
 * @param queue The queue's name, as `remoteTasks` has it.
 * @param handler What to do for a job. See {@link JobHandler}. It runs at least once for each job, and more than
 * once when a worker is killed, or blocked for longer than its locks last.
 * @param options See {@link WorkerTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * const handler = (job: Job<{path: string}>, signal: AbortSignal) => resize(job.data.path, signal)
 * const jobs = workerTasks('images', handler, {connection, concurrency: 20})
 * const runner = new ConcurrentRunner(jobs, {limit: 20, yieldExceptions: true})
 * process.once('SIGTERM', () => runner.stop({timeout: 10_000}))
 * await runner.run()
 * ```
 */
export function workerTasks<D = unknown, R = unknown>(
  queue: string,
  handler: JobHandler<D, R>,
  options: WorkerTasksOptions,
): WorkerTasks<D, R> {
  checkFunction('handler', handler)
  return new WorkerSource(handler, resolveWorker(queue, options))
}

// Written by hand and not as a generator: a generator could not be closed while it waits for a job.
class WorkerSource<D, R> implements WorkerTasks<D, R>, TakenJobOwner {
  readonly #handler: JobHandler<D, R>
  readonly #options: ResolvedWorker
  #worker: SourceWorker<D, R> | undefined
  #hasStarted = false
  /** Jobs that BullMQ has handed over and that are not over. */
  readonly #taken = new Set<TakenJob<D, R>>()
  /** The same by their ids, of which each should be here once. */
  readonly #latest = new Map<string, TakenJob<D, R>>()
  /** Those among them that nobody has asked for yet; those over are skipped. Empty while somebody waits. */
  readonly #parked = new Fifo<TakenJob<D, R>>()
  readonly #waiting = new Fifo<DeferredPromise<Result<R>>>()
  #isClosing = false
  readonly #closed: DeferredPromise<void> = pDefer()
  /** Resolved once nothing runs here any more, of a source that closes. */
  readonly #quiet: DeferredPromise<void> = pDefer()
  #ignoreSignal: (() => void) | undefined

  constructor(handler: JobHandler<D, R>, options: ResolvedWorker) {
    this.#handler = handler
    this.#options = options
  }

  get worker(): Worker<D, R> {
    return (this.#worker ??= this.#make())
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  next(): Promise<Result<R>> {
    try {
      if (!this.#hasStarted) this.#start()
    } catch (error) {
      void this.#close()
      return Promise.reject(error)
    }
    const parked = this.#nextParked()
    if (parked !== undefined) return Promise.resolve({done: false, value: parked.task()})
    if (this.#isClosing) return this.#ended()
    const waiter = pDefer<Result<R>>()
    this.#waiting.push(waiter)
    return waiter.promise
  }

  /** Takes no more, gives back what is not running, and waits until what runs is over and all is closed. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#hasStarted = true
    const closed = this.#close()
    this.#dismiss() // whoever waits need not wait for that
    for (const taken of this.#taken) void taken.giveBack()
    await closed
    return done()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  // From the jobs

  report(error: unknown): void {
    this.#worker?.emit('error', error as Error)
  }

  over(taken: TakenJob<D, R>): void {
    this.#taken.delete(taken)
    const id = taken.job.id ?? ''
    if (this.#latest.get(id) === taken) this.#latest.delete(id)
    if (this.isClosing) this.#settle()
  }

  #make(): SourceWorker<D, R> {
    const {queue, connection, prefix, concurrency, workerOptions, onError} = this.#options
    const options = {...workerOptions, ...prefix, connection: lasting(connection), concurrency, autorun: false}
    // With fewer than three parameters: for those, BullMQ makes a signal for each job.
    const worker = new SourceWorker<D, R>(queue, (job) => this.#take(job), options)
    worker.taken = this.#taken
    if (onError) worker.on('error', onError)
    worker.on('lockRenewalFailed', (ids) => {
      for (const taken of this.#taken) if (ids.includes(taken.job.id ?? '')) taken.lose()
    })
    worker.once('closing', () => queueMicrotask(() => void this.#close())) // by its user, perhaps
    return worker
  }

  #start(): void {
    this.#hasStarted = true
    const {signal} = this.#options
    if (signal?.aborted) {
      void this.#close()
      return
    }
    if (signal) this.#ignoreSignal = onAbort(signal, () => void this.#close())
    void this.worker.run().catch((error: unknown) => this.#fail(error))
  }

  /** BullMQ has a job: for whoever waits, or to wait itself. */
  #take(job: Job<D, R>): Promise<R> {
    const id = job.id ?? ''
    this.#latest.get(id)?.lose() // its lock, and nobody noticed: here is the same job once more
    const taken = new TakenJob(job, this.#handler, this)
    this.#taken.add(taken)
    this.#latest.set(id, taken)
    if (this.#isClosing) {
      void taken.giveBack() // it was on its way
      return taken.outcome
    }
    const waiter = this.#waiting.shift()
    if (waiter === undefined) this.#parked.push(taken)
    else waiter.resolve({done: false, value: taken.task()})
    return taken.outcome
  }

  #nextParked(): TakenJob<D, R> | undefined {
    let parked = this.#parked.shift()
    while (parked !== undefined && !this.#taken.has(parked)) parked = this.#parked.shift()
    return parked
  }

  async #ended(): Promise<Result<R>> {
    await this.#closed.promise
    return done()
  }

  #close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#ignoreSignal?.()
      void this.#shut()
    }
    return this.#closed.promise
  }

  async #shut(): Promise<void> {
    try {
      if (this.#worker !== undefined) await this.#closeWorker(this.#worker)
    } catch (error) {
      this.report(error)
    }
    this.#closed.resolve()
    this.#dismiss()
  }

  async #closeWorker(worker: SourceWorker<D, R>): Promise<void> {
    const closed = worker.close() // comes first, or else what is given back would be taken again
    for (let parked = this.#nextParked(); parked; parked = this.#nextParked()) void parked.giveBack()
    this.#settle()
    await this.#quiet.promise
    if (!(await patiently(closed))) worker.end()
  }

  /** Nobody who waits for a job gets one. */
  #dismiss(): void {
    for (let waiter = this.#waiting.shift(); waiter; waiter = this.#waiting.shift()) waiter.resolve(done())
  }

  /** Of a source that closes: tells when nothing runs any more. */
  #settle(): void {
    if (this.#taken.size === 0) this.#quiet.resolve()
  }

  #fail(error: unknown): void {
    const waiter = this.#waiting.shift()
    if (waiter) waiter.reject(error)
    else this.report(error)
    void this.#close()
  }
}

function done(): IteratorReturnResult<undefined> {
  return {done: true, value: undefined}
}
