/**
 * The consumer of a run: a loop, `run()` or `toArray()`. Each result goes to one consumer, and one that comes too late
 * is told.
 */
import type {ConcurrentError} from './errors.js'
import type {Run} from './run.js'
import type {RunnerStats} from './types.js'

export class Consumer<T> {
  readonly #run: Run<T>
  /** The consumer that has claimed all results that no `next()` waits for. */
  #claimed: 'run()' | 'toArray()' | undefined
  #hasIterated = false
  /** Whether a loop has begun after the results are gone: its first `next()` rejects. */
  #isTooLate = false
  #stats: Promise<RunnerStats> | undefined

  constructor(run: Run<T>) {
    this.#run = run
  }

  next(): Promise<IteratorResult<Awaited<T> | ConcurrentError, undefined>> {
    this.#hasIterated = true
    if (!this.#isTooLate) return this.#run.next()
    this.#isTooLate = false
    return Promise.reject(this.#tooLate('A loop'))
  }

  /** Takes up to `most` results that are ready. */
  takeReady(most: number): Array<Awaited<T> | ConcurrentError> {
    return this.#hasIterated ? this.#run.takeReady(most) : []
  }

  /** A loop begins. */
  iterate(): void {
    this.#isTooLate = this.#claimed !== undefined && !this.#hasIterated && this.#run.state === 'drained'
  }

  /** Consumes all results and keeps none. */
  all(): Promise<RunnerStats> {
    return (this.#stats ??= this.#all())
  }

  async #all(): Promise<RunnerStats> {
    this.#checkNotConsumed('run()')
    if (this.#claimed === undefined) {
      this.#claimed = 'run()'
      this.#run.discard()
    }
    return this.#ended()
  }

  async collect(): Promise<Array<Awaited<T> | ConcurrentError>> {
    this.#checkNotConsumed('toArray()')
    if (this.#claimed !== undefined) throw this.#tooLate('toArray()')
    this.#claimed = 'toArray()'
    const collected = this.#run.collect()
    await this.#ended()
    return collected
  }

  /** The counts once the run is over; rejects if the run failed or was aborted, so that the consumer knows. */
  async #ended(): Promise<RunnerStats> {
    const stats = await this.#run.over()
    const failure = this.#run.takeFailure()
    if (failure === undefined) return stats
    throw failure.error
  }

  #checkNotConsumed(consumer: 'run()' | 'toArray()'): void {
    if (this.#run.isEmpty && (this.#hasIterated || this.#claimed !== undefined)) throw this.#tooLate(consumer)
  }

  #tooLate(consumer: string): DOMException {
    return new DOMException(
      `${consumer} comes too late: the results of this run have gone to ${this.#claimed ?? 'a loop, or next()'}`,
      'InvalidStateError',
    )
  }
}
