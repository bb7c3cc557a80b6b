/** The vocabulary of BullMQ's entry. Types only: nothing here runs. */
import type {RemoteOptions, WorkerTasks as RemoteWorkerTasks} from 'aio-tasks/remote'
import type {ConnectionOptions, Job, JobsOptions, Telemetry, Worker, WorkerOptions} from 'bullmq'

/**
 * Where both sides find each other.
 *
 * @example
 * ```ts
 * const location: QueueLocation = {connection: {host: 'localhost', port: 6379}}
 * ```
 */
export interface QueueLocation {
  /**
   * How to reach Redis, as BullMQ takes it: `{host, port, …}`, a URL, or a client of ioredis. A client stays open.
   * Default for connections made here: `socketTimeout: 12_000`, so that one that has died without a word is noticed,
   * and no limit of retries.
   */
  readonly connection: ConnectionOptions | string
  /** What the queue's keys in Redis begin with; the same on both sides. Default: `bull`. */
  readonly prefix?: string | undefined
  /**
   * How many events, roughly, Redis keeps for producers to read: an integer ≥ 1. Each finished job has three of them,
   * one of them with its result, so this bounds what results cost beyond the jobs themselves. Set by the producer for
   * the whole queue; on a worker, only for lines of `job.log`. Default: what the queue has, which is BullMQ's 10,000.
   */
  readonly eventsLength?: number | undefined
  /**
   * Hears what no task can tell, such as a connection that is lost: BullMQ reconnects by itself. Default:
   * `console.error`.
   */
  readonly onError?: ((error: Error) => void) | undefined
}

/**
 * BullMQ's options of a job, without those that give it another identity than its own.
 *
 * @example
 * ```ts
 * const jobOptions: RemoteJobOptions = {attempts: 3, priority: 1}
 * ```
 */
export type RemoteJobOptions = Omit<JobsOptions, 'jobId' | 'deduplication' | 'repeat' | 'parent'>

/**
 * How jobs are handed to workers. For BullMQ, `jobId` must give no integer and no `:`. Results must be kept for longer
 * than two checks take.
 *
 * @example
 * ```ts
 * const options: RemoteTasksOptions<string> = {queue: 'pages', connection, jobOptions: {attempts: 3}}
 * ```
 */
export interface RemoteTasksOptions<D> extends QueueLocation, RemoteOptions<D> {
  /** The queue's name. No `:` in it. */
  readonly queue: string
  /** The jobs' name, which workers see as `job.name`. Default: `task`. */
  readonly name?: string | undefined
  /**
   * BullMQ's own: attempts, backoff, priority, delay and so on, for all jobs or for each. Default: results are kept
   * for an hour, 10,000 of them at most, and failures for a day.
   */
  readonly jobOptions?: RemoteJobOptions | ((data: D, index: number) => RemoteJobOptions) | undefined
  /** BullMQ's own, as `new BullMQOtel('name')`: each job's span at its worker follows that of its task here. */
  readonly telemetry?: Telemetry | undefined
}

/**
 * BullMQ's options of a worker, without those that the source itself gives.
 *
 * @example
 * ```ts
 * const workerOptions: RemoteWorkerOptions = {lockDuration: 5000}
 * ```
 */
export type RemoteWorkerOptions = Omit<WorkerOptions, 'connection' | 'concurrency' | 'prefix' | 'autorun'>

/**
 * How jobs are taken. How many at once is the runner's limit.
 *
 * @example
 * ```ts
 * const options: WorkerTasksOptions = {connection, workerOptions: {lockDuration: 5000}}
 * ```
 */
export interface WorkerTasksOptions extends QueueLocation {
  /** Ends the source gracefully when it aborts: no more jobs, and the run is over when those taken are done. */
  readonly signal?: AbortSignal | undefined
  /** BullMQ's own: lock and stall times, limiter, metrics, telemetry and so on. */
  readonly workerOptions?: RemoteWorkerOptions | undefined
}

/**
 * What is done for a job, on the worker's side, in the async context that BullMQ has for the job.
 *
 * @param job BullMQ's own: `job.data`, `job.attemptsMade`, `job.updateProgress()` and so on; `job.token` is the token
 * that BullMQ's processors get as their second argument.
 * @param signal Aborts when the run ends in any but a graceful way, when the task overruns the runner's `timeout`,
 * when the job's lock is lost, so that another worker may be running it, and by `worker.cancelJob()`. It is made for a
 * handler that can see it: an arrow function with one simple parameter is spared it.
 * @returns The job's result, which must be JSON; `undefined` becomes `null`. A handler that has moved its job and
 * throws BullMQ's `DelayedError`, `WaitingError`, `WaitingChildrenError` or `RateLimitError` has not failed: its task
 * gives `undefined`, and the job comes again.
 *
 * @example
 * ```ts
 * const handler: JobHandler<string, number> = async ({data}, signal) => (await load(data, {signal})).length
 * ```
 */
export type JobHandler<D, R> = (job: Job<D, R>, signal: AbortSignal) => R | PromiseLike<R>

/**
 * A source of tasks, each of which runs one job.
 *
 * @example
 * ```ts
 * const jobs: WorkerTasks<string, string> = workerTasks('pages', ({data}) => load(data), {connection})
 * await new ConcurrentRunner(jobs, {limit: 20, yieldExceptions: true}).run()
 * ```
 */
export interface WorkerTasks<D, R> extends RemoteWorkerTasks<R | undefined> {
  /** BullMQ's worker, for its events and figures. Made when first read, or at the first `next()`. */
  readonly worker: Worker<D, R>
}
