/** The types of pg-boss's entry. Types only: no code runs here. */
import type {RemoteOptions, TakenJob, WorkerOptions} from 'aio-tasks/remote'
import type {Job, JobInsert, PgBoss, QueueOptions} from 'pg-boss'

/**
 * How both sides find the same queue.
 *
 * @example
 * ```ts
 * const location: QueueLocation = {boss: await new PgBoss('postgres://localhost/jobs').start()}
 * ```
 */
export interface QueueLocation {
  /**
   * An instance of pg-boss that you have started. You stop it, too: the library does not. Its `error` event needs a
   * listener, or a lost connection ends the process. Give its constructor pg's `query_timeout`, for example 10,000
   * milliseconds: otherwise a call waits for ever for a connection that has died silently. One of the instances must
   * supervise (pg-boss's default), or jobs of dead workers are not found.
   */
  readonly boss: PgBoss
  /** The schema of pg-boss's tables, as its constructor was told. Default: `pgboss`. */
  readonly schema?: string | undefined
  /**
   * pg-boss's queue options, for a queue that does not exist yet: retries, expiry, heartbeat, how long results are
   * kept. A queue that exists keeps its options. Default: `{heartbeatSeconds: 30, deleteAfterSeconds: 86_400}`.
   */
  readonly queueOptions?: QueueOptions | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, between looks for new jobs and for outcomes. A notification of PostgreSQL makes
   * a look happen at once. Default: 1000.
   */
  readonly pollInterval?: number | undefined
  /**
   * Whether to listen to notifications of PostgreSQL, over a separate connection. Use `false` where that cannot work,
   * for example behind PgBouncer in transaction mode. Default: `true`.
   */
  readonly notify?: boolean | undefined
}

/**
 * pg-boss's options of a job, without its identity and its data.
 *
 * @example
 * ```ts
 * const jobOptions: RemoteJobOptions = {retryLimit: 3, priority: 1}
 * ```
 */
export type RemoteJobOptions = Omit<JobInsert, 'id' | 'data' | 'singletonKey' | 'singletonSeconds'>

/**
 * Options of a producer. pg-boss needs UUIDs as ids: an id that is no UUID, from `jobId` or made of a run's name and a
 * job's index, becomes a UUID by SHA-256.
 *
 * @example
 * ```ts
 * const boss = await new PgBoss('postgres://localhost/jobs').start()
 * const options: RemoteTasksOptions<string> = {queue: 'pages', boss, jobOptions: {retryLimit: 3}}
 * ```
 */
export interface RemoteTasksOptions<D> extends QueueLocation, RemoteOptions<D> {
  /** The name of the queue that gets the jobs. */
  readonly queue: string
  /**
   * pg-boss's job options, for all jobs, or a function that returns them for each job: priority, retries, start time
   * and so on.
   */
  readonly jobOptions?: RemoteJobOptions | ((data: D, index: number) => RemoteJobOptions) | undefined
}

/**
 * Options of a worker. The runner's limit says how many jobs run at once.
 *
 * @example
 * ```ts
 * const boss = await new PgBoss('postgres://localhost/jobs').start()
 * const options: WorkerTasksOptions = {boss, pollInterval: 500}
 * ```
 */
export interface WorkerTasksOptions extends QueueLocation, WorkerOptions {}

/**
 * A job of pg-boss, as a handler gets it.
 *
 * @example
 * ```ts
 * const handler = ({data}: PgBossJob<string>, signal: AbortSignal): Promise<string> => load(data, {signal})
 * ```
 */
export interface PgBossJob<D> extends TakenJob<D> {
  /** pg-boss's own job: `job.retryCount`, `job.expireInSeconds` and so on. */
  readonly job: Job<D>
}
