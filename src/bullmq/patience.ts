/** How long to wait for a Redis that does not answer, when there is nothing else left to wait for. */

/** Milliseconds. A restart of Redis takes less; BullMQ itself would wait for ever. */
const patience = 5000

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
