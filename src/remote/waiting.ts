/** Ways to wait: for a bounded time, and between attempts. */

/** How long an engine may take to answer while a source closes, in milliseconds. A restart of a server takes less. */
export const closingTimeout = 5000

/** The milliseconds before each retry, in turn; the last number applies to all further retries. */
const backoff = [100, 200, 400, 800, 1000] as const

/** Milliseconds before the retry with this number, from 0. */
export function retryDelay(attempt: number): number {
  return backoff[Math.min(attempt, backoff.length - 1)] ?? 1000
}

/** Resolves after some milliseconds, or when the signal aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/**
 * Waits for `work`, but no longer than an engine may take while a source closes. Resolves with whether the work is
 * done; rejects if the work rejects in this time.
 */
export async function withClosingTimeout(work: Promise<unknown>): Promise<boolean> {
  const controller = new AbortController()
  try {
    return await Promise.race([work.then(() => true), delay(closingTimeout, controller.signal).then(() => false)])
  } finally {
    controller.abort()
  }
}

/** The async context in which this object was made: it keeps the value that each `AsyncLocalStorage` has there. */
export interface AsyncScope {
  runInAsyncScope<V>(call: () => V): V
}

/** The current async context, or an object that changes nothing where the runtime cannot keep contexts. */
export function asyncScope(): AsyncScope {
  findScope ??= scopeFinder() // once: asking the runtime for a module costs more than making a scope
  return findScope()
}

let findScope: (() => AsyncScope) | undefined

function scopeFinder(): () => AsyncScope {
  const hooks = globalThis.process?.getBuiltinModule?.('node:async_hooks')
  if (hooks === undefined) return () => ({runInAsyncScope: (call) => call()})
  const {AsyncResource} = hooks
  return () => new AsyncResource('aio-tasks')
}

/** A promise whose rejection is never an unhandled rejection. */
export function rejectedSilently(reason: unknown): Promise<never> {
  const rejection = Promise.reject(reason)
  rejection.catch(() => {})
  return rejection
}
