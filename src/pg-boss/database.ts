/** The parts of PostgreSQL that both sides need: pg-boss's tables, notifications, and the meaning of errors. */
import {EngineError} from 'aio-tasks/remote'
import type {PgBoss} from 'pg-boss'
import {delay, withClosingTimeout} from '../remote/waiting.js'
import type {ResolvedQueue} from './options.js'

/** A connection without an answer for this time counts as dead, in milliseconds. */
const answerTimeout = 15_000

/**
 * Error codes of PostgreSQL (a class or a whole code) and of the network that are temporary: it cannot be reached, or
 * accepts nothing now.
 */
const transientCodes =
  /^(08|53|57P0|40001|40P01|25006|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)/
const transientMessages =
  /Connection terminated|Query read timeout|connection (timeout|error)|timeout exceeded|timeout expired|not answer/i
/** The password, role or database is wrong: no retry would help. */
const fatalCodes = /^(28|3D000)/

export function isTransient(error: unknown): boolean {
  const {code, message} = error as NodeJS.ErrnoException
  return transientCodes.test(code ?? '') || transientMessages.test(message)
}

type Listener = (payload: string) => void

/** pg-boss's database, for one queue. */
export class Database {
  readonly boss: PgBoss
  readonly queue: string
  readonly #options: ResolvedQueue
  #created: Promise<void> | undefined
  #listening: Promise<{close(): Promise<void>} | undefined> | undefined

  constructor(options: ResolvedQueue) {
    this.boss = options.boss
    this.queue = options.queue
    this.#options = options
  }

  get schema(): string {
    return this.#options.schema
  }

  /** The table of all jobs. */
  get table(): string {
    return `${this.schema}.job`
  }

  /** Calls pg-boss or PostgreSQL, once the queue exists. A missing answer is a transient error. */
  async ask<V>(call: () => Promise<V>): Promise<V> {
    try {
      await this.#withTimeout((this.#created ??= this.#create()))
      return await this.#withTimeout(call())
    } catch (error) {
      if (fatalCodes.test((error as NodeJS.ErrnoException).code ?? ''))
        throw new EngineError(`PostgreSQL refuses the connection: ${(error as Error).message}`, {cause: error})
      throw error
    }
  }

  sql<Row>(text: string, values: unknown[]): Promise<Row[]> {
    return this.ask(async () => (await this.boss.getDb().executeSql(text, values)).rows as Row[])
  }

  /**
   * Listens to the notifications of this queue, if that is possible and wanted. Notifications during a lost connection
   * are lost.
   */
  async listen(hear: Listener): Promise<void> {
    if (!this.#options.notify) return
    const database = this.boss.getDb()
    this.#listening ??= Promise.resolve(database.listen?.(this.#channel, hear, () => hear('')))
    try {
      await this.ask(async () => this.#listening)
    } catch (error) {
      this.#listening = undefined
      throw error
    }
  }

  /** An SQL query that notifies all listeners; the payload is an SQL expression. */
  notification(payload: string): string {
    return `SELECT pg_notify('${this.#channel}', ${payload})`
  }

  /** Notifies all listeners, and does not wait: if a notification cannot be sent, the listeners look later. */
  notify(payload: string): void {
    this.sql(this.notification('$1'), [payload]).catch(() => {})
  }

  get notifies(): boolean {
    return this.#options.notify
  }

  async close(): Promise<void> {
    await withClosingTimeout(this.#stopListening())
  }

  async #stopListening(): Promise<void> {
    const listening = await this.#listening?.catch(() => undefined)
    await listening?.close()
  }

  /** A channel name for each queue, in letters that PostgreSQL accepts. */
  get #channel(): string {
    return `aio_tasks_${Buffer.from(`${this.#options.schema}.${this.queue}`).toString('hex').slice(0, 50)}`
  }

  async #create(): Promise<void> {
    try {
      if ((await this.boss.getQueue(this.queue)) === null)
        await this.boss.createQueue(this.queue, this.#options.queueOptions)
    } catch (error) {
      this.#created = undefined
      throw error
    }
  }

  async #withTimeout<V>(work: Promise<V>): Promise<V> {
    const controller = new AbortController()
    const silence = delay(answerTimeout, controller.signal).then(() => {
      throw new Error(`PostgreSQL did not answer within ${answerTimeout} ms`)
    })
    silence.catch(() => {})
    try {
      return await Promise.race([work, silence])
    } finally {
      controller.abort()
    }
  }
}
