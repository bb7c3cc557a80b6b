/** pg-boss as the engine of a producer: inserts jobs, reads their rows, and listens to PostgreSQL's notifications. */
import type {NewJob, News, Outcome, ProducerEngine} from 'aio-tasks/remote'
import {Database, isTransient} from './database.js'
import type {ResolvedQueue} from './options.js'
import type {RemoteJobOptions} from './types.js'

interface Row {
  readonly id: string
  readonly state: 'created' | 'retry' | 'active' | 'completed' | 'cancelled' | 'failed'
  readonly output: unknown
  readonly retry_count: number
}

export class PgBossProducerEngine<D> implements ProducerEngine<D> {
  readonly #database: Database
  readonly #pollInterval: number
  readonly #jobOptions: (data: D, index: number) => RemoteJobOptions
  /** The jobs handed in whose outcome is not known. */
  readonly #open = new Set<string>()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(options: ResolvedQueue, jobOptions: (data: D, index: number) => RemoteJobOptions) {
    this.#database = new Database(options)
    this.#pollInterval = options.pollInterval
    this.#jobOptions = jobOptions
  }

  isTransient(error: unknown): boolean {
    return isTransient(error)
  }

  async add(jobs: ReadonlyArray<NewJob<D>>): Promise<string[]> {
    const {boss, queue, notifies} = this.#database
    const inserts = jobs.map(({id, data, index}) => ({...this.#jobOptions(data, index), id, data: data as object}))
    for (const {id} of jobs) this.#open.add(id) // added first: a worker may be faster than the answer
    const inserted = new Set(await this.#database.ask(() => boss.insert(queue, inserts, {returnId: true})))
    if (notifies && inserted.size > 0) this.#database.notify('jobs')
    return jobs.map(({id}) => id).filter((id) => !inserted.has(id))
  }

  async outcomes(ids: readonly string[]): Promise<Outcome[]> {
    const {table, queue} = this.#database
    const text = `SELECT id, state, output, retry_count FROM ${table} WHERE name = $1 AND id = ANY($2::uuid[])`
    const rows = new Map((await this.#database.sql<Row>(text, [queue, ids])).map((row) => [row.id, row]))
    return ids.map((id) => {
      const outcome = outcomeOf(id, rows.get(id))
      if (outcome.status === 'completed' || outcome.status === 'failed') this.#open.delete(id)
      return outcome
    })
  }

  async remove(ids: readonly string[]): Promise<void> {
    const {table, queue} = this.#database
    for (const id of ids) this.#open.delete(id)
    const text = `DELETE FROM ${table} WHERE name = $1 AND id = ANY($2::uuid[]) AND state IN ('created', 'retry')`
    await this.#database.sql(text, [queue, ids])
  }

  async listen(hear: (news: News) => void): Promise<void> {
    await this.#database.listen((payload) => {
      for (const id of payload === '' ? this.#open : payload.split(','))
        if (this.#open.has(id)) hear({id, status: 'changed'})
    })
    if (!this.#database.notifies)
      this.#timer = setInterval(() => {
        for (const id of this.#open) hear({id, status: 'changed'})
      }, this.#pollInterval)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#database.close()
  }
}

function outcomeOf(id: string, row: Row | undefined): Outcome {
  switch (row?.state) {
    case undefined:
      return {id, status: 'missing'}
    case 'completed':
      return {id, status: 'completed', result: unwrapped(row.output)}
    case 'failed': {
      const {message = 'unknown', stack} = (unwrapped(row.output) ?? {}) as {message?: string; stack?: string}
      return {id, status: 'failed', reason: message, stack, attempts: row.retry_count + 1}
    }
    case 'cancelled':
      return {id, status: 'failed', reason: 'The job was cancelled', attempts: row.retry_count}
    case 'active':
      return {id, status: 'active'}
    default:
      return {id, status: 'waiting'}
  }
}

/** pg-boss stores a value that is no object as `{value}`; workers here do so with every result. */
function unwrapped(output: unknown): unknown {
  const isWrapped = typeof output === 'object' && output !== null && Object.keys(output).join() === 'value'
  return isWrapped ? (output as {value: unknown}).value : output
}
