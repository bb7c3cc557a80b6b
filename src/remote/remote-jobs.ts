/** Hands jobs in, and finds out their outcomes: from the engine's news and, without news, by looking. */
import {nextTurn} from '../platform/runtime.js'
import {Batch} from './batch.js'
import {checkData} from './checks.js'
import {EngineError, RemoteJobError} from './errors.js'
import type {ResolvedRemote} from './options.js'
import {RemoteJob} from './remote-job.js'
import type {News, Outcome, ProducerEngine, RemoteStats} from './types.js'
import {delay, retryDelay, withClosingTimeout} from './waiting.js'

/** How many jobs one look asks for at most. */
const lookSize = 500

type Failure = Extract<Outcome, {status: 'failed'}>
type Change =
  | {state: 'handed in' | 'started' | 'completed'}
  | {state: 'failed'; reason: string}
  | {state: 'progress'; progress: unknown}
  | {state: 'log'; line: string}

export class RemoteJobs<D, R> {
  readonly #engine: ProducerEngine<D>
  readonly #options: ResolvedRemote<D>
  /** Called when the engine cannot work any more. */
  readonly #onBroken: (error: EngineError) => void
  /** The jobs without an outcome, by id. */
  readonly #jobs = new Map<string, RemoteJob<D, R>>()
  /** The jobs among them that are handed in together next. */
  #batch: Array<RemoteJob<D, R>> = []
  #isSending = false
  readonly #looks: Batch<string> = new Batch((ids) => this.#look(ids))
  readonly #removals: Batch<string> = new Batch((ids) => this.#removeAll(ids))
  #opening: Promise<void> | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #isChecking = false
  /** Whether the engine did not answer while a job was withdrawn: then closing does not wait for it. */
  #isSilent = false
  readonly #closing = new AbortController()
  readonly #counts = {handedIn: 0, started: 0, completed: 0, failed: 0}

  constructor(engine: ProducerEngine<D>, options: ResolvedRemote<D>, onBroken: (error: EngineError) => void) {
    this.#engine = engine
    this.#options = options
    this.#onBroken = onBroken
  }

  get stats(): RemoteStats {
    return {...this.#counts}
  }

  /**
   * Hands a job in, and waits for its result. When the signal aborts, or the timeout has passed, the job is withdrawn,
   * unless a worker runs it or another task waits for it.
   */
  async run(data: D, index: number, signal: AbortSignal): Promise<R> {
    signal.throwIfAborted()
    checkData(data)
    const id = this.#options.jobId(data, index)
    let job = this.#jobs.get(id)
    if (job === undefined) {
      job = new RemoteJob<D, R>(id, data, index, this.#engine.capture?.())
      this.#jobs.set(id, job)
      this.#add(job)
    }
    job.waiters++
    try {
      return await this.#result(job, signal)
    } finally {
      job.waiters--
      if (job.waiters === 0 && this.#jobs.get(id) === job) await this.#withdraw(job)
    }
  }

  /** Closes the engine. No task waits for a result any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#timer)
    try {
      if (!this.#isSilent)
        await withClosingTimeout(Promise.all([this.#opening, this.#looks.settled(), this.#removals.settled()]))
      await this.#engine.close?.()
    } catch (error) {
      this.report(error)
    }
  }

  report(error: unknown): void {
    this.#options.onError(error as Error)
  }

  /** The job's result; rejects if the signal aborts or the timeout passes first. */
  #result(job: RemoteJob<D, R>, signal: AbortSignal): Promise<R> {
    const {timeout} = this.#options
    return new Promise<R>((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(signal.reason))
      signal.addEventListener('abort', onAbort)
      const onTimeout = (): void =>
        reject(new DOMException(`Job ${job.id} gave no result within ${timeout} ms`, 'TimeoutError'))
      const timer = timeout === undefined ? undefined : setTimeout(() => settle(onTimeout), timeout)
      const settle = (how: () => void): void => {
        signal.removeEventListener('abort', onAbort)
        clearTimeout(timer)
        how()
      }
      job.result.then(
        (result) => settle(() => resolve(result)),
        (error: unknown) => settle(() => reject(error)),
      )
    })
  }

  // Handing in

  /**
   * Hands the job in together with all jobs of this turn, or of the time until the last call has returned: one call for
   * many jobs costs a fraction of many calls.
   */
  #add(job: RemoteJob<D, R>): void {
    this.#batch.push(job)
    if (this.#isSending) return
    this.#isSending = true
    nextTurn(() => void this.#sendBatches())
  }

  async #sendBatches(): Promise<void> {
    while (this.#batch.length > 0) {
      const batch = this.#batch
      this.#batch = []
      await this.#send(batch)
    }
    this.#isSending = false
  }

  #send(batch: ReadonlyArray<RemoteJob<D, R>>): Promise<void> {
    const adding = this.#sendAll(batch)
    for (const job of batch) job.adding = adding
    return adding
  }

  async #sendAll(batch: ReadonlyArray<RemoteJob<D, R>>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const open = batch.filter((job) => this.#jobs.get(job.id) === job)
      if (open.length === 0) break
      try {
        await (this.#opening ??= this.#open())
        const known = await this.#engine.add(open)
        for (const job of open) this.#handedIn(job)
        for (const id of known ?? []) this.#hear({id, status: 'changed'}) // it may have finished before
        break
      } catch (error) {
        if (this.#closing.signal.aborted) break
        if (this.#engine.isTransient?.(error)) {
          if (attempt === 0) this.report(error) // report only the first failure until a call works again
          await delay(retryDelay(attempt), this.#closing.signal)
        } else if (error instanceof EngineError) {
          this.#break(error)
          break
        } else if (open.length === 1) {
          for (const job of open) this.#settle(job, () => job.reject(error))
          break
        } else {
          await Promise.all(open.map((job) => this.#send([job]))) // to find the job that the engine refuses
          break
        }
      }
    }
    for (const job of batch) job.adding = undefined
  }

  #handedIn(job: RemoteJob<D, R>): void {
    job.seenAt = performance.now()
    job.isMissing = false
    if (job.isHandedIn) return
    job.isHandedIn = true
    this.#counts.handedIn++
    if (this.#jobs.get(job.id) === job) this.#tell(job, {state: 'handed in'})
  }

  /** Takes the job out of the queue, unless it is active or finished. */
  async #withdraw(job: RemoteJob<D, R>): Promise<void> {
    this.#jobs.delete(job.id)
    try {
      const isDone = await withClosingTimeout(this.#remove(job))
      if (isDone) return
      this.#isSilent = true
      throw new Error(`Job ${job.id} could not be withdrawn: the engine does not answer`)
    } catch (error) {
      this.report(error)
    }
  }

  async #remove(job: RemoteJob<D, R>): Promise<void> {
    await job.adding
    if (job.seenAt !== undefined) await this.#removals.add(job.id)
  }

  /** Removes the jobs, except those that have been handed in again since. */
  async #removeAll(ids: readonly string[]): Promise<void> {
    const wanted = ids.filter((id) => !this.#jobs.has(id))
    if (wanted.length > 0) await this.#engine.remove?.(wanted)
  }

  // Finding out

  async #open(): Promise<void> {
    try {
      await this.#engine.listen?.((news) => this.#hear(news))
      const {checkInterval} = this.#options
      if (!this.#closing.signal.aborted) this.#timer = setInterval(() => void this.#check(), checkInterval)
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  #hear(news: News): void {
    const job = this.#jobs.get(news.id)
    if (job === undefined) return
    switch (news.status) {
      case 'changed':
        this.#looks.add(news.id).catch((error: unknown) => this.#reportLook(error))
        break
      case 'progress':
        this.#tell(job, {state: 'progress', progress: news.progress})
        break
      case 'log':
        this.#tell(job, {state: 'log', line: news.line})
        break
      case 'failed':
        void this.#failed(job, news)
        break
      default:
        this.#apply(job, news)
    }
  }

  /** Looks at the jobs that have had no news for `checkInterval`. */
  async #check(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    const before = performance.now() - this.#options.checkInterval * 0.9 // timers may fire early
    const due = [...this.#jobs.values()].filter(({seenAt = Infinity}) => seenAt <= before).map(({id}) => id)
    try {
      for (let at = 0; at < due.length; at += lookSize) await this.#look(due.slice(at, at + lookSize))
    } catch (error) {
      this.#reportLook(error)
    }
    this.#isChecking = false
  }

  async #look(ids: readonly string[]): Promise<void> {
    for (const outcome of await this.#engine.outcomes(ids)) {
      const job = this.#jobs.get(outcome.id)
      if (job !== undefined) this.#apply(job, outcome)
    }
  }

  #reportLook(error: unknown): void {
    if (error instanceof EngineError) this.#break(error)
    else if (!this.#closing.signal.aborted) this.report(error)
  }

  #apply(job: RemoteJob<D, R>, outcome: Outcome): void {
    if (outcome.status === 'completed') this.#completed(job, outcome.result)
    else if (outcome.status === 'failed') this.#reject(job, outcome)
    else if (job.seenAt === undefined)
      return // the job is being handed in
    else if (outcome.status !== 'missing') {
      if (outcome.status === 'active') this.#started(job)
      job.seenAt = performance.now()
      job.isMissing = false
    } else if (job.isMissing) {
      job.seenAt = undefined
      this.#add(job)
    } else {
      // The job may have finished just now, and may be removed already: then the news of its result is on its way.
      job.isMissing = true
      job.seenAt = performance.now()
    }
  }

  #started(job: RemoteJob<D, R>): void {
    if (job.isStarted) return
    job.isStarted = true
    this.#counts.started++
    this.#tell(job, {state: 'started'})
  }

  #completed(job: RemoteJob<D, R>, result: unknown): void {
    this.#settle(job, () => {
      this.#finish(job, {state: 'completed'})
      job.resolve(result as R)
    })
  }

  /**
   * News of a failure may have the reason only: the other details come from a look, or are left out if the engine has
   * none.
   */
  async #failed(job: RemoteJob<D, R>, news: Failure): Promise<void> {
    this.#jobs.delete(job.id)
    let failure = news
    if (news.attempts === undefined)
      try {
        const [outcome] = await this.#engine.outcomes([job.id])
        if (outcome?.status === 'failed') failure = outcome
      } catch (error) {
        this.#reportLook(error)
      }
    this.#reject(job, failure)
  }

  #reject(job: RemoteJob<D, R>, {reason, stack, attempts}: Failure): void {
    this.#settle(job, () => {
      this.#finish(job, {state: 'failed', reason})
      const {id, data} = job
      job.reject(
        new RemoteJobError({jobId: id, data, failedReason: reason, remoteStack: stack, attemptsMade: attempts}),
      )
    })
  }

  #finish(job: RemoteJob<D, R>, change: Change & {state: 'completed' | 'failed'}): void {
    if (!job.isHandedIn) this.#handedIn(job) // the result came before the answer to `add`
    if (!job.isStarted) {
      job.isStarted = true
      this.#counts.started++
    }
    this.#counts[change.state]++
    this.#tell(job, change)
  }

  #settle(job: RemoteJob<D, R>, how: () => void): void {
    if (this.#jobs.get(job.id) === job) this.#jobs.delete(job.id)
    how()
  }

  /** The engine cannot work any more: every job fails with this error, and no further job is handed in. */
  #break(error: EngineError): void {
    this.#onBroken(error)
    for (const job of this.#jobs.values()) this.#settle(job, () => job.reject(error))
  }

  #tell({id, data, index}: RemoteJob<D, R>, change: Change): void {
    try {
      this.#options.onProgress?.({jobId: id, data, index, ...change})
    } catch (error) {
      this.report(error)
    }
  }
}
