/** Which errors tell that Redis cannot be reached now, and not that something is wrong with what it was sent. */

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
const messages =
  /^(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|Connection is closed|Stream isn't writeable|Command timed out)\b/

export function isTransient(error: unknown): boolean {
  const {code, name, message} = error as NodeJS.ErrnoException
  return codes.has(code ?? '') || names.has(name) || messages.test(message)
}
