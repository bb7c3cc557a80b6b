/** pg-boss as the engine of a worker: fetches jobs in batches, and hands in their outcomes in batches. */
import {Batch, LostJobError, type WorkerEngine, type WorkerHost} from 'aio-tasks/remote'
import type {Job} from 'pg-boss'
import {Database, isTransient} from './database.js'
import type {ResolvedQueue} from './options.js'
import type {PgBossJob} from './types.js'

/** How many ids fit into one notification, which holds 8,000 bytes. */
const idsInNotification = 200

/**
 * The new state of one attempt at a job. If another worker has taken the job since, its row has another `retry_count`.
 */
interface Change {
  readonly id: string
  readonly retry_count: number
  readonly output?: {readonly value: unknown}
  readonly lose: (error: LostJobError) => void
}

/** The key of an attempt in the JSON of a batch. */
const attemptOfRow = "(j.id::text || ':' || j.retry_count::text)"

/**
 * Changes the rows of a batch that still belong to this worker and are in one of these states, and notifies in the same
 * statement. A join with the rows of the batch would be shorter, but PostgreSQL then reads all jobs of the queue, unless
 * it knows that they are many.
 */
function changing(table: string, set: string, states: string, tell: string): string {
  return `WITH changed AS (
      UPDATE ${table} j ${set}
      WHERE j.name = $1 AND j.id = ANY($2::uuid[]) AND $3::jsonb ? ${attemptOfRow} AND j.state IN (${states})
      RETURNING j.id, ${attemptOfRow} AS attempt
    ), told AS MATERIALIZED (${tell})
    SELECT attempt FROM changed WHERE (SELECT count(*) FROM told) >= 0`
}

function attemptOf({id, retry_count}: Pick<Change, 'id' | 'retry_count'>): string {
  return `${id}:${retry_count}`
}

/** Which side a batch notifies: the producers, of jobs that are done, or the workers, of jobs that wait. */
type Audience = 'producers' | 'workers' | 'nobody'

export class PgBossWorkerEngine<D> implements WorkerEngine<PgBossJob<D>> {
  /** Sends three signs of life within the time after which a worker counts as dead. */
  readonly touchEvery: number
  readonly pollEvery: number
  readonly #database: Database
  readonly #completions = this.#batch(
    () => `SET state = 'completed', completed_on = now(), output = $3::jsonb -> ${attemptOfRow}`,
    'producers',
  )
  readonly #returns = this.#batch(
    (schema) => `SET state = (CASE WHEN j.retry_count > 0 THEN 'retry' ELSE 'created' END)::${schema}.job_state,
      started_on = NULL, heartbeat_on = NULL`,
    'workers',
  )
  readonly #touches = this.#batch(() => 'SET heartbeat_on = now()', 'nobody')
  #host: WorkerHost<PgBossJob<D>> | undefined

  constructor(options: ResolvedQueue) {
    this.#database = new Database(options)
    this.pollEvery = options.pollInterval
    this.touchEvery = ((options.queueOptions.heartbeatSeconds ?? 30) * 1000) / 3
  }

  listen(host: WorkerHost<PgBossJob<D>>): void {
    this.#host = host
  }

  isTransient(error: unknown): boolean {
    return isTransient(error)
  }

  async take(max: number): Promise<ReadonlyArray<PgBossJob<D>>> {
    const {boss, queue} = this.#database
    await this.#database.listen((payload) => {
      if (payload === 'jobs' || payload === '') this.#host?.wake()
    })
    const jobs = await this.#database.ask(() => boss.fetch<D>(queue, {batchSize: max}))
    return jobs.map((job) => this.#taken(job))
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  #taken(job: Job<D>): PgBossJob<D> {
    const {id, data, retryCount} = job
    const attempt = {id, retry_count: retryCount}
    return {
      id,
      data,
      job,
      done: (result) => change(this.#completions, {...attempt, output: {value: result ?? null}}),
      failed: (error) => this.#fail(job, error),
      back: () => change(this.#returns, attempt),
      touch: () => change(this.#touches, attempt),
    }
  }

  /** Each job separately, by pg-boss itself, which handles retries and dead letters. */
  async #fail({id, retryCount}: Job<D>, {name, message, stack}: Error): Promise<void> {
    const {boss, queue, notifies} = this.#database
    const answer = await this.#database.ask(() => boss.fail(queue, {id, retryCount}, {name, message, stack}))
    if ('affected' in answer && answer.affected === 0) throw new LostJobError(id)
    if (notifies) this.#database.notify(id)
  }

  #batch(set: (schema: string) => string, audience: Audience): Batch<Change> {
    return new Batch(async (changes) => {
      const {schema, table, queue} = this.#database
      // An outcome whose answer was lost with its connection is handed in again: the row already has it, with the same
      // attempt.
      const states = audience === 'producers' ? "'active', 'completed'" : "'active'"
      const text = changing(table, set(schema), states, this.#telling(audience))
      const outputs = Object.fromEntries(changes.map((row) => [attemptOf(row), row.output ?? null]))
      const values = [queue, changes.map(({id}) => id), JSON.stringify(outputs)]
      const done = await this.#database.sql<{attempt: string}>(text, values)
      const attempts = new Set(done.map(({attempt}) => attempt))
      for (const row of changes) if (!attempts.has(attemptOf(row))) row.lose(new LostJobError(row.id))
    })
  }

  #telling(audience: Audience): string {
    if (audience === 'nobody' || !this.#database.notifies) return 'SELECT 1'
    if (audience === 'workers') return `${this.#database.notification("'jobs'")} WHERE EXISTS (SELECT FROM changed)`
    return `${this.#database.notification('ids')} FROM (
      SELECT string_agg(id::text, ',') AS ids
      FROM (SELECT id, (row_number() OVER () - 1) / ${idsInNotification} AS part FROM changed) parts GROUP BY part
    ) lists`
  }
}

/**
 * Makes the change together with the other changes of this turn; rejects if the job does not belong to this worker any
 * more.
 */
async function change(batch: Batch<Change>, row: Omit<Change, 'lose'>): Promise<void> {
  let lost: LostJobError | undefined
  await batch.add({...row, lose: (error) => void (lost = error)})
  if (lost !== undefined) throw lost
}
