/** The errors that report a job's failure to its producer, to its worker, and to the runs of both. */

/**
 * The details of a failed job.
 *
 * @example
 * ```ts
 * const summary = ({jobId, failedReason}: RemoteJobErrorDetails): string => `${jobId}: ${failedReason}`
 * ```
 */
export interface RemoteJobErrorDetails {
  /** The job's id: what `jobId` gave, or a random UUID. */
  readonly jobId: string
  /** The data with which the job was handed in. */
  readonly data: unknown
  /** The message of the error that the handler threw last, or the reason why the engine has given the job up. */
  readonly failedReason: string
  /** The stack of the last attempt, as its worker saw it; `undefined` if there is none. */
  readonly remoteStack: string | undefined
  /** How many attempts have been made; `undefined` if the engine no longer keeps the job. */
  readonly attemptsMade: number | undefined
}

/**
 * A job failed on its worker, and is not tried again. This error is the `cause` of the task's
 * `ConcurrentExecutionError`.
 *
 * @example
 * ```ts
 * for await (const result of concurrent(remoteTasks(paths, engine), {yieldExceptions: true}))
 *   if (result instanceof ConcurrentError && result.cause instanceof RemoteJobError)
 *     console.log(result.cause.jobId, result.cause.attemptsMade, result.cause.remoteStack)
 * ```
 */
export class RemoteJobError extends Error {
  /** The name of the class, as for built-in errors. */
  override name = 'RemoteJobError'
  /** The job's id: what `jobId` gave, or a random UUID. */
  readonly jobId: string
  /** The data with which the job was handed in. */
  readonly data: unknown
  /** The message of the error that the handler threw last, or the reason why the engine has given the job up. */
  readonly failedReason: string
  /**
   * The stack of the last attempt, as its worker saw it; `undefined` if there is none or the engine no longer keeps it.
   */
  readonly remoteStack: string | undefined
  /** How many attempts have been made; `undefined` if the engine no longer keeps the job. */
  readonly attemptsMade: number | undefined

  /** For engines: the library itself makes the errors with which tasks fail. */
  constructor({jobId, data, failedReason, remoteStack, attemptsMade}: RemoteJobErrorDetails) {
    super(`Job ${jobId} failed: ${failedReason}`)
    this.jobId = jobId
    this.data = data
    this.failedReason = failedReason
    this.remoteStack = remoteStack
    this.attemptsMade = attemptsMade
  }
}

/**
 * A job does not belong to its worker any more: its lock, lease or heartbeat has expired, and another worker may be
 * running it. Engines reject with this error; the handler's signal aborts with it, and the worker's task fails with it.
 *
 * @example
 * ```ts
 * const worker = new ConcurrentRunner(workerTasks(engine, ({data}) => data), {yieldExceptions: true})
 * worker.on('error', ({cause}) => {
 *   if (cause instanceof LostJobError) console.warn(`Job ${cause.jobId} runs elsewhere`)
 * })
 * ```
 */
export class LostJobError extends Error {
  /** The name of the class, as for built-in errors. */
  override name = 'LostJobError'
  /** The id of the job that was lost. */
  readonly jobId: string

  /** @param jobId The job's id. */
  constructor(jobId: string) {
    super(`The lock of job ${jobId} was lost: another worker may be running it`)
    this.jobId = jobId
  }
}

/**
 * The engine cannot work, and no retry would help: for example, the password is wrong. Engines reject with this error,
 * and it fails the whole run and not one task.
 *
 * @example
 * ```ts
 * const fail = (cause: Error) => {
 *   throw cause.message.startsWith('WRONGPASS') ? new EngineError('the password is refused', {cause}) : cause
 * }
 * ```
 */
export class EngineError extends Error {
  /** The name of the class, as for built-in errors. */
  override name = 'EngineError'
}
