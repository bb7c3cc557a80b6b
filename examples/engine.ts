/**
 * An engine of one's own, which keeps its jobs in memory: all that `aio-tasks/remote` needs to run jobs anywhere. It
 * passes the suite in `test/engine.ts`. `npx tsx examples/own-engine.ts` runs ten jobs on it.
 */
import type {News, Outcome, ProducerEngine, TakenJob, WorkerEngine} from 'aio-tasks/remote'
import {LostJobError} from 'aio-tasks/remote'

/** A job, how far it is, how often it has been taken, and from when on a worker may take it, by `performance.now()`. */
type Entry = {id: string; data: unknown; outcome: Outcome; taken: number; freeAt: number}

/** The queue itself. Both sides of it must be in this process. */
export class MemoryQueue {
  readonly #jobs = new Map<string, Entry>()
  readonly #listeners = new Set<(news: News) => void>()
  /** Milliseconds after which a job whose worker has given no sign of life is another worker's. */
  lease = 5000

  producer<D>(): ProducerEngine<D> {
    let listener: (news: News) => void
    return {
      add: async (jobs) => {
        const known = jobs.filter(({id}) => this.#jobs.has(id)).map(({id}) => id)
        for (const {id, data} of jobs)
          if (!this.#jobs.has(id)) this.#jobs.set(id, {id, data, outcome: {id, status: 'waiting'}, taken: 0, freeAt: 0})
        return known
      },
      outcomes: async (ids) => ids.map((id) => this.#jobs.get(id)?.outcome ?? {id, status: 'missing'}),
      remove: async (ids) => {
        for (const id of ids) if (this.#jobs.get(id)?.outcome.status === 'waiting') this.#jobs.delete(id)
      },
      listen: (hear) => void this.#listeners.add((listener = hear)),
      close: async () => void this.#listeners.delete(listener),
    }
  }

  worker<D>(): WorkerEngine<TakenJob<D>> {
    return {
      pollEvery: 10,
      touchEvery: this.lease / 3,
      take: async (max) => {
        const free = [...this.#jobs.values()].filter(({freeAt}) => freeAt < performance.now())
        return free.slice(0, max).map((job) => this.#taken<D>(job))
      },
    }
  }

  #taken<D>(job: Entry): TakenJob<D> {
    const {id} = job
    const number = ++job.taken
    job.outcome = {id, status: 'active'}
    const set = async (outcome: Outcome, freeAt = Infinity): Promise<void> => {
      if (job.taken !== number || job.outcome.status !== 'active') throw new LostJobError(id)
      Object.assign(job, {outcome, freeAt})
      for (const hear of this.#listeners) hear(outcome)
    }
    const touch = (): Promise<void> => set({id, status: 'active'}, performance.now() + this.lease)
    void touch()
    return {
      id,
      data: job.data as D,
      touch,
      done: (result) => set({id, status: 'completed', result: result ?? null}),
      failed: ({message, stack}) => set({id, status: 'failed', reason: message, stack, attempts: number}),
      back: () => set({id, status: 'waiting'}, 0),
    }
  }
}
