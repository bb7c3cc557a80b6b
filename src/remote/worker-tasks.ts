/** A source of tasks for one process: takes as many jobs from an engine as the runner starts. */

import type {TaskContext, TaskFunction} from 'aio-tasks'
import pDefer, {type DeferredPromise} from 'p-defer'
import {checkFunction, checkMethods, checkObject, checkOptionalFunction, checkOptions, checkSignal} from '../checks.js'
import {nextTurn} from '../platform/runtime.js'
import {Demand} from './demand.js'
import {LostJobError} from './errors.js'
import {takesSecondArgument} from './parameters.js'
import type {
  Interruption,
  TakenJob,
  TakenJobHandler,
  WorkerEngine,
  WorkerHost,
  WorkerOptions,
  WorkerTasks,
} from './types.js'
import {type AsyncScope, asyncScope, closingTimeout, delay, retryDelay, withClosingTimeout} from './waiting.js'
import {WorkerTask, type WorkerTaskHost} from './worker-task.js'

/** How long a job waits here for the runner before it goes back to the engine for other workers, in milliseconds. */
const parkingTime = 1000

/** Milliseconds between calls of `take` while there are no jobs, if the engine sets no other time. */
const defaultPollEvery = 1000

type Result<R> = IteratorResult<TaskFunction<R>, undefined>

/**
 * A source of tasks for a runner. Each task runs one job of an engine, and hands in its outcome. Run as many such
 * workers as you need, on as many machines. Jobs follow the runner: the source takes as many jobs as the runner starts,
 * so `limit`, `pause()` and a slow consumer apply to jobs too, and a job that the runner does not start within a second
 * goes back.
 *
 * A job goes back to the engine if it is running when the run is aborted and it ends with its signal; so does a job
 * that waits here. Neither has failed. The run has drained when all jobs are handed in or given back, and the engine is
 * closed. A task is done when the engine has accepted the outcome. A handler that throws fails its task too, so a
 * worker usually needs `yieldExceptions: true`.
 *
 * @param engine The worker's side of an engine. It is closed with the source.
 * @param handler The function that runs a job. See {@link TakenJobHandler}. It runs at least once for each job.
 * @param options See {@link WorkerOptions}.
 * @throws TypeError if an argument is wrong.
 * @example
 * ```ts
 * const jobs = workerTasks(engine, (job, signal) => resize(String(job.data), signal))
 * const runner = new ConcurrentRunner(jobs, {limit: 20, yieldExceptions: true})
 * process.once('SIGTERM', () => runner.stop({timeout: 10_000}))
 * await runner.run()
 * ```
 */
export function workerTasks<T extends TakenJob, R = unknown>(
  engine: WorkerEngine<T>,
  handler: TakenJobHandler<T, R>,
  options: WorkerOptions = {},
): WorkerTasks<R> {
  checkObject('engine', engine)
  if (engine.hold === undefined) checkMethods('engine', engine, ['take'])
  checkFunction('handler', handler)
  checkOptions(options, ['signal', 'onError'])
  const {signal, onError} = options
  checkSignal('signal', signal)
  checkOptionalFunction('onError', onError)
  return new WorkerSource(engine, handler, signal, onError ?? console.error)
}

// Written by hand and not as a generator: a generator could not be closed while it waits for a job.
class WorkerSource<T extends TakenJob, R> implements WorkerTasks<R>, WorkerTaskHost<T, R>, WorkerHost<T> {
  readonly handler: TakenJobHandler<T, R>
  readonly takesSignal: boolean
  readonly #engine: WorkerEngine<T>
  readonly #signal: AbortSignal | undefined
  readonly #onError: (error: Error) => void
  #scope: AsyncScope | undefined
  /** Jobs that the engine has delivered and that are not over, by id. */
  readonly #tasks = new Map<string, WorkerTask<T, R>>()
  /** Lost jobs: the engine has delivered the same job once more. */
  readonly #superseded = new Set<WorkerTask<T, R>>()
  /** Jobs that the runner has not pulled yet, oldest first. Jobs that are over are skipped. */
  #parked: Array<WorkerTask<T, R>> = []
  readonly #pulls: Array<DeferredPromise<Result<R>>> = []
  readonly #demand = new Demand(() => {
    if (!this.#isClosing) this.#turn()
  })
  /** The count with which `hold` was last called. */
  #held = 0
  /** Controller of the current `take`; aborted when the runner wants no more jobs. */
  #taking: AbortController | undefined
  /** Settles when no `take` is under way. */
  #taken: Promise<void> | undefined
  /** Ends the wait for the next `take`. A call before that wait begins skips the wait. */
  #wake = new AbortController()
  #isTurnDue = false
  #parkingTimer: ReturnType<typeof setTimeout> | undefined
  #touchTimer: ReturnType<typeof setInterval> | undefined
  #isClosing = false
  /** Why no more jobs come, until a pull has been told. */
  #failure: {readonly error: unknown} | undefined
  readonly #closed: DeferredPromise<void> = pDefer()
  /** Resolves once no job is held any more, for a source that closes. */
  readonly #quiet: DeferredPromise<void> = pDefer()
  #ignoreSignal: (() => void) | undefined

  constructor(
    engine: WorkerEngine<T>,
    handler: TakenJobHandler<T, R>,
    signal: AbortSignal | undefined,
    onError: (error: Error) => void,
  ) {
    this.handler = handler
    this.takesSignal = takesSecondArgument(handler)
    this.#engine = engine
    this.#signal = signal
    this.#onError = onError
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  next(): Promise<Result<R>> {
    if (this.#scope === undefined) this.#start()
    if (this.#failure) {
      const {error} = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#isClosing) return this.#ended()
    this.#demand.pulled()
    const parked = this.#nextParked()
    if (parked !== undefined) return Promise.resolve({done: false, value: this.#hand(parked)})
    const pull = pDefer<Result<R>>()
    this.#pulls.push(pull)
    this.#turnSoon()
    return pull.promise
  }

  /** Takes no more jobs, gives back waiting jobs, and waits until running jobs are over and the engine is closed. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#scope ??= asyncScope()
    const closed = this.#close()
    this.#dismiss() // waiting pulls end now, and not only when the engine is closed
    for (const task of this.#all()) void task.giveBack()
    await closed
    return done()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  // Called by the engine

  wake(): void {
    this.#wake.abort()
  }

  deliver(jobs: readonly T[]): void {
    for (const job of jobs) this.#accept(job)
  }

  interrupt(interruption: Interruption): void {
    this.#tasks.get(interruption.id)?.interrupt(interruption)
  }

  end(error?: Error): void {
    if (error === undefined) void this.#close()
    else this.#fail(error)
  }

  // Called by the tasks

  async runAnother(context: TaskContext): Promise<R> {
    const pull = pDefer<Result<R>>()
    if (!this.#isClosing) {
      const parked = this.#nextParked()
      if (parked === undefined) this.#pulls.unshift(pull)
      else pull.resolve({done: false, value: this.#hand(parked)})
      this.#turnSoon()
    } else pull.resolve(done())
    const {value} = await pull.promise
    if (value === undefined) throw new DOMException('The job has been given back', 'AbortError')
    return value(context)
  }

  isTransient(error: unknown): boolean {
    return this.#engine.isTransient?.(error) ?? false
  }

  report(error: unknown): void {
    this.#onError(error as Error)
  }

  over(task: WorkerTask<T, R>): void {
    const {id} = task.job
    if (this.#tasks.get(id) === task) this.#tasks.delete(id)
    else if (!this.#superseded.delete(task)) return
    if (task.wasHanded) this.#demand.over(this.#pulls.length > 0)
    if (this.#isClosing) this.#settle()
    else this.#turnSoon()
  }

  #start(): void {
    this.#scope = asyncScope()
    const signal = this.#signal
    if (signal?.aborted) {
      void this.#close()
      return
    }
    if (signal) {
      const close = (): void => void this.#close()
      signal.addEventListener('abort', close)
      this.#ignoreSignal = () => signal.removeEventListener('abort', close)
    }
    const {touchEvery} = this.#engine
    if (touchEvery !== undefined) this.#touchTimer = setInterval(() => this.#touchAll(), touchEvery)
    try {
      this.#engine.listen?.(this)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #ended(): Promise<Result<R>> {
    await this.#closed.promise
    return done()
  }

  // Matching the runner's pulls and the engine's jobs

  /** At the end of this turn of the event loop, when the runner has pulled, computes how many jobs to take. */
  #turnSoon(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    this.#scope?.runInAsyncScope(() =>
      nextTurn(() => {
        this.#isTurnDue = false
        if (!this.#isClosing) this.#turn()
      }),
    )
  }

  #turn(): void {
    const wanted = this.#demand.wanted(this.#pulls.length)
    if (wanted === undefined) return
    this.#hold(this.#demand.running + wanted)
    if (this.#engine.take === undefined) return
    if (wanted === 0) this.#taking?.abort()
    else if (this.#taken === undefined) this.#taken = this.#take(wanted)
  }

  #hold(count: number): void {
    if (count === this.#held) return
    this.#held = count
    this.#engine.hold?.(count)
  }

  async #take(count: number): Promise<void> {
    const controller = new AbortController()
    const {signal} = controller
    this.#taking = controller
    this.#wake = new AbortController() // made before the look, so that a job that comes after the look is not missed
    const startedAt = performance.now()
    try {
      const jobs = await this.#takeJobs(count, signal)
      this.deliver(jobs)
      if (jobs.length === 0) {
        const {pollEvery = defaultPollEvery} = this.#engine
        await delay(startedAt + pollEvery - performance.now(), AbortSignal.any([signal, this.#wake.signal]))
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#taking = undefined
    this.#taken = undefined
    this.#turnSoon()
  }

  /** Repeats a call while the engine cannot be reached. */
  async #takeJobs(count: number, signal: AbortSignal): Promise<readonly T[]> {
    for (let attempt = 0; ; attempt++)
      try {
        return (await this.#engine.take?.(count, signal)) ?? []
      } catch (error) {
        if (!this.isTransient(error)) throw error
        if (attempt === 0) this.report(error) // report only the first failure until a call works again
        await delay(retryDelay(attempt), signal)
        if (signal.aborted) return []
      }
  }

  /** Gives the job to a waiting pull, or lets it wait. */
  #accept(job: T): void {
    const task = new WorkerTask<T, R>(job, this)
    const lost = this.#tasks.get(job.id)
    this.#tasks.set(job.id, task)
    if (lost !== undefined) {
      // The same job was delivered once more: its lock was lost, and nobody noticed.
      this.#superseded.add(lost)
      lost.interrupt({id: job.id, reason: new LostJobError(job.id), isLost: true})
    }
    this.#parkingTimer ??= setTimeout(() => this.#returnWaiting(), parkingTime)
    if (this.#isClosing) {
      void task.giveBack() // the job was already on its way
      return
    }
    const pull = this.#pulls.shift()
    if (pull !== undefined) {
      pull.resolve({done: false, value: this.#hand(task)})
      return
    }
    this.#parked.push(task)
  }

  get #count(): number {
    return this.#tasks.size + this.#superseded.size
  }

  #all(): Array<WorkerTask<T, R>> {
    return [...this.#tasks.values(), ...this.#superseded]
  }

  #hand(task: WorkerTask<T, R>): TaskFunction<R> {
    this.#demand.given(task.takenAt)
    return task.hand()
  }

  #nextParked(): WorkerTask<T, R> | undefined {
    let parked = this.#parked.shift()
    while (parked?.isOver) parked = this.#parked.shift()
    return parked
  }

  /**
   * The runner is paused, is slow, or has a lower limit now: other workers may run the jobs that wait, here or in the
   * runner.
   */
  #returnWaiting(): void {
    const before = performance.now() - parkingTime * 0.9 // timers may fire early
    for (const task of this.#all()) if (task.takenAt <= before) task.leave()
    this.#parked = this.#parked.filter((task) => !task.isOver)
    this.#parkingTimer = this.#count > 0 ? setTimeout(() => this.#returnWaiting(), parkingTime) : undefined
  }

  #touchAll(): void {
    for (const task of this.#all())
      task.job.touch?.().catch((error: unknown) => {
        if (error instanceof LostJobError) task.interrupt({id: task.job.id, reason: error, isLost: true})
        else if (!this.isTransient(error)) this.report(error)
      })
  }

  // Closing

  #close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      this.#ignoreSignal?.()
      void this.#shut()
    }
    return this.#closed.promise
  }

  async #shut(): Promise<void> {
    const expiry = setInterval(() => {
      for (const task of this.#all()) task.expire()
    }, closingTimeout / 2)
    try {
      this.#engine.stop?.() // called first: otherwise jobs that are given back would be taken again
      this.#taking?.abort()
      if (this.#taken) await withClosingTimeout(this.#taken)
      for (let parked = this.#nextParked(); parked; parked = this.#nextParked()) void parked.giveBack()
      this.#settle()
      await this.#quiet.promise
      await this.#engine.close?.()
    } catch (error) {
      this.report(error)
    }
    clearInterval(expiry)
    clearInterval(this.#touchTimer)
    this.#demand.stop()
    clearTimeout(this.#parkingTimer)
    this.#closed.resolve()
    this.#dismiss()
  }

  /** Waiting pulls get no job. */
  #dismiss(): void {
    for (const pull of this.#pulls.splice(0)) pull.resolve(done())
  }

  /** For a source that closes: resolves when no job is held any more. */
  #settle(): void {
    if (this.#count === 0) this.#quiet.resolve()
  }

  #fail(error: unknown): void {
    if (this.#isClosing) return
    const pull = this.#pulls.shift()
    if (pull) pull.reject(error)
    else this.#failure = {error}
    void this.#close()
  }
}

function done(): IteratorReturnResult<undefined> {
  return {done: true, value: undefined}
}
