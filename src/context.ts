/** What a task gets when it is called. */
import {onAbort} from './platform/shared-listener.js'
import type {TaskContext} from './types.js'

/** Its signal is made when it is first read: an `AbortController` costs more than a whole run of a task. */
export class Context implements TaskContext {
  readonly index: number
  readonly item: unknown
  readonly attempt: number
  #controller: AbortController | undefined
  #aborted: {readonly reason: unknown} | undefined

  constructor(index: number, item: unknown, attempt: number) {
    this.index = index
    this.item = item
    this.attempt = attempt
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  /** Why the signal has aborted, if it has; the signal need not be made for that. */
  get aborted(): {readonly reason: unknown} | undefined {
    return this.#aborted
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = {reason}
    this.#controller?.abort(reason)
  }
}

/**
 * The context of a pushed task that is called with a context of somebody else's: has the push's own item, and its signal
 * aborts with that of the push too. Not by `AbortSignal.any`, which leaves traces on a signal that lives longer.
 */
export class LinkedContext extends Context {
  readonly #context: TaskContext
  #ignore: (() => void) | undefined
  #isLinked = false

  constructor(context: TaskContext, item: unknown) {
    super(context.index, item, context.attempt)
    this.#context = context
  }

  override get signal(): AbortSignal {
    if (!this.#isLinked) {
      this.#isLinked = true
      const {signal} = this.#context
      if (signal.aborted) this.abort(signal.reason)
      else this.#ignore = onAbort(signal, () => this.abort(signal.reason))
    }
    return super.signal
  }

  /** Nobody waits for the signal any more. */
  unlink(): void {
    this.#isLinked = true // also for a signal that is read for the first time later
    this.#ignore?.()
  }
}
