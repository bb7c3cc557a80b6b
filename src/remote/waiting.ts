/** Waiting: for a time and no longer, for the next turn, and between attempts. */

/** Milliseconds that an engine gets to answer while a source closes. A restart of a server takes less. */
export const closingTimeout = 5000

/** The milliseconds before each retry, in turn; the last one is kept. */
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
 * Waits for `work`, but no longer than an engine gets while a source closes. Resolves with whether the work is done;
 * rejects as `work` does meanwhile.
 */
export async function withClosingTimeout(work: Promise<unknown>): Promise<boolean> {
  const controller = new AbortController()
  try {
    return await Promise.race([work.then(() => true), delay(closingTimeout, controller.signal).then(() => false)])
  } finally {
    controller.abort()
  }
}

/** Calls back in a later turn of the event loop. */
export function nextTurn(callback: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(callback)
  else setTimeout(callback)
}

/** Keeps the async context in which it was made, that is what each `AsyncLocalStorage` holds there. */
export interface AsyncScope {
  runInAsyncScope<V>(call: () => V): V
}

/** The async context of this moment, or one that changes nothing where the runtime has none to keep. */
export function asyncScope(): AsyncScope {
  findScope ??= scopeFinder() // once: to ask the runtime for a module costs more than to make a scope
  return findScope()
}

let findScope: (() => AsyncScope) | undefined

function scopeFinder(): () => AsyncScope {
  const hooks = globalThis.process?.getBuiltinModule?.('node:async_hooks')
  if (hooks === undefined) return () => ({runInAsyncScope: (call) => call()})
  const {AsyncResource} = hooks
  return () => new AsyncResource('aio-tasks')
}

/** A promise whose rejection is not an unhandled one when nobody waits for it. */
export function rejectedSilently(reason: unknown): Promise<never> {
  const rejection = Promise.reject(reason)
  rejection.catch(() => {})
  return rejection
}
