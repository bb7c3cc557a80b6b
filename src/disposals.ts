/** Disposes of tasks that will never run, and counts the disposals that have not finished. */
import {discard, isThenable, whenSettled} from './tasks.js'
import type {Task} from './types.js'

/** Whom disposals tell how they went. */
export interface DisposalsOwner {
  disposalFailed(cause: unknown): void
  /** One that took its time has finished. */
  disposed(): void
}

export class Disposals {
  readonly #owner: DisposalsOwner
  #pending = 0

  constructor(owner: DisposalsOwner) {
    this.#owner = owner
  }

  /** How many have not finished, or are expected. */
  get pending(): number {
    return this.#pending
  }

  /** There will be one: until {@link expected}, it counts already. */
  expect(): void {
    this.#pending++
  }

  /** After {@link expect}. */
  expected(): void {
    this.#pending--
  }

  dispose(task: Task<unknown>): void {
    this.#pending++ // also while it is called: it may end the run, which waits for it then
    try {
      const disposal = discard(task)
      if (isThenable(disposal)) {
        this.#pending++
        whenSettled(disposal, this.#finished, this.#failed)
      }
    } catch (cause) {
      this.#owner.disposalFailed(cause)
    }
    this.#pending--
  }

  readonly #finished = (): void => {
    this.#pending--
    this.#owner.disposed()
  }

  readonly #failed = (cause: unknown): void => {
    this.#owner.disposalFailed(cause)
    this.#finished()
  }
}
