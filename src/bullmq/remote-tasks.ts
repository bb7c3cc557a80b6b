/** A source of tasks for the one who has the jobs: hands each to workers anywhere, and gives its result. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {checkIterable, isAsyncIterable, iteratorToClose} from '../source.js'
import {refused} from '../tasks.js'
import type {TaskFunction} from '../types.js'
import {resolveRemote} from './options.js'
import {RemoteQueue} from './remote-queue.js'
import type {RemoteTasksOptions} from './types.js'

type Jobs<D> = Iterable<D> | AsyncIterable<D>
type Result<R> = IteratorResult<TaskFunction<R>, undefined>

/**
 * A source of tasks for a runner: each hands one job to a queue, and its result is the job's, which a worker
 * somewhere gives. The runner's limit is the number of jobs in flight. As lazy as `jobs` is, and nothing is
 * connected before the first task is called.
 *
 * Each job is run at least once, and its result found whatever happens: events tell of it, and every
 * `checkInterval` the jobs that none has told of are looked at. A job that fails for good fails its task with a
 * {@link RemoteJobError}. When the run is aborted, jobs that no worker runs are taken out of the queue; those
 * running finish. The run has drained when that is done and the connections are closed.
 *
 * @param jobs What is handed to the handlers as `job.data`: JSON.
 * @param options See {@link RemoteTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * const sizes = remoteTasks<string, number>(paths, {queue: 'images', connection})
 * for await (const size of new ConcurrentRunner(sizes, {limit: 500})) console.log(size)
 * ```
 */
export function remoteTasks<D, R = unknown>(
  jobs: Jobs<D>,
  options: RemoteTasksOptions<D>,
): AsyncIterableIterator<TaskFunction<R>, undefined> {
  checkIterable('jobs', jobs, 'an iterable or an async iterable')
  return new RemoteSource<D, R>(jobs, new RemoteQueue<D, R>(resolveRemote(options)))
}

// Written by hand and not as a generator: a generator could not be closed while it waits for an item.
class RemoteSource<D, R> implements AsyncIterableIterator<TaskFunction<R>, undefined> {
  readonly #jobs: Jobs<D>
  readonly #queue: RemoteQueue<D, R>
  #iterator: Iterator<D> | AsyncIterator<D> | undefined
  #index = 0
  /** Calls of `next()` that the jobs have not answered. */
  readonly #pulls = new Set<DeferredPromise<Result<R>>>()
  /** Tasks that are not over. */
  #tasks = 0
  /** Those among them that have been called. */
  #running = 0
  #state: 'open' | 'exhausted' | 'left' = 'open'
  #isClosing = false
  readonly #closed: DeferredPromise<void> = pDefer()

  constructor(jobs: Jobs<D>, queue: RemoteQueue<D, R>) {
    this.#jobs = jobs
    this.#queue = queue
  }

  next(): Promise<Result<R>> {
    if (this.#state !== 'open') return Promise.resolve(done())
    const pull = pDefer<Result<R>>()
    this.#pulls.add(pull)
    void this.#pull(pull)
    return pull.promise
  }

  /** Closes the jobs, and waits until the tasks that run are over and the connections are closed. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    const wasOpen = this.#state === 'open'
    const wasPulling = this.#pulls.size > 0
    this.#state = 'left'
    for (const pull of this.#pulls) pull.resolve(done())
    try {
      const returned = wasOpen ? this.#closeJobs() : undefined
      // Jobs in the middle of producing the next one cannot be interrupted, and close when they come back.
      if (wasPulling) void returned?.catch((error: unknown) => this.#queue.report(error))
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
      this.#iterator ??= isAsyncIterable(this.#jobs)
        ? this.#jobs[Symbol.asyncIterator]()
        : this.#jobs[Symbol.iterator]()
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
    // However often it is called, it is one job: to try again is BullMQ's.
    let result: Promise<R> | undefined
    const run: TaskFunction<R> = ({signal}) => (result ??= this.#run(data, index, signal))
    const dispose = async (): Promise<void> => {
      if (result !== undefined) return
      result = refused(new DOMException('The job will not be handed in', 'AbortError'))
      await this.#over()
    }
    return Object.assign(run, {[Symbol.asyncDispose]: dispose})
  }

  async #run(data: D, index: number, signal: AbortSignal): Promise<R> {
    if (this.#state === 'left') throw new DOMException('The source of the job has been closed', 'AbortError')
    this.#running++
    try {
      return await this.#queue.run(data, index, signal)
    } finally {
      this.#running--
      await this.#over()
    }
  }

  /** A task is over. The last one waits until all is closed, so that with it nothing is left. */
  async #over(): Promise<void> {
    this.#tasks--
    const isLast = this.#state === 'left' ? this.#running === 0 : this.#state === 'exhausted' && this.#tasks === 0
    if (isLast) await this.#close()
  }

  async #exhaust(): Promise<void> {
    if (this.#state === 'open') this.#state = 'exhausted'
    if (this.#tasks === 0) await this.#close()
  }

  async #closeJobs(): Promise<void> {
    await (this.#iterator ?? iteratorToClose(this.#jobs))?.return?.()
  }

  #close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      void this.#queue.close().finally(() => this.#closed.resolve())
    }
    return this.#closed.promise
  }
}

function done(): IteratorReturnResult<undefined> {
  return {done: true, value: undefined}
}
