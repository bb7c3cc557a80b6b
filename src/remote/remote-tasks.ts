/**
 * A source of tasks for the process that has the jobs: each task hands a job to a worker anywhere, and gives its
 * result.
 */

import type {TaskFunction} from 'aio-tasks'
import pDefer, {type DeferredPromise} from 'p-defer'
import {checkIterable, checkMethods, isAsyncIterable} from '../checks.js'
import {resolveRemote} from './options.js'
import {RemoteJobs} from './remote-jobs.js'
import type {ProducerEngine, RemoteOptions, RemoteStats, RemoteTasks} from './types.js'
import {rejectedSilently} from './waiting.js'

type Jobs<D> = Iterable<D> | AsyncIterable<D>
type Result<R> = IteratorResult<TaskFunction<R>, undefined>

/**
 * A source of tasks for a runner. Each task hands one job to an engine, waits until a worker somewhere has run the job,
 * and gives the job's result. The runner's limit is the number of jobs in flight. `jobs` is read lazily, and the engine
 * is not called before the first task is called.
 *
 * Each job runs at least once, and its result is found in any case: the engine sends news and, every `checkInterval`,
 * the source looks at jobs without news. A job that fails for good fails its task with a {@link RemoteJobError}. When
 * the run is aborted, jobs that no worker runs are withdrawn, and running jobs finish. The run has drained when all
 * jobs are withdrawn and the engine is closed.
 *
 * @param jobs The data of each job, which handlers get as `job.data`.
 * @param engine The producer's side of an engine. It is closed with the source.
 * @param options See {@link RemoteOptions}.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * const sizes = remoteTasks<unknown, number>(paths, engine, {checkInterval: 1000})
 * for await (const size of new ConcurrentRunner(sizes, {limit: 500})) console.log(size)
 * ```
 */
export function remoteTasks<D, R = unknown>(
  jobs: Jobs<D>,
  engine: ProducerEngine<D>,
  options: RemoteOptions<D> = {},
): RemoteTasks<R> {
  checkIterable('jobs', jobs)
  checkMethods('engine', engine, ['add', 'outcomes'])
  const resolved = resolveRemote(options)
  return new RemoteSource<D, R>(jobs, (onBroken) => new RemoteJobs<D, R>(engine, resolved, onBroken))
}

// Written by hand and not as a generator: a generator could not be closed while it waits for an item.
class RemoteSource<D, R> implements RemoteTasks<R> {
  readonly #items: Jobs<D>
  readonly #jobs: RemoteJobs<D, R>
  #iterator: Iterator<D> | AsyncIterator<D> | undefined
  #index = 0
  /** Calls of `next()` that wait for an item. */
  readonly #pulls = new Set<DeferredPromise<Result<R>>>()
  /** How many tasks are not over. */
  #tasks = 0
  /** How many of these tasks have been called. */
  #running = 0
  #state: 'open' | 'exhausted' | 'left' = 'open'
  #broken: {readonly error: unknown} | undefined
  #isClosing = false
  readonly #closed: DeferredPromise<void> = pDefer()

  constructor(items: Jobs<D>, connect: (onBroken: (error: Error) => void) => RemoteJobs<D, R>) {
    this.#items = items
    this.#jobs = connect((error) => this.#break(error))
  }

  get stats(): RemoteStats {
    return this.#jobs.stats
  }

  next(): Promise<Result<R>> {
    if (this.#broken) return Promise.reject(this.#broken.error)
    if (this.#state !== 'open') return Promise.resolve(done())
    const pull = pDefer<Result<R>>()
    this.#pulls.add(pull)
    void this.#pull(pull)
    return pull.promise
  }

  /** Closes `jobs`, and waits until the running tasks are over and the engine is closed. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    const wasOpen = this.#state === 'open'
    const wasPulling = this.#pulls.size > 0
    this.#state = 'left'
    for (const pull of this.#pulls) pull.resolve(done())
    try {
      const returned = wasOpen ? this.#closeItems() : undefined
      // An iterator that is producing an item cannot be interrupted: it closes when it has returned the item.
      if (wasPulling) void returned?.catch((error: unknown) => this.#jobs.report(error))
      else await returned
    } finally {
      if (this.#running === 0) void this.#close()
      await this.#closed.promise
    }
    return done()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #pull(pull: DeferredPromise<Result<R>>): Promise<void> {
    try {
      this.#iterator ??= isAsyncIterable(this.#items)
        ? this.#items[Symbol.asyncIterator]()
        : this.#items[Symbol.iterator]()
      const {done: isDone, value} = await this.#iterator.next()
      if (!isDone && this.#state === 'open') pull.resolve({done: false, value: this.#task(value)})
      else {
        await this.#exhaust()
        pull.resolve(done())
      }
    } catch (error) {
      await this.#exhaust()
      pull.reject(error)
    }
    this.#pulls.delete(pull)
  }

  #task(data: D): TaskFunction<R> {
    const index = this.#index++
    this.#tasks++
    // However often the task is called, it is one job: retries belong to the engine.
    let result: Promise<R> | undefined
    const run: TaskFunction<R> = ({signal}) => (result ??= this.#run(data, index, signal))
    const dispose = async (): Promise<void> => {
      if (result !== undefined) return
      result = rejectedSilently(new DOMException('The job will not be handed in', 'AbortError'))
      await this.#over()
    }
    return Object.assign(run, {[Symbol.asyncDispose]: dispose})
  }

  async #run(data: D, index: number, signal: AbortSignal): Promise<R> {
    if (this.#state === 'left') throw new DOMException('The source of the job has been closed', 'AbortError')
    this.#running++
    try {
      return await this.#jobs.run(data, index, signal)
    } finally {
      this.#running--
      await this.#over()
    }
  }

  /** A task is over. The last task waits until the engine is closed, so that nothing stays open after it. */
  async #over(): Promise<void> {
    this.#tasks--
    const isLast = this.#state === 'left' ? this.#running === 0 : this.#state === 'exhausted' && this.#tasks === 0
    if (isLast) await this.#close()
  }

  async #exhaust(): Promise<void> {
    if (this.#state === 'open') this.#state = 'exhausted'
    if (this.#tasks === 0) await this.#close()
  }

  /** The engine cannot work any more: the run fails with its error at the next pull, or at the pull that waits. */
  #break(error: Error): void {
    if (this.#state === 'left') return
    const wasOpen = this.#state === 'open'
    this.#broken = {error}
    this.#state = 'left'
    for (const pull of this.#pulls) pull.reject(error)
    if (wasOpen) void this.#closeItemsLater()
    if (this.#running === 0) void this.#close()
  }

  /** Closes without waiting; an error is reported. */
  async #closeItemsLater(): Promise<void> {
    try {
      await this.#closeItems()
    } catch (error) {
      this.#jobs.report(error)
    }
  }

  async #closeItems(): Promise<void> {
    await (this.#iterator ?? unopened(this.#items))?.return?.()
  }

  #close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      void this.#jobs.close().finally(() => this.#closed.resolve())
    }
    return this.#closed.promise
  }
}

/** The part of unread `jobs` that must be closed: an iterator that is its own iterable, such as a generator. */
function unopened<D>(items: Jobs<D>): Iterator<D> | AsyncIterator<D> | undefined {
  return 'next' in items && typeof items.next === 'function' ? (items as unknown as Iterator<D>) : undefined
}

function done(): IteratorReturnResult<undefined> {
  return {done: true, value: undefined}
}
