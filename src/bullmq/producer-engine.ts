/** BullMQ as the engine of a producer: a queue takes the jobs, and its events report their outcomes. */
import type {NewJob, News, Outcome, ProducerEngine} from 'aio-tasks/remote'
import {type IRedisClient, Queue, QueueEvents, type QueueEventsListener} from 'bullmq'
import {delay, withClosingTimeout} from '../remote/waiting.js'
import {forceClose, isTransient, toFatal, withoutRetryLimit} from './connection.js'
import {logEvent} from './log-event.js'
import type {ResolvedRemoteQueue} from './options.js'

/** Milliseconds between attempts to read events. */
const readDelay = 1000

/**
 * Takes a job out if it waits, in one atomic step: between a look and a removal it could finish. A job that is in none
 * of the four sets is active, finished or gone.
 */
const withdrawScript = `
if redis.call('LREM', KEYS[2], 0, ARGV[1]) + redis.call('LREM', KEYS[3], 0, ARGV[1])
  + redis.call('ZREM', KEYS[4], ARGV[1]) + redis.call('ZREM', KEYS[5], ARGV[1]) == 0 then return 0 end
redis.call('DEL', KEYS[1], KEYS[1] .. ':logs')
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 10000, '*', 'event', 'removed', 'jobId', ARGV[1], 'prev', 'waiting')
return 1`
const withdrawName = 'aio-tasks:withdraw'
const withdrawSets = ['wait', 'paused', 'delayed', 'prioritized', 'events'] as const

interface LogListener extends QueueEventsListener {
  [logEvent]: (event: {readonly jobId: string; readonly line: string}) => void
}

export class BullMQProducerEngine<D> implements ProducerEngine<D> {
  readonly #options: ResolvedRemoteQueue<D>
  #queue: Queue | undefined
  #events: QueueEvents | undefined
  #canWithdraw: Promise<IRedisClient> | undefined
  #isClosed = false
  #fatal: Error | undefined
  /**
   * Functions that reject the calls waiting for Redis. Otherwise they would wait for ever once Redis has refused the
   * password.
   */
  readonly #waiting = new Set<(error: Error) => void>()

  constructor(options: ResolvedRemoteQueue<D>) {
    this.#options = options
  }

  isTransient(error: unknown): boolean {
    return isTransient(error)
  }

  /** The trace of the task that hands the job in; the worker's span follows it. */
  capture(): string | undefined {
    const {telemetry} = this.#options
    if (telemetry === undefined) return undefined
    const {contextManager} = telemetry
    const metadata = contextManager.getMetadata(contextManager.active())
    return metadata === '{}' ? undefined : metadata // otherwise BullMQ uses the trace of the call that hands it in
  }

  add(jobs: ReadonlyArray<NewJob<D>>): Promise<void> {
    const {name, jobOptions} = this.#options
    return this.#unlessFatal(async () => {
      await this.#openQueue().addBulk(
        jobs.map(({id, data, index, context}) => {
          const telemetry = typeof context === 'string' ? {telemetry: {metadata: context}} : {}
          return {name, data, opts: {...telemetry, ...jobOptions(data, index), jobId: id}}
        }),
      )
    })
  }

  outcomes(ids: readonly string[]): Promise<Outcome[]> {
    return this.#unlessFatal(() => Promise.all(ids.map((id) => this.#outcome(id))))
  }

  async remove(ids: readonly string[]): Promise<void> {
    const queue = this.#openQueue()
    const client = await (this.#canWithdraw ??= this.#defineWithdraw(queue))
    const sets = withdrawSets.map((set) => queue.toKey(set))
    await Promise.all(ids.map((id) => client.runCommand(withdrawName, [queue.toKey(id), ...sets, id])))
  }

  async listen(hear: (news: News) => void): Promise<void> {
    const {queueName, onError} = this.#options
    const queue = this.#openQueue()
    // Reads events from an entry that this engine has added, which is older than the first job: not from `$`, whose
    // time is unknown.
    const lastEventId = await this.#unlessFatal(() =>
      queue.getBackend().publishEvent({event: 'aio-tasks'}, Number.MAX_SAFE_INTEGER),
    )
    if (this.#isClosed) throw new Error('Connection is closed')
    const events = new QueueEvents(queueName, {...this.#connection(), autorun: false, lastEventId})
    this.#events = events
    if (onError) events.on('error', onError)
    events.on('active', ({jobId}) => hear({id: jobId, status: 'active'}))
    events.on('completed', ({jobId, returnvalue}) => hear({id: jobId, status: 'completed', result: returnvalue}))
    events.on('failed', ({jobId, failedReason}) => hear({id: jobId, status: 'failed', reason: failedReason}))
    // The job was there before, so it may be finished.
    events.on('duplicated', ({jobId}) => hear({id: jobId, status: 'changed'}))
    events.on('progress', ({jobId, data}) => hear({id: jobId, status: 'progress', progress: data}))
    events.on<LogListener, typeof logEvent>(logEvent, ({jobId, line}) => hear({id: jobId, status: 'log', line}))
    void this.#read(events)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const parts = [this.#events, this.#queue].filter((part) => part !== undefined)
    const closed = Promise.allSettled(parts.map((part) => part.close()))
    if (!(await withClosingTimeout(closed))) for (const part of parts) forceClose(part.getBackend())
  }

  /** Reports an error in the way in which BullMQ reports its own. */
  report(error: Error): void {
    this.#openQueue().emit('error', error)
  }

  #connection(): {connection: ReturnType<typeof withoutRetryLimit>; prefix?: string} {
    const {connection, prefix} = this.#options
    return {...prefix, connection: withoutRetryLimit(connection)}
  }

  #openQueue(): Queue {
    if (this.#queue === undefined) {
      const {queueName, telemetry, eventsLength, onError} = this.#options
      const metas = eventsLength === undefined ? {skipMetasUpdate: true} : {streams: {events: {maxLen: eventsLength}}}
      const queue = new Queue(queueName, {...this.#connection(), ...metas, ...(telemetry && {telemetry})})
      queue.on('error', (error) => this.#noteError(error))
      queue.on('error', onError ?? console.error)
      this.#queue = queue
    }
    return this.#queue
  }

  #noteError(error: Error): void {
    this.#fatal ??= toFatal(error)
    if (this.#fatal) for (const reject of this.#waiting) reject(this.#fatal)
  }

  #unlessFatal<V>(call: () => Promise<V>): Promise<V> {
    return new Promise<V>((resolve, reject) => {
      if (this.#fatal) {
        reject(this.#fatal)
        return
      }
      this.#waiting.add(reject)
      call()
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject))
    })
  }

  /** Reads events until the engine closes; after an error it starts again from its first entry. */
  async #read(events: QueueEvents): Promise<void> {
    while (!this.#isClosed)
      try {
        await events.run()
      } catch (error) {
        if (this.#isClosed) return
        this.report(error as Error)
        await delay(readDelay)
      }
  }

  async #outcome(id: string): Promise<Outcome> {
    const queue = this.#openQueue()
    const answer = await queue.getBackend().isFinished(id, true)
    const [status, value] = Array.isArray(answer) ? answer : [answer, undefined]
    if (status === 1) return {id, status: 'completed', result: JSON.parse(value ?? 'null')}
    if (status === 0) return {id, status: 'waiting'} // or active
    if (status !== 2) return {id, status: 'missing'}
    const job = await queue.getJob(id)
    const details = job && {stack: job.stacktrace?.at(-1), attempts: job.attemptsMade}
    return {id, status: 'failed', reason: value ?? 'unknown', ...details}
  }

  async #defineWithdraw(queue: Queue): Promise<IRedisClient> {
    const {client: opening} = queue.getBackend()
    const client = await opening
    client.defineCommand(withdrawName, {numberOfKeys: withdrawSets.length + 1, lua: withdrawScript})
    return client
  }
}
