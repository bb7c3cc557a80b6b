/** Rejections that nobody handles, wherever the tests run. */
import {turn} from './turn.js'

type Note = (reason: unknown, promise: Promise<unknown>) => void

/** Calls `body`, lets the event loop turn, and gives the reasons of all rejections that nobody handled by then. */
export async function unhandledDuring(body: () => PromiseLike<void> | void): Promise<unknown[]> {
  const reasons: unknown[] = []
  const stop = onUnhandled((reason, promise) => {
    reasons.push(reason)
    promise.catch(() => {}) // the test reports it; AVA need not
  })
  try {
    await body()
    await turn(5)
  } finally {
    stop()
  }
  return reasons
}

/** Hears of them by Node's event, or in a page by that of browsers; until the function is called that it gives. */
function onUnhandled(note: Note): () => void {
  const {process}: {process?: NodeJS.Process} = globalThis
  if (process) {
    process.on('unhandledRejection', note)
    return () => process.off('unhandledRejection', note)
  }
  const listener = (event: PromiseRejectionEvent): void => {
    event.preventDefault()
    note(event.reason, event.promise)
  }
  addEventListener('unhandledrejection', listener)
  return () => removeEventListener('unhandledrejection', listener)
}
