/** What a task is told when it is called; its signal costs nothing until it is read. */
import type {TaskContext} from './types.js'

export class Context implements TaskContext {
  readonly index: number
  readonly item: unknown
  #controller: AbortController | undefined
  #aborted: {readonly reason: unknown} | undefined

  constructor(index: number) {
    this.index = index
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  /** Why its signal has aborted, if it has; the signal itself need not be made for that. */
  get aborted(): {readonly reason: unknown} | undefined {
    return this.#aborted
  }

  abort(reason: unknown): void {
    this.#aborted ??= {reason}
    this.#controller?.abort(reason)
  }
}
