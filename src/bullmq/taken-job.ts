/** One job that a worker has taken: from BullMQ's call, through a slot of the runner, to its outcome. */
import type {Job} from 'bullmq'
import pDefer, {type DeferredPromise} from 'p-defer'
import {onAbort} from '../signals.js'
import {handleRejection} from '../tasks.js'
import type {Task, TaskContext, TaskFunction} from '../types.js'
import {patiently} from './connection.js'
import {bullmq} from './engine.js'
import {checkResult, toError} from './errors.js'
import type {JobHandler} from './types.js'

/** Whom a job tells what becomes of it. */
export interface TakenJobOwner {
  /** Whether no more jobs are taken: then one that is interrupted goes to another worker. */
  readonly isClosing: boolean
  /** Something went wrong that no task can tell. */
  report(error: unknown): void
  /** It is BullMQ's again. */
  over(taken: unknown): void
}

export class TakenJob<D, R> {
  readonly job: Job<D, R>
  /** What BullMQ waits for: a result, an error, or a `WaitingError` for a job that is not this worker's any more. */
  readonly outcome: Promise<R>
  readonly #outcome: DeferredPromise<R> = pDefer()
  readonly #handler: JobHandler<D, R>
  readonly #owner: TakenJobOwner
  readonly #interrupt = new AbortController()
  #state: 'waiting' | 'running' | 'over' = 'waiting'
  #isLost = false
  /** What the task gives, however often it is called: a job that is to be tried again comes again. */
  #result: Promise<R> | undefined

  /** @param signal BullMQ's own, with which its user cancels a job. */
  constructor(job: Job<D, R>, signal: AbortSignal | undefined, handler: JobHandler<D, R>, owner: TakenJobOwner) {
    this.job = job
    this.outcome = this.#outcome.promise
    this.#handler = handler
    this.#owner = owner
    signal?.addEventListener('abort', () => this.#interrupt.abort(signal.reason), {once: true})
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** The job as a task of a runner, which gives it back when it is disposed of without being called. */
  task(): Task<R> {
    const run: TaskFunction<R> = (context) => (this.#result ??= this.#run(context))
    return Object.assign(run, {[Symbol.asyncDispose]: () => this.giveBack()})
  }

  /** For another worker to run it, unless it runs here. Waits until it is back. */
  async giveBack(): Promise<void> {
    if (this.#state !== 'waiting') return
    this.#state = 'over'
    const gone = new DOMException(`Job ${this.job.id} has been given back`, 'AbortError')
    this.#result = Promise.reject(gone) // for whoever calls the task in spite of that
    handleRejection(this.#result)
    await this.#moveBack()
  }

  /** Its lock is lost: another worker may be running it. */
  lose(): void {
    this.#isLost = true
    this.#interrupt.abort(new Error(`The lock of job ${this.job.id} was lost: another worker may be running it`))
    void this.giveBack()
  }

  async #run(context: TaskContext): Promise<R> {
    this.#state = 'running'
    const {signal} = context
    const stopHearing = onAbort(signal, () => this.#interrupt.abort(signal.reason))
    if (signal.aborted) this.#interrupt.abort(signal.reason)
    try {
      const result = await this.#handler(this.job, this.#interrupt.signal)
      checkResult(result)
      // It took too long, and has failed here: it must not succeed there.
      if (signal.aborted && !this.#owner.isClosing) throw signal.reason
      this.#end()
      this.#outcome.resolve(result)
      return result
    } catch (thrown) {
      if (this.#isLost || (signal.aborted && this.#owner.isClosing)) await this.#moveBack()
      else {
        this.#end()
        this.#outcome.reject(toError(thrown))
      }
      throw thrown
    } finally {
      stopHearing()
    }
  }

  async #moveBack(): Promise<void> {
    const {job} = this
    try {
      if (!this.#isLost && !(await patiently(job.moveToWait(job.token))))
        throw new Error(`Job ${job.id} could not be given back: Redis does not answer. It will be found stalled`)
    } catch (error) {
      this.#owner.report(error)
    }
    this.#end()
    this.#outcome.reject(new bullmq.WaitingError())
  }

  #end(): void {
    this.#state = 'over'
    this.#owner.over(this)
  }
}
