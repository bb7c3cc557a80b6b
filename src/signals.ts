/** Hears an `AbortSignal` for many at once: one listener on it, however many runs share it. */

interface Hearing {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const hearings = new WeakMap<AbortSignal, Hearing>()

/**
 * Calls back when a signal aborts that has not yet.
 *
 * @returns What takes the callback back. Once nobody listens, no listener is left on the signal.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const hearing = hearings.get(signal) ?? hear(signal)
  hearing.callbacks.add(callback)
  return () => {
    hearing.callbacks.delete(callback)
    if (hearing.callbacks.size === 0) stop(signal, hearing)
  }
}

function hear(signal: AbortSignal): Hearing {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    stop(signal, hearing)
    for (const callback of callbacks) callback()
  }
  const hearing = {callbacks, listener}
  signal.addEventListener('abort', listener)
  hearings.set(signal, hearing)
  return hearing
}

function stop(signal: AbortSignal, hearing: Hearing): void {
  if (hearings.get(signal) !== hearing) return // others hear it anew since
  hearings.delete(signal)
  signal.removeEventListener('abort', hearing.listener)
}
