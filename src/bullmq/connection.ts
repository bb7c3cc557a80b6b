/** Connects to Redis, and classifies its errors. */
import {EngineError} from 'aio-tasks/remote'
import type {ConnectionOptions, IQueueBackend} from 'bullmq'

/**
 * A connection counts as dead when Redis owes an answer and has sent nothing for this time, in milliseconds. It is
 * longer than the 10 seconds for which BullMQ's blocking commands wait.
 */
const socketTimeout = 12_000

/**
 * The options of a connection. Commands wait until Redis is back, however long that takes: a result that could not be
 * handed in would mean running the job again. A timeout finds connections that have died silently. A client that the
 * user gives keeps its own options.
 */
export function withoutRetryLimit(connection: ConnectionOptions | string): ConnectionOptions {
  if (typeof connection === 'string') return {url: connection, socketTimeout, maxRetriesPerRequest: null}
  const isClient = typeof (connection as {duplicate?: unknown}).duplicate === 'function'
  return isClient ? connection : {socketTimeout, ...connection, maxRetriesPerRequest: null}
}

/** Closes by force a connection that does not close by itself, so that it no longer keeps the process alive. */
export function forceClose(backend: IQueueBackend): void {
  // Each step may wait for a server that is gone, so none is awaited here.
  for (const ending of [backend.close(true), backend.disconnectBlocking(false), backend.disconnect()])
    void ending.catch(() => {})
}

const codes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const names = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'ConnectionClosedError'])
const messages = /^(Connection is closed|Stream isn't writeable|Command timed out|Socket timeout)\b/
/**
 * Whether Redis can be reached but refuses commands: a temporary state. Redis 6 has the code in the middle of a
 * message.
 */
const refusals =
  /\b(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|max number of clients reached)\b/

/**
 * Whether an error is temporary: Redis cannot be reached or accepts nothing now, and the command itself was not wrong.
 */
export function isTransient(error: unknown): boolean {
  const {code, name, message} = error as NodeJS.ErrnoException
  return codes.has(code ?? '') || names.has(name) || messages.test(message) || refusals.test(message)
}

/** The error that ends the run, where no retry would help: Redis refuses the user or the password. */
export function toFatal(cause: Error): EngineError | undefined {
  if (!/^(WRONGPASS|NOAUTH)\b/.test(cause.message)) return undefined
  return new EngineError(`Redis refuses the connection: ${cause.message}`, {cause})
}
