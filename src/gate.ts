/** Asks a hook before each pull, and remembers an answer that has not been used. */
import {isThenable, whenSettled} from './tasks.js'

/** Whom a gate tells how a question was answered that took its time. */
export interface GateOwner {
  opened(): void
  gateFailed(cause: unknown): void
}

export class Gate {
  readonly #ask: () => PromiseLike<void> | void
  readonly #owner: GateOwner
  #isAsking = false
  /** It has let a pull through that has not been made. */
  #hasPass = false

  constructor(ask: () => PromiseLike<void> | void, owner: GateOwner) {
    this.#ask = ask
    this.#owner = owner
  }

  /** Whether a pull may be made now. If not, the owner is told when, unless asking failed. */
  letsThrough(): boolean {
    if (this.#isAsking) return false
    if (this.#hasPass) {
      this.#hasPass = false
      return true
    }
    try {
      const answer = this.#ask()
      if (!isThenable(answer)) return true
      this.#isAsking = true
      whenSettled(answer, this.#opened, this.#failed)
    } catch (cause) {
      this.#owner.gateFailed(cause)
    }
    return false
  }

  /** The pull that was let through is not made now: the next one need not ask. */
  giveBack(): void {
    this.#hasPass = true
  }

  readonly #opened = (): void => {
    this.#isAsking = false
    this.#hasPass = true
    this.#owner.opened()
  }

  readonly #failed = (cause: unknown): void => {
    this.#isAsking = false
    this.#owner.gateFailed(cause)
  }
}
