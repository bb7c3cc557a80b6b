/** An attempt for which the governor is being asked, and what the governor is told of it. */
import type {Context} from './context.js'
import type {WaitingRetry} from './retry.js'
import type {PermitRequest} from './types.js'

/** Its signal is made when it is first read: most governors answer at once. */
class AdmissionRequest implements PermitRequest {
  readonly context: Context
  #controller: AbortController | undefined
  #givenUp: {readonly reason: unknown} | undefined

  constructor(context: Context) {
    this.context = context
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#givenUp !== undefined) this.#controller.abort(this.#givenUp.reason)
    }
    return this.#controller.signal
  }

  /** The permit is waited for no longer. */
  giveUp(reason: unknown): void {
    this.#givenUp = {reason}
    this.#controller?.abort(reason)
  }
}

export class Candidate {
  readonly item: unknown
  /** The wait that is over, if the task is tried again. */
  readonly retry: WaitingRetry | undefined
  readonly request: AdmissionRequest
  /** The task was pulled; `false` while it stays in its queue. */
  isInHand = true

  constructor(item: unknown, context: Context, retry: WaitingRetry | undefined) {
    this.item = item
    this.retry = retry
    this.request = new AdmissionRequest(context)
  }
}
