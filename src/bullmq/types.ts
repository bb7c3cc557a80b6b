/** The types of BullMQ's entry. Types only: no code runs here. */
import type {RemoteOptions, WorkerTasks as RemoteWorkerTasks} from 'aio-tasks/remote'
import type {ConnectionOptions, Job, JobsOptions, Telemetry, Worker, WorkerOptions} from 'bullmq'

/**
 * How both sides find the same queue.
 *
 * @example
 * ```ts
 * const location: QueueLocation = {connection: {host: 'localhost', port: 6379}}
 * ```
 */
export interface QueueLocation {
  /**
   * How to reach Redis, as BullMQ takes it: `{host, port, …}`, a URL, or a client of ioredis. A client that you give
   * stays open. Defaults for connections that are opened here: `socketTimeout: 12_000`, so that a connection that has
   * died silently is noticed, and no limit of retries.
   */
  readonly connection: ConnectionOptions | string
  /** The prefix of the queue's keys in Redis; the same on both sides. Default: `bull`. */
  readonly prefix?: string | undefined
  /**
   * How many events, roughly, Redis keeps for producers to read: an integer ≥ 1. Each finished job has three events,
   * and one of them contains its result, so this option bounds the memory that results need beyond the jobs themselves.
   * The producer sets it for the whole queue; on a worker it applies only to lines of `job.log`. Default: the queue's
   * own length, which is BullMQ's 10,000.
   */
  readonly eventsLength?: number | undefined
  /**
   * Called with errors that belong to no task, such as a lost connection: BullMQ reconnects by itself. Default:
   * `console.error`.
   */
  readonly onError?: ((error: Error) => void) | undefined
}

/**
 * BullMQ's options of a job, without the options that change the job's identity.
 *
 * @example
 * ```ts
 * const jobOptions: RemoteJobOptions = {attempts: 3, priority: 1}
 * ```
 */
export type RemoteJobOptions = Omit<JobsOptions, 'jobId' | 'deduplication' | 'repeat' | 'parent'>

/**
 * Options of a producer. For BullMQ, `jobId` must not return an integer or an id with a `:`. Results must be kept for
 * longer than two checks take.
 *
 * @example
 * ```ts
 * const options: RemoteTasksOptions<string> = {queue: 'pages', connection, jobOptions: {attempts: 3}}
 * ```
 */
export interface RemoteTasksOptions<D> extends QueueLocation, RemoteOptions<D> {
  /** The queue's name, without `:`. */
  readonly queue: string
  /** The name of the jobs, which workers see as `job.name`. Default: `task`. */
  readonly name?: string | undefined
  /**
   * BullMQ's job options: attempts, backoff, priority, delay and so on, for all jobs, or a function that returns them
   * for each job. Default: results are kept for an hour, 10,000 of them at most, and failures for a day.
   */
  readonly jobOptions?: RemoteJobOptions | ((data: D, index: number) => RemoteJobOptions) | undefined
  /**
   * BullMQ's telemetry, such as `new BullMQOtel('name')`: each job's span at its worker follows the span of its task
   * here.
   */
  readonly telemetry?: Telemetry | undefined
}

/**
 * BullMQ's options of a worker, without the options that the source itself sets.
 *
 * @example
 * ```ts
 * const workerOptions: RemoteWorkerOptions = {lockDuration: 5000}
 * ```
 */
export type RemoteWorkerOptions = Omit<WorkerOptions, 'connection' | 'concurrency' | 'prefix' | 'autorun'>

/**
 * Options of a worker. The runner's limit says how many jobs run at once.
 *
 * @example
 * ```ts
 * const options: WorkerTasksOptions = {connection, workerOptions: {lockDuration: 5000}}
 * ```
 */
export interface WorkerTasksOptions extends QueueLocation {
  /**
   * Ends the source gracefully when it aborts: it takes no more jobs, and the run ends when the taken jobs are done.
   */
  readonly signal?: AbortSignal | undefined
  /** BullMQ's worker options: lock and stall times, limiter, metrics, telemetry and so on. */
  readonly workerOptions?: RemoteWorkerOptions | undefined
}

/**
 * The function that runs a job, on the worker's side, in the async context that BullMQ has for the job.
 *
 * @param job BullMQ's `Job`: `job.data`, `job.attemptsMade`, `job.updateProgress()` and so on; `job.token` is the token
 * that BullMQ's processors get as their second argument.
 * @param signal Aborts when the run ends other than gracefully, when the task exceeds the runner's `timeout`, when the
 * job's lock is lost, so that another worker may be running it, and by `worker.cancelJob()`. The signal is made only
 * for a handler that can see it: not for an arrow function with one simple parameter.
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
  /** BullMQ's worker, for its events and metrics. Made when it is first read, or at the first `next()`. */
  readonly worker: Worker<D, R>
}
