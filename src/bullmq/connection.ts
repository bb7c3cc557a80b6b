/** How Redis is reached, waited for when it is gone, and given up. */
import type {ConnectionOptions, IQueueBackend} from 'bullmq'

/** Milliseconds. A restart of Redis takes less; BullMQ itself would wait for ever. */
const patience = 5000

const endless = {maxRetriesPerRequest: null}

/**
 * With commands that wait until Redis is back, however long that takes: a result that could not be handed in would
 * be worked for once more. A client that was given keeps its own options.
 */
export function lasting(connection: ConnectionOptions): ConnectionOptions {
  const isClient = typeof (connection as {duplicate?: unknown}).duplicate === 'function'
  return isClient ? connection : {...connection, ...endless}
}

/** Waits for `work`, but not for ever. Resolves with whether it was waited for; rejects as `work` does meanwhile. */
export async function patiently(work: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), patience)
  })
  try {
    return await Promise.race([work.then(() => true), expired])
  } finally {
    clearTimeout(timer)
  }
}

/** Closes by force what does not close by itself: nothing of it holds the process any more. */
export function cut(backend: IQueueBackend): void {
  // Each waits for another part of what may be missing, and none is waited for here.
  for (const ending of [backend.close(true), backend.disconnectBlocking(false), backend.disconnect()])
    void ending.catch(() => {})
}
