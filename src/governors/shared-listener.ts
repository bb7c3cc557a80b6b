/** Listens to an `AbortSignal` for any number of waiters with one listener, so that Node does not warn of a leak. */

interface Shared {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const shared = new WeakMap<AbortSignal, Shared>()

/**
 * Calls back when a signal aborts. The signal must not have aborted yet.
 *
 * @returns A function that removes the callback. With the last callback the listener is removed from the signal, too.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const entry = shared.get(signal) ?? listen(signal)
  entry.callbacks.add(callback)
  return () => {
    entry.callbacks.delete(callback)
    if (entry.callbacks.size === 0) stop(signal, entry)
  }
}

function listen(signal: AbortSignal): Shared {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    stop(signal, entry)
    for (const callback of callbacks) callback()
  }
  const entry = {callbacks, listener}
  signal.addEventListener('abort', listener)
  shared.set(signal, entry)
  return entry
}

function stop(signal: AbortSignal, entry: Shared): void {
  shared.delete(signal)
  signal.removeEventListener('abort', entry.listener)
}
