/** A source to push tasks into, for services that run for as long as they are needed. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {Entry, type EntryOwner} from './entry.js'
import {Fifo} from './fifo.js'
import {checkTask, resolvePush, resolveQueue} from './options.js'
import {Priorities} from './priorities.js'
import {nextTurn} from './runtime.js'
import {nothing, takeNow} from './source.js'
import {handleRejection, refused} from './tasks.js'
import type {PushOptions, QueueOptions, Task, TaskFunction} from './types.js'

/** An iterator's call of `next` that waits for a task. */
type Taker<T> = DeferredPromise<IteratorResult<TaskFunction<T>, undefined>> & {
  readonly iterator: AsyncIterator<TaskFunction<T>, undefined>
}

/**
 * A source of tasks that are pushed into it: higher priorities first, and first in, first out within
 * one. Give it to one or more runners; each task runs once, in whichever has a free slot.
 *
 * Every promise it hands out settles: a task's with that task's own result or error, or with the reason
 * why it will not run. A task waits until a runner takes it; what a runner has taken and cannot start, as it is
 * paused, full or at its end, goes back to where it stood, for any runner. A promise that nobody awaits never
 * becomes an unhandled rejection: the runner's `error` event tells of failures.
 *
 * @typeParam T What the tasks give. With `unknown`, the default, each push has a type of its own.
 * @example
 * ```ts
 * const queue = new TaskQueue({capacity: 1000})
 * const running = new ConcurrentRunner(queue, {limit: 10, yieldExceptions: true}).run()
 * const answer = await queue.push(({signal}) => fetch('https://example.com', {signal}), {priority: 1})
 * queue.close()
 * await running
 * ```
 */
export class TaskQueue<T = unknown> implements AsyncIterable<TaskFunction<T>> {
  readonly #capacity: number
  readonly #waiting = new Priorities<Entry>()
  /** Tasks that runners have taken and that have not settled. */
  #running = 0
  #state: 'open' | 'open until idle' | 'closed' = 'open'
  /** Runners that wait for a task, the longest waiting first. Empty while tasks wait. */
  #takers: Array<Taker<T>> = []
  readonly #roomAwaited = new Fifo<DeferredPromise<void>>()
  /** Those who have been let through in this turn of the event loop, and may be about to push. */
  #admitted = 0
  #isAdmitting = false
  /** Will look, in a later turn, whether the queue is idle still. */
  #isLooking = false
  #idleAwaited: DeferredPromise<void> | undefined
  readonly #owner: EntryOwner = {
    withdrawn: (entry) => {
      this.#waiting.remove(entry)
      this.#changed()
    },
    returned: (entry) => {
      this.#running--
      this.#waiting.putBack(entry)
      this.#serve()
    },
    released: () => {
      this.#running--
      this.#changed()
    },
  }

  /**
   * Makes an empty queue.
   *
   * @param options `capacity`: how many tasks may wait, an integer ≥ 1 or `Infinity`, the default.
   * @throws TypeError or RangeError if `capacity` is anything else.
   */
  constructor(options?: QueueOptions) {
    this.#capacity = resolveQueue(options).capacity
  }

  /** Tasks waiting for a runner. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Adds a task, which waits until a runner has a free slot for it.
   *
   * @param task A function, called when its turn has come in the `AsyncLocalStorage` context of this
   * push; or a promise.
   * @param options `priority`: higher goes first, default 0. `signal`: takes the task out of the queue
   * when it aborts or, if the task is running already, aborts its `context.signal`.
   * @returns The task's own result. Rejects with what the task throws; with the signal's reason; with a
   * `QuotaExceededError` if the queue is full; with an `InvalidStateError` if it is closed; or with the
   * reason given to `clear`.
   * @throws TypeError or RangeError if an argument is wrong.
   * @example
   * ```ts
   * const body = await queue.push(({signal}) => load(url, {signal}), {priority: 1})
   * ```
   */
  push<R extends T>(task: Task<R>, options?: PushOptions): Promise<Awaited<R>>
  /** To a queue whose results nobody needs: takes tasks that give anything. */
  push(this: TaskQueue<void>, task: Task<unknown>, options?: PushOptions): Promise<void>
  push<R extends T>(task: Task<R>, options?: PushOptions): Promise<Awaited<R>> {
    checkTask(task)
    const {priority, signal} = resolvePush(options)
    handleRejection(task)
    if (this.#state === 'closed') return refused(closedError())
    if (signal?.aborted) return refused(signal.reason)
    // Who was let through has a place, also if a task has come back since.
    if (this.#waiting.size >= this.#capacity && this.#admitted === 0)
      return refused(new DOMException(`The queue is full: ${this.#capacity} tasks wait`, 'QuotaExceededError'))
    const entry = new Entry(task, priority, signal, this.#owner)
    if (this.#admitted > 0) this.#admitted--
    this.#waiting.push(entry)
    this.#serve()
    return entry.outcome as Promise<Awaited<R>>
  }

  /**
   * Resolves when fewer than `capacity` tasks wait. Lets through as many as there is room for, the longest
   * waiting first, so that of those who push as soon as they are let through none is refused. Rejects if
   * the queue is closed.
   *
   * @example
   * ```ts
   * for (const url of urls) {
   *   await queue.room()
   *   void queue.push(() => load(url))
   * }
   * ```
   */
  room(): Promise<void> {
    if (this.#state === 'closed') return refused(closedError())
    if (this.#capacity === Infinity) return Promise.resolve()
    const awaited = pDefer<void>()
    handleRejection(awaited.promise)
    this.#roomAwaited.push(awaited)
    this.#admit()
    return awaited.promise
  }

  /**
   * Resolves when no task waits and none is running, and what the last one's result set going has pushed
   * none either: at once, if the queue is idle now. Never rejects.
   *
   * @example
   * ```ts
   * await queue.onIdle()
   * console.log('everything that was pushed is done')
   * ```
   */
  onIdle(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : (this.#idleAwaited ??= pDefer()).promise
  }

  /**
   * Takes out all tasks that wait; their pushes reject. Running ones go on.
   *
   * @param reason What they reject with. Default: an `AbortError`.
   * @example
   * ```ts
   * queue.clear(new Error('the server goes down'))
   * queue.close()
   * ```
   */
  clear(reason: unknown = new DOMException('The queue was cleared', 'AbortError')): void {
    const entries: Entry[] = []
    for (let entry = this.#waiting.shift(); entry; entry = this.#waiting.shift()) entries.push(entry)
    for (const entry of entries) entry.cancel(reason)
    this.#changed()
  }

  /**
   * No more pushes: they reject, and so does who waits for {@link room}. The tasks that wait are still run, and
   * then the source ends for the runners.
   */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (let awaited = this.#roomAwaited.shift(); awaited; awaited = this.#roomAwaited.shift())
      awaited.reject(closedError())
    for (const taker of this.#takers.splice(0)) taker.resolve({done: true, value: undefined})
  }

  /**
   * Closes the queue when no task waits and none is running, at once if that is so: for tasks that push
   * further tasks, and for those who push further ones as soon as they have a task's result.
   *
   * @example
   * ```ts
   * const visit = async (page: string): Promise<void> => {
   *   for (const link of await linksOf(page)) void queue.push(() => visit(link))
   * }
   * void queue.push(() => visit(url))
   * queue.closeWhenIdle()
   * await new ConcurrentRunner(queue, {limit: 4}).run()
   * ```
   */
  closeWhenIdle(): void {
    if (this.#isIdle) this.close()
    else if (this.#state === 'open') this.#state = 'open until idle'
  }

  /** An iterator for one runner, which calls this itself. Several runners share the tasks. */
  [Symbol.asyncIterator](): AsyncIterator<TaskFunction<T>, undefined> {
    let hasEnded = false
    const take = (): TaskFunction<T> | typeof nothing => {
      const entry = hasEnded ? undefined : this.#waiting.shift()
      return entry ? this.#take(entry) : nothing
    }
    const next = (): Promise<IteratorResult<TaskFunction<T>, undefined>> => {
      const task = take()
      if (task !== nothing) return Promise.resolve({done: false, value: task})
      if (hasEnded || this.#state === 'closed') return Promise.resolve({done: true, value: undefined})
      const taker = Object.assign(pDefer<IteratorResult<TaskFunction<T>, undefined>>(), {iterator})
      this.#takers.push(taker)
      return taker.promise
    }
    const iterator: AsyncIterator<TaskFunction<T>, undefined> = {
      next: Object.assign(next, {[takeNow]: take}),
      // Also while `next` waits: an empty queue keeps no runner from ending.
      return: async () => {
        hasEnded = true
        for (const taker of this.#takers) if (taker.iterator === iterator) taker.resolve({done: true, value: undefined})
        this.#takers = this.#takers.filter((taker) => taker.iterator !== iterator)
        return {done: true, value: undefined}
      },
    }
    return iterator
  }

  get #isIdle(): boolean {
    return this.#running === 0 && this.#waiting.size === 0
  }

  /** Hands tasks to runners that wait for one. */
  #serve(): void {
    while (this.#takers.length > 0 && this.#waiting.size > 0) {
      const entry = this.#waiting.shift()
      if (entry) this.#takers.shift()?.resolve({done: false, value: this.#take(entry)})
    }
  }

  #take(entry: Entry): TaskFunction<T> {
    this.#running++
    this.#admit()
    return entry.take() as TaskFunction<T>
  }

  /** Fewer tasks wait, or fewer run. */
  #changed(): void {
    this.#admit()
    const isAwaited = this.#idleAwaited !== undefined || this.#state === 'open until idle'
    if (!isAwaited || !this.#isIdle || this.#isLooking) return
    this.#isLooking = true
    // Who awaits the last task's result may be about to push the next.
    nextTurn(() => {
      this.#isLooking = false
      if (!this.#isIdle) return
      this.#idleAwaited?.resolve()
      this.#idleAwaited = undefined
      if (this.#state === 'open until idle') this.close()
    })
  }

  /** Lets through who waits for room. Those let through have a turn of the event loop to push in. */
  #admit(): void {
    while (this.#waiting.size + this.#admitted < this.#capacity) {
      const awaited = this.#roomAwaited.shift()
      if (!awaited) return
      this.#admitted++
      awaited.resolve()
      if (this.#isAdmitting) continue
      this.#isAdmitting = true
      nextTurn(() => {
        this.#isAdmitting = false
        this.#admitted = 0
        this.#admit()
      })
    }
  }
}

function closedError(): DOMException {
  return new DOMException('The queue is closed', 'InvalidStateError')
}
