/** Shares one `abort` listener on a signal among all runs and pushes that wait for it. */
import {nextTurn, reportUncaught} from './runtime.js'

/** The number of callbacks in one turn of the event loop, so that a hundred thousand do not block it. */
const mostInATurn = 4096

interface Shared {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const sharedListeners = new WeakMap<AbortSignal, Shared>()

/**
 * Calls back when a signal aborts that has not aborted yet.
 *
 * @returns A function that removes the callback. When no callback is left, no listener is left on the signal.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const shared = sharedListeners.get(signal) ?? share(signal)
  shared.callbacks.add(callback)
  return () => {
    shared.callbacks.delete(callback)
    if (shared.callbacks.size === 0) unshare(signal, shared)
  }
}

function share(signal: AbortSignal): Shared {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    unshare(signal, shared)
    callSome(callbacks)
  }
  const shared = {callbacks, listener}
  signal.addEventListener('abort', listener)
  sharedListeners.set(signal, shared)
  return shared
}

/** Calls the first ones now and the others in later turns of the event loop, unless they are removed meanwhile. */
function callSome(callbacks: Set<() => void>): void {
  let left = mostInATurn
  for (const callback of callbacks) {
    if (left-- === 0) {
      nextTurn(() => callSome(callbacks))
      return
    }
    callbacks.delete(callback)
    callback()
  }
}

function unshare(signal: AbortSignal, shared: Shared): void {
  if (sharedListeners.get(signal) !== shared) return // shared anew since
  sharedListeners.delete(signal)
  try {
    signal.removeEventListener('abort', shared.listener)
  } catch (error) {
    reportUncaught(error) // no AbortSignal of the platform; the run that waited for it goes on
  }
}
