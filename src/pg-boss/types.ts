/** The vocabulary of pg-boss's entry. Types only: nothing here runs. */
import type {RemoteOptions, TakenJob, WorkerOptions} from 'aio-tasks/remote'
import type {Job, JobInsert, PgBoss, QueueOptions} from 'pg-boss'

/**
 * Where both sides find each other.
 *
 * @example
 * ```ts
 * const location: QueueLocation = {boss: await new PgBoss('postgres://localhost/jobs').start()}
 * ```
 */
export interface QueueLocation {
  /**
   * An instance of pg-boss that has been started. It is the user's: it is not stopped here, and its `error` event needs
   * a listener, or a lost connection ends the process. Give its constructor pg's `query_timeout`, say 10,000
   * milliseconds: without it a connection that has died without a word is waited for for ever. One of the instances must supervise (pg-boss's default), or jobs
   * of workers that have died are not found.
   */
  readonly boss: PgBoss
  /** The schema of pg-boss's tables, as its constructor was told. Default: `pgboss`. */
  readonly schema?: string | undefined
  /**
   * pg-boss's own, for a queue that is not there yet: retries, expiry, heartbeat, how long results are kept. A queue
   * that exists keeps what it has. Default: `{heartbeatSeconds: 30, deleteAfterSeconds: 86_400}`.
   */
  readonly queueOptions?: QueueOptions | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, between looks for new jobs and for outcomes. Where PostgreSQL notifies, a look
   * comes at once besides. Default: 1000.
   */
  readonly pollInterval?: number | undefined
  /**
   * Whether to be notified by PostgreSQL, over a connection of its own: `false` where that cannot work, as behind
   * PgBouncer in transaction mode. Default: `true`.
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
 * How jobs are handed to workers. pg-boss has UUIDs for ids: what `jobId` gives, or the name of a run and the place of a
 * job, becomes one by SHA-256, unless it is one.
 *
 * @example
 * ```ts
 * const boss = await new PgBoss('postgres://localhost/jobs').start()
 * const options: RemoteTasksOptions<string> = {queue: 'pages', boss, jobOptions: {retryLimit: 3}}
 * ```
 */
export interface RemoteTasksOptions<D> extends QueueLocation, RemoteOptions<D> {
  /** The name of the queue that the jobs go to. */
  readonly queue: string
  /** pg-boss's own, for all jobs or for each: priority, retries, start time and so on. */
  readonly jobOptions?: RemoteJobOptions | ((data: D, index: number) => RemoteJobOptions) | undefined
}

/**
 * How jobs are taken. How many at once is the runner's limit.
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
  /** pg-boss's own: `job.retryCount`, `job.expireInSeconds` and so on. */
  readonly job: Job<D>
}
