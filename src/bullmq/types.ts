/** The vocabulary of the sub-path. Types only: nothing here runs. */
import type {ConnectionOptions, Job, JobsOptions, Worker, WorkerOptions} from 'bullmq'
import type {TaskFunction} from '../types.js'

/** Where both sides find each other. */
export interface PlaceOptions {
  /** How to reach Redis, as BullMQ takes it: `{host, port, …}`, or a client of ioredis. A client stays open. */
  readonly connection: ConnectionOptions
  /** What the queue's keys in Redis begin with; the same on both sides. Default: `bull`. */
  readonly prefix?: string | undefined
  /**
   * Hears what no task can tell, such as a connection that is lost: BullMQ reconnects by itself. Default: BullMQ
   * writes it to `console.error`.
   */
  readonly onError?: ((error: Error) => void) | undefined
}

/** BullMQ's options of a job, without those that give it another identity than its own. */
export type RemoteJobOptions = Omit<JobsOptions, 'jobId' | 'deduplication' | 'repeat' | 'parent'>

/** How jobs are handed to workers. */
export interface RemoteTasksOptions<D> extends PlaceOptions {
  /** The queue's name. No `:` in it. */
  readonly queue: string
  /** The jobs' name, which workers see as `job.name`. Default: `task`. */
  readonly name?: string | undefined
  /**
   * BullMQ's own: attempts, backoff, priority, delay and so on, for all jobs or for each. Default: results are kept
   * for an hour, 10,000 of them at most, and failures for a day. They must be kept for longer than two checks take.
   */
  readonly jobOptions?: RemoteJobOptions | ((data: D, index: number) => RemoteJobOptions) | undefined
  /**
   * The job's id: a string, no integer, without `:`. Jobs with one id are one job, which runs once, also when its
   * producer is started again, for as long as its result is kept. Default: a random UUID.
   */
  readonly jobId?: ((data: D, index: number) => string) | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, between looks at the jobs that no event has told of for so long. One that
   * has vanished, as when Redis has lost its latest writes, is found so by two looks and added again. Default: 5000.
   */
  readonly checkInterval?: number | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, or `Infinity`, from handing in a job until its result must be here. Past
   * them its task fails with a `TimeoutError`; the job is withdrawn, unless a worker runs it. Default: no timeout.
   */
  readonly timeout?: number | undefined
}

/** BullMQ's options of a worker, without those that the source itself gives. */
export type RemoteWorkerOptions = Omit<WorkerOptions, 'connection' | 'concurrency' | 'prefix' | 'autorun'>

/** How jobs are taken. */
export interface WorkerTasksOptions extends PlaceOptions {
  /**
   * How many jobs this worker takes at once, an integer ≥ 1: the same as the runner's limit. With more, jobs that
   * others could run wait here. Default: the runner's own, `min(32, cores + 4)`.
   */
  readonly concurrency?: number | undefined
  /** Ends the source gracefully when it aborts: no more jobs, and the run is over when those taken are done. */
  readonly signal?: AbortSignal | undefined
  /** BullMQ's own: lock and stall times, limiter, metrics, telemetry and so on. */
  readonly workerOptions?: RemoteWorkerOptions | undefined
}

/**
 * What is done for a job, on the worker's side.
 *
 * @param job BullMQ's own: `job.data`, `job.attemptsMade`, `job.updateProgress()` and so on.
 * @param signal Aborts when the run ends in any but a graceful way, when the task overruns the runner's `timeout`,
 * when the job's lock is lost, so that another worker may be running it, and by `worker.cancelJob()`. It is made for a
 * handler that names it: one with exactly one parameter gets none.
 * @returns The job's result, which must be JSON; `undefined` becomes `null`.
 */
export type JobHandler<D, R> = (job: Job<D, R>, signal: AbortSignal) => R | PromiseLike<R>

/** A source of tasks, each of which runs one job. */
export interface WorkerTasks<D, R> extends AsyncIterableIterator<TaskFunction<R>, undefined> {
  /** BullMQ's worker, for its events and figures. Made when first read, or at the first `next()`. */
  readonly worker: Worker<D, R>
}
