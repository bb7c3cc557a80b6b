/** BullMQ, which is an optional peer: loaded here, and missed here with a word on what to install. */
import type * as BullMQ from 'bullmq'

/**
 * Required, and not imported: an import that fails does so before any code of this package runs, and one that
 * could be caught would need a top-level `await`, with which `require('aio-tasks/bullmq')` no longer works.
 */
export const bullmq: typeof BullMQ = load()

function load(): typeof BullMQ {
  const {createRequire} = process.getBuiltinModule('node:module')
  const require = createRequire(import.meta.url)
  try {
    return require('bullmq') as typeof BullMQ
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    const message =
      'aio-tasks/bullmq needs the package bullmq, version 6, which is not installed: npm install bullmq ioredis'
    throw new Error(message, {cause})
  }
}

/** Whether it is BullMQ itself that is not there, and not something that it needs. */
function isMissing(error: unknown): boolean {
  const {code, message} = error as NodeJS.ErrnoException
  return code === 'MODULE_NOT_FOUND' && message.startsWith("Cannot find module 'bullmq'")
}
