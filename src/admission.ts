/** Asks the governor for a permit, for one attempt at a time, and reports the outcome of each attempt to it. */
import {isThenable} from './checks.js'
import type {Context} from './context.js'
import type {WaitingRetry} from './retry.js'
import {permitError, releasePermit, unused, whenSettled} from './task.js'
import type {Governor, Permit, PermitRequest} from './types.js'

/** Is told the governor's answer. */
export interface AdmissionHost {
  permitted(candidate: Candidate, permit: Permit): void
  /** The governor has thrown, its promise has rejected, or it has given no permit. */
  refused(candidate: Candidate, cause: unknown): void
}

/** The governor's request. Its signal is made when it is first read: most governors answer at once. */
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

  /** Nobody waits for the permit any more. */
  giveUp(reason: unknown): void {
    this.#givenUp = {reason}
    this.#controller?.abort(reason)
  }
}

/** An attempt for which the governor is being asked. */
export class Candidate {
  readonly item: unknown
  /** The retry wait that is over, if the attempt is a retry. */
  readonly retry: WaitingRetry | undefined
  readonly request: AdmissionRequest
  /** Whether the task was pulled; `false` while it stays in its queue. */
  isInHand = true

  constructor(item: unknown, context: Context, retry: WaitingRetry | undefined) {
    this.item = item
    this.retry = retry
    this.request = new AdmissionRequest(context)
  }
}

export class Admission {
  readonly #governor: Governor
  readonly #host: AdmissionHost
  #candidate: Candidate | undefined

  constructor(governor: Governor, host: AdmissionHost) {
    this.#governor = governor
    this.#host = host
  }

  /** The attempt for which the governor is being asked. No other attempt starts meanwhile. */
  get candidate(): Candidate | undefined {
    return this.#candidate
  }

  /** Asks the governor for a permit. Returns whether the answer is still to come. */
  ask(candidate: Candidate): boolean {
    this.#candidate = candidate // set also while the governor is called: the governor may end the run
    try {
      const {request} = candidate
      // First asks for a permit without a signal, which would cost more than the task's start.
      const answer = this.#governor.tryAcquire?.(request) ?? this.#governor.acquire(request)
      if (isThenable(answer)) {
        whenSettled(
          answer,
          (permit) => this.#permitted(candidate, permit),
          (cause) => this.#refused(candidate, cause),
        )
        return true
      }
      this.#permitted(candidate, answer)
    } catch (cause) {
      this.#refused(candidate, cause)
    }
    return false
  }

  /** Ends the wait. */
  drop(reason: unknown): void {
    const candidate = this.#candidate
    this.#candidate = undefined
    candidate?.request.giveUp(reason)
  }

  #permitted(candidate: Candidate, permit: Permit): void {
    const error = permitError(permit)
    if (error !== undefined) return this.#refused(candidate, error)
    if (this.#candidate !== candidate) return releasePermit(permit, unused) // the wait was given up
    this.#candidate = undefined
    this.#host.permitted(candidate, permit)
  }

  #refused(candidate: Candidate, cause: unknown): void {
    if (this.#candidate !== candidate) return // the wait was given up
    this.#candidate = undefined
    this.#host.refused(candidate, cause)
  }
}

/** The permits of the governor and of the task's group, as one permit. */
export function bothPermits(first: Permit, second: Permit): Permit {
  return {
    release(outcome) {
      try {
        first.release(outcome)
      } finally {
        second.release(outcome)
      }
    },
  }
}
