/** How Redis is reached, and what its errors mean. */
import {EngineError} from 'aio-tasks/remote'
import type {ConnectionOptions, IQueueBackend} from 'bullmq'

/**
 * Milliseconds without a word from Redis, while it owes an answer, after which a connection counts as dead: longer
 * than the 10 seconds for which BullMQ's blocking commands wait.
 */
const socketTimeout = 12_000

/**
 * With commands that wait until Redis is back, however long that takes: a result that could not be handed in would
 * be worked for once more. With a timeout for connections that have died without a word. A client that was given keeps
 * its own options.
 */
export function withoutRetryLimit(connection: ConnectionOptions | string): ConnectionOptions {
  if (typeof connection === 'string') return {url: connection, socketTimeout, maxRetriesPerRequest: null}
  const isClient = typeof (connection as {duplicate?: unknown}).duplicate === 'function'
  return isClient ? connection : {socketTimeout, ...connection, maxRetriesPerRequest: null}
}

/** Closes by force what does not close by itself: nothing of it holds the process any more. */
export function forceClose(backend: IQueueBackend): void {
  // Each waits for another part of what may be missing, and none is waited for here.
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
/** Redis is there, and refuses what it is asked: that passes. Redis 6 has the word in the middle of a message. */
const refusals =
  /\b(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|max number of clients reached)\b/

/** Whether an error tells that Redis cannot be reached now, or takes nothing now, and not that what it got is wrong. */
export function isTransient(error: unknown): boolean {
  const {code, name, message} = error as NodeJS.ErrnoException
  return codes.has(code ?? '') || names.has(name) || messages.test(message) || refusals.test(message)
}

/** The error that ends the run, for one that no waiting mends: Redis refuses the user or the password. */
export function toFatal(cause: Error): EngineError | undefined {
  if (!/^(WRONGPASS|NOAUTH)\b/.test(cause.message)) return undefined
  return new EngineError(`Redis refuses the connection: ${cause.message}`, {cause})
}
