/** Tells when work that never waits has kept timers and I/O waiting for too long. */
import {nextTurn} from './runtime.js'

/** Milliseconds without a turn of the event loop after which it is time to rest. */
const budget = 4
/** Between two looks at the clock lie at most so many units of work, and one where a unit takes long. */
const longestStride = 16

export class Pace {
  #stride = 1
  #left = 1
  #lookedAt = 0
  /** Since when the event loop has been asked to say that it turned. */
  #waitingSince: number | undefined
  #onTurned: (() => void) | undefined

  /** Counts one unit of work, and says whether to rest before the next. */
  isDue(): boolean {
    return --this.#left <= 0 && this.#look()
  }

  #look(): boolean {
    const now = performance.now()
    this.#stride = now - this.#lookedAt < 1 ? Math.min(this.#stride * 2, longestStride) : 1
    this.#left = this.#stride
    this.#lookedAt = now
    if (this.#waitingSince !== undefined) return now - this.#waitingSince >= budget
    this.#waitingSince = now
    nextTurn(this.#turned)
    return false
  }

  /** Calls back when the event loop has turned. Only after `isDue` said so. */
  rest(onTurned: () => void): void {
    this.#onTurned = onTurned
  }

  readonly #turned = (): void => {
    this.#waitingSince = undefined
    const onTurned = this.#onTurned
    this.#onTurned = undefined
    onTurned?.()
  }
}
