/** For examples that ask servers: which answers are failures, which failures may pass, and how long to wait. */
import type {RateLimit} from 'aio-tasks/governors'

const passing = new Set([429, 500, 502, 503, 504])

class StatusError extends Error {
  readonly status: number

  constructor({status, statusText}: Response) {
    super(`${status} ${statusText}`)
    this.status = status
  }
}

/** Returns a successful response, and throws for any other. A Retry-After of such a response puts the rate on hold. */
export async function succeeded(response: Response, rate?: RateLimit): Promise<Response & {body: ReadableStream}> {
  if (response.ok && response.body !== null) return response as Response & {body: ReadableStream}
  await response.body?.cancel()
  const after = response.headers.get('retry-after')
  if (Number(after) > 0) rate?.holdFor(1000 * Number(after))
  else if (after !== null && !Number.isNaN(Date.parse(after))) rate?.holdUntil(new Date(after))
  throw new StatusError(response)
}

/** Whether another attempt may succeed: the network or the server has failed, and the request itself is not wrong. */
export function passes({error}: {readonly error: unknown}): boolean {
  return !(error instanceof StatusError) || passing.has(error.status)
}
