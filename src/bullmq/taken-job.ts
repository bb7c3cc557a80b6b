/** One job that a worker has taken: from BullMQ's call, through a slot of the runner, to its outcome. */
import type {Job} from 'bullmq'
import pDefer, {type DeferredPromise} from 'p-defer'
import {Context} from '../context.js'
import {onAbort} from '../signals.js'
import {handleRejection} from '../tasks.js'
import type {TaskContext, TaskFunction} from '../types.js'
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
  #state: 'waiting' | 'running' | 'over' = 'waiting'
  /** Why its handler is to give up, if not because the run or its time is over. */
  #interruption: {readonly isLost: boolean; readonly reason: unknown} | undefined
  /** Of the task that runs: its own signal is the handler's, which saves one of another. */
  #context: Context | undefined
  /** What the task gives, however often it is called: a job that is to be tried again comes again. */
  #result: Promise<R> | undefined

  constructor(job: Job<D, R>, handler: JobHandler<D, R>, owner: TakenJobOwner) {
    this.job = job
    this.outcome = this.#outcome.promise
    this.#handler = handler
    this.#owner = owner
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** The job as a task of a runner, which gives it back when it is disposed of without being called. */
  task(): TaskFunction<R> {
    const run: TaskFunction<R> & Partial<AsyncDisposable> = (context) => (this.#result ??= this.#run(context))
    run[Symbol.asyncDispose] = () => this.giveBack()
    return run
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
    const reason = new Error(`The lock of job ${this.job.id} was lost: another worker may be running it`)
    this.#interrupt({isLost: true, reason})
    void this.giveBack()
  }

  /** Its user wants it to end; what becomes of it is the handler's to say. */
  cancel(reason: unknown): void {
    this.#interrupt({isLost: false, reason})
  }

  #interrupt(interruption: {readonly isLost: boolean; readonly reason: unknown}): void {
    this.#interruption = interruption
    this.#context?.abort(interruption.reason)
  }

  async #run(given: TaskContext): Promise<R> {
    this.#state = 'running'
    const context = interruptible(given)
    this.#context = context
    if (this.#interruption !== undefined) context.abort(this.#interruption.reason)
    try {
      const result = await this.#call(context)
      checkResult(result)
      // It took too long, and has failed here: it must not succeed there.
      const {aborted} = context
      if (aborted && this.#interruption === undefined && !this.#owner.isClosing) throw aborted.reason
      this.#end()
      this.#outcome.resolve(result)
      return result
    } catch (thrown) {
      if (this.#interruption?.isLost || (context.aborted && this.#owner.isClosing)) await this.#moveBack()
      else {
        this.#end()
        this.#outcome.reject(toError(thrown))
      }
      throw thrown
    }
  }

  /** A handler of one parameter asks for no signal, and one for each job would cost a tenth of the speed. */
  #call(context: Context): R | PromiseLike<R> {
    const handler = this.#handler
    return handler.length === 1 ? (handler as (job: Job<D, R>) => R)(this.job) : handler(this.job, context.signal)
  }

  async #moveBack(): Promise<void> {
    const {job} = this
    try {
      if (!this.#interruption?.isLost && !(await patiently(job.moveToWait(job.token))))
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

/** The task's context where it is a runner's, or one that follows it: either can be aborted from here too. */
function interruptible(context: TaskContext): Context {
  if (context instanceof Context && context.constructor === Context) return context
  const own = new Context(context.index)
  const {signal} = context
  if (signal.aborted) own.abort(signal.reason)
  else onAbort(signal, () => own.abort(signal.reason))
  return own
}
