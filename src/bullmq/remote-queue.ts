/** Hands jobs in, and finds out what became of each: by events and, for those that no event tells of, by looking. */
import type {Queue, QueueEvents} from 'bullmq'
import {nextTurn} from '../runtime.js'
import {cut, lasting, patiently} from './connection.js'
import {bullmq} from './engine.js'
import {checkData, RemoteJobError} from './errors.js'
import type {ResolvedRemote} from './options.js'
import {RemoteJob} from './remote-job.js'
import {isTransient} from './transient.js'

/** Milliseconds after which what a lost connection has kept from working is tried again. */
const retryDelay = 1000

/** How many jobs one look is for at most. */
const lookSize = 500

/** What a queue is connected by. */
interface Link {
  readonly queue: Queue
  readonly events: QueueEvents
}

export class RemoteQueue<D, R> {
  readonly #options: ResolvedRemote<D>
  /** The jobs whose outcome is open, by id. */
  readonly #jobs = new Map<string, RemoteJob<D, R>>()
  /** Those among them that go to Redis together next. */
  #batch: Array<RemoteJob<D, R>> = []
  #queue: Queue | undefined
  #events: QueueEvents | undefined
  #opening: Promise<Link> | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #isSending = false
  #isChecking = false
  #isClosed = false

  constructor(options: ResolvedRemote<D>) {
    this.#options = options
  }

  /**
   * Hands a job in, and waits for its result. When the signal aborts, or the time is up, the job is withdrawn,
   * unless a worker runs it or another task waits for it.
   */
  async run(data: D, index: number, signal: AbortSignal): Promise<R> {
    signal.throwIfAborted()
    checkData(data)
    const id = this.#options.jobId(data, index)
    let job = this.#jobs.get(id)
    if (job === undefined) {
      job = new RemoteJob<D, R>(id, data, this.#options.jobOptions(data, index))
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

  /** Closes the connections. Nothing waits for a result any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    const parts = [this.#events, this.#queue].filter((part) => part !== undefined)
    const closed = Promise.allSettled(parts.map((part) => part.close()))
    if (!(await patiently(closed))) for (const part of parts) cut(part.getBackend())
  }

  report(error: unknown): void {
    this.#queue?.emit('error', error as Error)
  }

  /** The job's result, or the reason not to wait for it any more. */
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

  /** In one batch with all that are handed in in this turn, or until the last batch is there: that costs a fraction. */
  #add(job: RemoteJob<D, R>): void {
    this.#batch.push(job)
    if (this.#isSending) return
    this.#isSending = true
    nextTurn(() => void this.#sendBatches())
  }

  async #sendBatches(): Promise<void> {
    while (this.#batch.length > 0) {
      const batch = this.#batch.filter((each) => this.#jobs.get(each.id) === each)
      this.#batch = []
      if (batch.length > 0) await this.#send(batch)
    }
    this.#isSending = false
  }

  #send(batch: ReadonlyArray<RemoteJob<D, R>>): Promise<void> {
    const adding = this.#sendAll(batch)
    for (const job of batch) job.adding = adding
    return adding
  }

  async #sendAll(batch: ReadonlyArray<RemoteJob<D, R>>): Promise<void> {
    const {name} = this.#options
    try {
      const {queue} = await this.#open()
      await queue.addBulk(batch.map(({id, data, options}) => ({name, data, opts: {...options, jobId: id}})))
      const now = performance.now()
      for (const job of batch) {
        job.seenAt = now
        job.isMissing = false
      }
    } catch (error) {
      if (isTransient(error)) this.#addLater(batch, error)
      else if (batch.length > 1)
        await Promise.all(batch.map((job) => this.#send([job]))) // to find whose it is
      else for (const job of batch) this.#settle(job, () => job.reject(error))
    }
    for (const job of batch) job.adding = undefined
  }

  #addLater(batch: ReadonlyArray<RemoteJob<D, R>>, error: unknown): void {
    if (this.#isClosed) return
    this.report(error)
    setTimeout(() => {
      for (const job of batch) if (this.#jobs.get(job.id) === job) this.#add(job)
    }, retryDelay)
  }

  /** Takes the job out of the queue again, unless it is active or finished. */
  async #withdraw(job: RemoteJob<D, R>): Promise<void> {
    this.#jobs.delete(job.id)
    try {
      const isDone = await patiently(this.#remove(job))
      if (!isDone) throw new Error(`Job ${job.id} could not be withdrawn: Redis does not answer`)
    } catch (error) {
      this.report(error)
    }
  }

  async #remove(job: RemoteJob<D, R>): Promise<void> {
    await job.adding
    if (job.seenAt === undefined || this.#jobs.has(job.id)) return
    const {queue} = await this.#open()
    const [status] = await finished(queue, job.id)
    if (status === 0) await queue.remove(job.id)
  }

  // Finding out

  #open(): Promise<Link> {
    return (this.#opening ??= this.#connect())
  }

  async #connect(): Promise<Link> {
    try {
      const {queue: queueName, connection, prefix, onError, checkInterval} = this.#options
      const options = {...prefix, connection: lasting(connection)}
      const queue = (this.#queue ??= new bullmq.Queue(queueName, {...options, skipMetasUpdate: true}))
      if (onError && queue.listenerCount('error') === 0) queue.on('error', onError)
      // Events are read from an entry of our own, that is from before the first job: not from `$`, whenever that is.
      const lastEventId = await queue.getBackend().publishEvent({event: 'aio-tasks'}, Number.MAX_SAFE_INTEGER)
      if (this.#isClosed) throw new Error('Connection is closed')
      const events = new bullmq.QueueEvents(queueName, {...options, autorun: false, lastEventId})
      this.#events = events
      if (onError) events.on('error', onError)
      events.on('completed', ({jobId, returnvalue}) => this.#completed(jobId, returnvalue))
      events.on('failed', ({jobId, failedReason}) => this.#failed(jobId, failedReason))
      events.on('duplicated', ({jobId}) => this.#duplicated(jobId))
      void this.#listen(events)
      this.#timer = setInterval(() => void this.#check(), checkInterval)
      return {queue, events}
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  /** Reads events until the end; from where it began, if something goes wrong. */
  async #listen(events: QueueEvents): Promise<void> {
    while (!this.#isClosed)
      try {
        await events.run()
      } catch (error) {
        if (this.#isClosed) return
        this.report(error)
        await new Promise((resolve) => setTimeout(resolve, retryDelay))
      }
  }

  #completed(id: string, result: unknown): void {
    const job = this.#jobs.get(id)
    if (job) this.#settle(job, () => job.resolve(result as R))
  }

  #failed(id: string, reason: string): void {
    const job = this.#jobs.get(id)
    if (job) this.#settle(job, () => void this.#fail(job, reason))
  }

  /** It has been there before: it may be finished. */
  #duplicated(id: string): void {
    const job = this.#jobs.get(id)
    if (job) void this.#look(job).catch((error: unknown) => this.report(error))
  }

  /** Looks at those that no event has told of for long. */
  async #check(): Promise<void> {
    if (this.#isChecking) return
    this.#isChecking = true
    const {checkInterval} = this.#options
    const before = performance.now() - checkInterval * 0.9 // timers may be early
    const due = [...this.#jobs.values()].filter(({seenAt = Infinity}) => seenAt <= before)
    try {
      for (let at = 0; at < due.length; at += lookSize)
        await Promise.all(due.slice(at, at + lookSize).map((job) => this.#look(job)))
    } catch (error) {
      if (!this.#isClosed) this.report(error)
    }
    this.#isChecking = false
  }

  async #look(job: RemoteJob<D, R>): Promise<void> {
    const {queue} = await this.#open()
    const [status, value] = await finished(queue, job.id)
    if (this.#jobs.get(job.id) !== job) return // an event has told meanwhile
    if (status === 1) this.#settle(job, () => job.resolve(JSON.parse(value ?? 'null') as R))
    else if (status === 2) this.#settle(job, () => void this.#fail(job, value ?? 'unknown'))
    else if (job.seenAt === undefined)
      return // on its way there
    else if (status === -1 && job.isMissing) {
      job.seenAt = undefined
      this.#add(job)
    } else {
      // It may have finished just now, and be gone already: then its event is on its way.
      job.isMissing = status === -1
      job.seenAt = performance.now()
    }
  }

  #settle(job: RemoteJob<D, R>, how: () => void): void {
    this.#jobs.delete(job.id)
    how()
  }

  /** Events tell the reason only: the rest is read from the job, if it is still there. */
  async #fail(job: RemoteJob<D, R>, failedReason: string): Promise<void> {
    const {id, data} = job
    let remoteStack: string | undefined
    let attemptsMade: number | undefined
    try {
      const kept = await this.#queue?.getJob(id)
      remoteStack = kept?.stacktrace?.at(-1)
      attemptsMade = kept?.attemptsMade
    } catch (error) {
      this.report(error)
    }
    job.reject(new RemoteJobError({jobId: id, data, failedReason, remoteStack, attemptsMade}))
  }
}

/** 0: not finished; 1: completed, with the result as JSON; 2: failed, with the reason; -1: not there. */
async function finished(queue: Queue, id: string): Promise<[status: number, value?: string]> {
  const answer = await queue.getBackend().isFinished(id, true)
  return Array.isArray(answer) ? answer : [answer]
}
