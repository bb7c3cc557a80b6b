/**
 * An engine of one's own, which keeps its jobs in memory: what `aio-tasks/remote` needs to run jobs anywhere, in some
 * fifty lines. `npx tsx examples/engine.ts` hands ten jobs in on one side, and runs them on the other.
 */
import {once} from 'node:events'
import {fileURLToPath} from 'node:url'
import {ConcurrentRunner} from 'aio-tasks'
import {
  LostJobError,
  type NewJob,
  type News,
  type Outcome,
  type ProducerEngine,
  remoteTasks,
  type TakenJob,
  type WorkerEngine,
  workerTasks,
} from 'aio-tasks/remote'

interface Entry {
  readonly data: unknown
  outcome: Outcome
  /** When the worker that has it counts as lost, by `performance.now()`. */
  leaseUntil: number
  /** Which of the times it was taken this is: a worker that was too slow has an older number. */
  taken: number
}

/** The queue itself. Both sides of it must be in this process. */
export class MemoryQueue {
  readonly #jobs = new Map<string, Entry>()
  readonly #waiting: string[] = []
  readonly #listeners = new Set<(news: News) => void>()
  readonly #events = new EventTarget()
  readonly #lease: number

  /** @param lease Milliseconds after which a job whose worker has given no sign of life is another worker's. */
  constructor(lease = 5000) {
    this.#lease = lease
  }

  producer<D>(): ProducerEngine<D> {
    let listener: ((news: News) => void) | undefined
    return {
      add: async (jobs: ReadonlyArray<NewJob<D>>) => {
        for (const {id, data} of jobs) {
          const known = this.#jobs.get(id)
          if (known)
            listener?.({id, status: 'changed'}) // it may have finished before
          else this.#put(id, {data, outcome: {id, status: 'waiting'}, leaseUntil: 0, taken: 0})
        }
      },
      outcomes: async (ids) => ids.map((id) => this.#jobs.get(id)?.outcome ?? {id, status: 'missing'}),
      remove: async (ids) => {
        for (const id of ids) if (this.#jobs.get(id)?.outcome.status === 'waiting') this.#jobs.delete(id)
      },
      listen: (hear) => void this.#listeners.add((listener = hear)),
      close: async () => void (listener && this.#listeners.delete(listener)),
    }
  }

  worker<D>(): WorkerEngine<TakenJob<D>> {
    return {touchEvery: this.#lease / 3, take: (max, signal) => this.#take<D>(max, signal)}
  }

  #put(id: string, entry: Entry): void {
    this.#jobs.set(id, entry)
    this.#waiting.push(id)
    this.#events.dispatchEvent(new Event('job'))
  }

  async #take<D>(max: number, signal: AbortSignal): Promise<Array<TakenJob<D>>> {
    while (!signal.aborted) {
      this.#takeBack()
      const ids = this.#waiting.splice(0, max).filter((id) => this.#jobs.get(id)?.outcome.status === 'waiting')
      if (ids.length > 0) return ids.map((id) => this.#takenJob<D>(id))
      await once(this.#events, 'job', {
        signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(this.#lease / 3))]),
      }).catch(
        () => {}, // it is aborted, or time to look for jobs that are lost
      )
    }
    return []
  }

  /** Jobs whose workers have given no sign of life wait again. */
  #takeBack(): void {
    for (const [id, entry] of this.#jobs)
      if (entry.outcome.status === 'active' && entry.leaseUntil < performance.now()) {
        entry.outcome = {id, status: 'waiting'}
        this.#waiting.push(id)
      }
  }

  #takenJob<D>(id: string): TakenJob<D> {
    const entry = this.#jobs.get(id)
    if (entry === undefined) throw new Error(`There is no job ${id}`)
    const number = ++entry.taken
    const set = async (outcome: Outcome): Promise<void> => {
      if (entry.taken !== number || entry.outcome.status !== 'active') throw new LostJobError(id)
      entry.outcome = outcome
      if (outcome.status !== 'missing') for (const hear of this.#listeners) hear(outcome)
    }
    const touch = async (): Promise<void> => {
      await set({id, status: 'active'})
      entry.leaseUntil = performance.now() + this.#lease
    }
    entry.outcome = {id, status: 'active'}
    entry.leaseUntil = performance.now() + this.#lease
    return {
      id,
      data: entry.data as D,
      done: (result) => set({id, status: 'completed', result: result ?? null}),
      failed: ({message, stack}) => set({id, status: 'failed', reason: message, stack, attempts: number}),
      back: async () => {
        await set({id, status: 'waiting'})
        this.#put(id, entry)
      },
      touch,
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const queue = new MemoryQueue()
  const worker = new ConcurrentRunner(
    workerTasks(queue.worker<number>(), ({data}) => data ** 2),
    {limit: 3},
  )
  const working = worker.run()
  const squares = remoteTasks<number, number>(Array(10).keys(), queue.producer())
  for await (const square of new ConcurrentRunner(squares, {limit: 5})) console.log(square)
  await worker.stop()
  await working
}
