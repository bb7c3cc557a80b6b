/** How a job's failure crosses the wire: as an error that BullMQ can keep, and as one that tells of it here. */
import {describe} from '../errors.js'
import {isThenable} from '../tasks.js'

/** What is known of a job that failed: the fields of {@link RemoteJobError}, where they are explained. */
export interface RemoteJobErrorDetails {
  readonly jobId: string
  readonly data: unknown
  readonly failedReason: string
  readonly remoteStack: string | undefined
  readonly attemptsMade: number | undefined
}

/**
 * A job failed on its worker, and is not tried again. It is the `cause` of the task's `ConcurrentExecutionError`.
 *
 * @example
 * ```ts
 * for await (const result of concurrent(remoteTasks(paths, {queue: 'images', connection}), {yieldExceptions: true}))
 *   if (result instanceof ConcurrentError && result.cause instanceof RemoteJobError)
 *     console.log(result.cause.jobId, result.cause.attemptsMade, result.cause.remoteStack)
 * ```
 */
export class RemoteJobError extends Error {
  override name = 'RemoteJobError'
  /** The job's id in the queue: what `jobId` gave, or a random UUID. */
  readonly jobId: string
  /** What the job was handed in with. */
  readonly data: unknown
  /** The message of what the handler threw last, or why BullMQ has given the job up. */
  readonly failedReason: string
  /** The stack of the last attempt, as its worker saw it; `undefined` if there is none or it is not kept any more. */
  readonly remoteStack: string | undefined
  /** How many attempts have been made; `undefined` if the job is not kept any more. */
  readonly attemptsMade: number | undefined

  constructor({jobId, data, failedReason, remoteStack, attemptsMade}: RemoteJobErrorDetails) {
    super(`Job ${jobId} failed: ${failedReason}`)
    this.jobId = jobId
    this.data = data
    this.failedReason = failedReason
    this.remoteStack = remoteStack
    this.attemptsMade = attemptsMade
  }
}

/** What was thrown as an error that BullMQ can keep: for others a job would stay active for ever. */
export function toError(thrown: unknown): Error {
  if (isKeepable(thrown)) return thrown
  return new Error(`The handler threw ${describe(thrown)}, which is no error`, {cause: thrown})
}

/** Throws a `TypeError` for a result that would count here and fail there, or arrive as nothing. */
export function checkResult(result: unknown): void {
  if (result === undefined || result === null || typeof result === 'string' || typeof result === 'boolean') return
  let json: string | undefined
  try {
    json = JSON.stringify(result)
  } catch (cause) {
    throw new TypeError(`The result must be JSON; got ${describe(result)}: ${(cause as Error).message}`, {cause})
  }
  if (json === undefined) throw new TypeError(`The result must be JSON; got ${describe(result)}`)
}

/** Throws a `TypeError` for data of which nothing would arrive. What else is no JSON is found when it is sent. */
export function checkData(data: unknown): void {
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol' || isThenable(data))
    throw new TypeError(`The data of a job must be JSON; got ${describe(data)}`)
}

// By shape and not by class: errors come from other realms too.
function isKeepable(thrown: unknown): thrown is Error {
  try {
    const {message, stack} = thrown as Error
    return typeof thrown === 'object' && typeof message === 'string' && ['string', 'undefined'].includes(typeof stack)
  } catch {
    return false
  }
}
