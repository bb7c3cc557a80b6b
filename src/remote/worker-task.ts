/** One job that a worker has taken: from the engine, through a slot of the runner, to its outcome. */

import type {TaskContext, TaskFunction} from 'aio-tasks'
import {isThenable} from '../checks.js'
import {checkResult, toError} from './checks.js'
import {LostJobError} from './errors.js'
import type {Interruption, TakenJob, TakenJobHandler} from './types.js'
import {delay, rejectedSilently, retryDelay, withClosingTimeout} from './waiting.js'

/** What a task needs from its source. */
export interface WorkerTaskHost<T, R> {
  readonly handler: TakenJobHandler<T, R>
  /** Whether the handler can see a second argument. If not, no signal is made: making one costs microseconds. */
  readonly takesSignal: boolean
  /** Whether no more jobs are taken: then an interrupted job goes to another worker. */
  readonly isClosing: boolean
  isTransient(error: unknown): boolean
  /** Runs the next job that comes, for a task whose own job has been given back. */
  runAnother(context: TaskContext): Promise<R>
  /** Reports an error that belongs to no task. */
  report(error: unknown): void
  /** The job has been handed in or given back. */
  over(task: unknown): void
}

export class WorkerTask<T extends TakenJob, R> {
  readonly job: T
  /** When the task began to wait for the runner, by `performance.now()`. */
  readonly takenAt: number = performance.now()
  readonly #host: WorkerTaskHost<T, R>
  #state: 'waiting' | 'running' | 'over' = 'waiting'
  #wasHanded = false
  /** Whether the runner did not call the task in time: its job went back, and the task will run another job. */
  #isReplaced = false
  #interruption: Interruption | undefined
  /** Controller of the handler's signal, if the handler has asked for its signal. */
  #controller: AbortController | undefined
  #context: TaskContext | undefined
  /** Rejects the task's promise, once the task has been called. */
  #reject: (error: unknown) => void = () => {}
  /** Whether the handler has ended and the engine has not accepted the outcome yet. */
  #isHandingIn = false
  #isExpiring = false
  /** The task's promise, however often the task is called: a job that is to be tried again comes as a new task. */
  #result: Promise<R> | undefined

  constructor(job: T, host: WorkerTaskHost<T, R>) {
    this.job = job
    this.#host = host
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** Whether the runner has received the task. */
  get wasHanded(): boolean {
    return this.#wasHanded
  }

  /** The job as a task of a runner. If the runner disposes of the task without calling it, the job is given back. */
  hand(): TaskFunction<R> {
    this.#wasHanded = true
    const run: TaskFunction<R> & Partial<AsyncDisposable> = (context) => (this.#result ??= this.#start(context))
    run[Symbol.asyncDispose] = () => this.giveBack()
    return run
  }

  /** Gives the job back for another worker, if it still waits. If the task is called after all, it runs another job. */
  leave(): void {
    if (this.#state !== 'waiting') return
    this.#isReplaced = this.#wasHanded
    void this.#back()
  }

  /** Gives the job back for another worker, unless it runs here. Waits until it is back. */
  async giveBack(): Promise<void> {
    if (this.#state !== 'waiting' && !this.#isReplaced) return
    this.#result ??= rejectedSilently(new DOMException(`Job ${this.job.id} has been given back`, 'AbortError'))
    if (!this.#isReplaced) await this.#back()
  }

  /**
   * Called repeatedly while the source closes. An outcome that the engine has not accepted between two calls is given
   * up if the run of the task was aborted.
   */
  expire(): void {
    if (!this.#isHandingIn || !this.#context?.signal.aborted) return
    if (!this.#isExpiring) this.#isExpiring = true
    else if (this.#state !== 'over') {
      const error = new Error(`The outcome of job ${this.job.id} could not be handed in: the engine does not answer`)
      this.#host.report(error)
      this.#end()
      this.#reject(error)
    }
  }

  /** Stops the handler: the job is lost, or its user cancels it. */
  interrupt(interruption: Interruption): void {
    if (this.#state === 'over') return
    this.#interruption ??= interruption
    this.#controller?.abort(interruption.reason)
    if (interruption.isLost && this.#state !== 'running') void this.giveBack()
  }

  #start(context: TaskContext): Promise<R> {
    return this.#isReplaced ? this.#host.runAnother(context) : this.#run(context)
  }

  #run(context: TaskContext): Promise<R> {
    this.#state = 'running'
    this.#context = context
    return new Promise((resolve, reject) => {
      this.#reject = reject
      this.#work(context, resolve)
    })
  }

  /**
   * Runs the handler, and hands the outcome in. Only then is the task done. This is no async function, and neither is
   * `#handIn`: with those, a job would cost microseconds more.
   */
  #work(context: TaskContext, resolve: (result: R) => void): void {
    const {job} = this
    const startedAt = performance.now()
    const failed = (thrown: unknown): void => void this.#failed(context, thrown)
    const refused = (error: unknown): void => {
      this.#end()
      this.#reject(error)
    }
    const handled = (result: R): void => {
      try {
        checkResult(result)
        // The task took too long, and fails here, so it must not succeed at the engine. No timeout is shorter than a
        // millisecond.
        if (performance.now() - startedAt >= 1 && this.#interruption === undefined && !this.#host.isClosing)
          throwIfAborted(context)
      } catch (thrown) {
        failed(thrown)
        return
      }
      this.#handIn(() => job.done(result)).then(() => this.#succeed(result, resolve), refused)
    }
    try {
      const given = this.#host.takesSignal ? this.#handleWithSignal(context) : this.#handle()
      if (isThenable(given)) Promise.resolve(given).then(handled, failed)
      else handled(given)
    } catch (thrown) {
      failed(thrown)
    }
  }

  /** The engine has accepted the result. */
  #succeed(result: R, resolve: (result: R) => void): void {
    this.#end()
    if (this.#interruption?.isLost) this.#reject(this.#interruption.reason)
    else resolve(result)
  }

  /** Hands the failure in, or gives the job back if it has not failed. Never rejects. */
  async #failed(context: TaskContext, thrown: unknown): Promise<void> {
    let error = thrown
    try {
      if (this.#interruption?.isLost) await this.#back()
      else if (this.#host.isClosing && context.signal.aborted) await this.#back()
      else await this.#handIn(() => this.job.failed(toError(thrown)))
      if (this.#interruption?.isLost) error = this.#interruption.reason
    } catch (refusal) {
      error = refusal
    }
    this.#end()
    this.#reject(error)
  }

  #handle(signal?: AbortSignal): R | PromiseLike<R> {
    const {job} = this
    const {handler} = this.#host
    const call = (): R | PromiseLike<R> =>
      (handler as (job: T, signal?: AbortSignal) => R | PromiseLike<R>)(job, signal)
    return job.run === undefined ? call() : job.run(call)
  }

  async #handleWithSignal(context: TaskContext): Promise<R> {
    const stopListening = this.#follow(context.signal)
    try {
      return await this.#handle(this.#ownController().signal)
    } finally {
      stopListening()
    }
  }

  /** The handler's own controller, which aborts with the runner's signal, and by `interrupt`. */
  #follow(signal: AbortSignal): () => void {
    const controller = this.#ownController()
    const abort = (): void => controller.abort(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
    return () => signal.removeEventListener('abort', abort)
  }

  #ownController(): AbortController {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#interruption) this.#controller.abort(this.#interruption.reason)
    }
    return this.#controller
  }

  /** Repeats a call while the engine cannot be reached. */
  #handIn(call: () => Promise<void>): Promise<void> {
    this.#isHandingIn = true
    try {
      return Promise.resolve(call()).catch((error: unknown) => this.#handInAgain(call, error))
    } catch (error) {
      return this.#handInAgain(call, error)
    }
  }

  async #handInAgain(call: () => Promise<void>, refusal: unknown): Promise<void> {
    let error = refusal
    for (let attempt = 0; ; attempt++) {
      if (error instanceof LostJobError) this.#interruption ??= {id: this.job.id, reason: error, isLost: true}
      if (error instanceof LostJobError || this.isOver || !this.#host.isTransient(error)) throw error
      if (attempt === 0) this.#host.report(error)
      await delay(retryDelay(attempt))
      try {
        await call()
        return
      } catch (next) {
        error = next
      }
    }
  }

  async #back(): Promise<void> {
    const {job} = this
    this.#state = 'over'
    try {
      if (this.#interruption?.isLost)
        await job.back().catch(() => {}) // there is no job to give back, but the engine is told
      else if (!(await withClosingTimeout(job.back())))
        throw new Error(
          `Job ${job.id} could not be given back: the engine does not answer. It will be run again when it is found stalled`,
        )
    } catch (error) {
      if (!(error instanceof LostJobError)) this.#host.report(error)
    }
    this.#host.over(this)
  }

  #end(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#host.over(this)
  }
}

/**
 * Throws the reason of the signal, if it has aborted. The runner's own contexts tell the reason without making the
 * signal, which would cost microseconds.
 */
function throwIfAborted(context: TaskContext & {readonly aborted?: {readonly reason: unknown} | undefined}): void {
  if (!('aborted' in context) || context.aborted) context.signal.throwIfAborted()
}
