/** A source to push tasks into, for services that run for an unknown time. */

import pDefer, {type DeferredPromise} from 'p-defer'
import {checkFunction, describe} from '../checks.js'
import {ConcurrentError} from '../errors.js'
import {
  checkTask,
  resolveGroups,
  resolvePush,
  resolveQueue,
  resolveQueueRun,
  resolveRoom,
  resolveStop,
} from '../options.js'
import {type AsyncScope, captureScope, isEmptyScope, nextTurn} from '../platform/runtime.js'
import {onAbort} from '../platform/shared-listener.js'
import {ConcurrentRunner} from '../runner.js'
import {handleRejection, ignore, rejectedSilently} from '../task.js'
import {queuedAt} from '../tracing.js'
import type {
  PushOptions,
  QueueOptions,
  QueueRunOptions,
  ReservedPush,
  RoomOptions,
  RunnerOptions,
  Source,
  StopOptions,
  Task,
  TaskFunction,
  WaitingTask,
} from '../types.js'
import type {Member} from './groups.js'
import {QueueIterator} from './queue-iterator.js'
import {type Details, noDetails, QueuedTask, type QueueHost, sharedDetails} from './queued-task.js'
import {Rejections} from './rejections.js'
import {UncalledTasks} from './uncalled-tasks.js'

/** Makes a runner for a queue. */
type RunnerClass<T, R> = new (source: Source<T>, options: RunnerOptions<true>) => R

/** How many tasks with aborted signals are withdrawn before the event loop turns. */
const mostWithdrawn = 1024

/** A call of `room()` that waits. */
type RoomWaiter<T> = DeferredPromise<ReservedPush<T>>

/**
 * A source of tasks that are pushed into it: higher priorities first, and first in, first out within one priority. Each
 * task runs once, in the first runner with a free slot.
 *
 * Start a runner with {@link run}, and the queue lives as long as such runners: when the last of them has ended, for
 * whatever reason, waiting and later pushes reject. With `new ConcurrentRunner(queue)` the queue outlives its runners,
 * so that a new runner can replace an old one; give `yieldExceptions: true` there, or the first task that fails ends
 * the runner.
 *
 * Every promise that the queue returns settles. A promise that nobody awaits never becomes an unhandled rejection: the
 * runner's `error` event reports failures.
 *
 * @typeParam T The result of the tasks. With `unknown`, the default, each push has a type of its own.
 * @example
 * ```ts
 * const queue = new TaskQueue({capacity: 1000})
 * queue.run({limit: 10}).on('error', (error) => console.error(error.message))
 * const answer = await queue.push(({signal}) => fetch('https://example.com', {signal}), {priority: 1})
 * await queue.shutdown()
 * ```
 */
export class TaskQueue<T = unknown> implements AsyncIterable<TaskFunction<T>> {
  readonly #capacity: number
  readonly #groupCapacity: number
  /** Tasks that were not called, without those whose pushes are about to reject. */
  readonly #uncalled: UncalledTasks
  #pushed = 0
  /** Tasks whose pushes are about to reject. */
  readonly #rejections = new Rejections(() => this.#changed())
  /** Tasks that were called and have not settled. */
  #running = 0
  /**
   * How many pushes have not settled. May be less than `size` plus `running`: a task may run on after its push has
   * settled.
   */
  #unsettled = 0
  #state: 'open' | 'open until idle' | 'closed' = 'open'
  /** The runners made by {@link run} that are not over, and the sources of those that still pull. */
  readonly #runners = new Set<ConcurrentRunner<T, true>>()
  readonly #pulling = new Set<Source<T>>()
  /** The open iterators, of runners and all other readers. */
  #readers = 0
  /** How the last runner made by {@link run} has ended. */
  #lastEnd: ConcurrentError | undefined
  /** The readers that wait for a task, the longest waiting first. */
  readonly #takers = new Map<QueueIterator<T>, () => void>()
  /** The runners that wait for a permit for a task that waits here. */
  readonly #askers = new Map<QueueIterator<T>, () => void>()
  #isWaking = false
  readonly #roomWaiters = new Set<RoomWaiter<T>>()
  /** Places that are reserved by calls of `room` that have resolved. */
  #reservations = 0
  #idle: DeferredPromise<void> | undefined
  #isCheckingIdle = false
  #allSettled: DeferredPromise<void> | undefined
  readonly #host: QueueHost = {
    withdrawn: (task, reason) => {
      if (this.#uncalled.remove(task)) this.#rejections.add(task, reason)
    },
    called: (task) => {
      if (!this.#uncalled.remove(task)) return false
      task.state = 'called'
      this.#running++
      this.#changed()
      return true
    },
    putBack: (task) => this.#putBack(task),
    settled: () => {
      if (--this.#unsettled > 0) return
      this.#allSettled?.resolve()
      this.#allSettled = undefined
    },
    released: () => {
      this.#running--
      this.#changed()
    },
  }

  readonly #shared = sharedDetails(this.#host)

  /**
   * Makes an empty queue.
   *
   * @param options `capacity`: how many tasks may wait, an integer ≥ 1 or `Infinity`, the default. `groups`: the limits
   * of each group of tasks, see {@link GroupOptions}.
   * @throws TypeError or RangeError if an option is wrong.
   */
  constructor(options?: QueueOptions) {
    const {capacity, groups = resolveGroups()} = resolveQueue(options)
    this.#capacity = capacity
    this.#groupCapacity = groups.capacity
    this.#uncalled = new UncalledTasks(groups, {
      ready: () => this.#wake(),
      offered: () => this.#serveTakers(),
      failed: (task, cause) => this.#withdraw(task, cause),
      isRead: () => this.#readers > 0,
    })
    if (specimen === undefined) keepSpecimen()
  }

  /**
   * How many tasks wait, that is, have not been called by a runner. Every task whose push has not settled is counted
   * either here or in {@link running}.
   */
  get size(): number {
    return this.#uncalled.size + this.#rejections.size
  }

  /** How many tasks run. A task that has timed out runs until it settles. */
  get running(): number {
    return this.#running
  }

  /**
   * The waiting tasks of this moment: by priority, then by age.
   *
   * @example
   * ```ts
   * console.log(queue.waiting.map(({item}) => item))
   * ```
   */
  get waiting(): WaitingTask[] {
    return this.#uncalled.inOrder().map(({item, group, priority}) => ({item, group, priority}))
  }

  /**
   * Adds a task, which waits until a runner has a free slot for it.
   *
   * @param task A function, or a promise. The function is called when its turn has come, in the `AsyncLocalStorage`
   * context of this push.
   * @param options `priority`: higher goes first, default 0. `signal`: takes the task out of the queue when the signal
   * aborts or, if the task is running already, aborts its `context.signal`. `timeout`: how long the task may run, in
   * milliseconds, in place of the runner's timeout. `item`: the task's subject, for `context.item`, errors and {@link
   * waiting}. `group`: the key of the task's group; groups of equal priority take turns, and the queue's `groups`
   * option bounds them.
   * @returns The task's own result. Rejects with the error that the task throws; with the signal's reason; with a
   * `QuotaExceededError` if the queue or the group is full; with an `InvalidStateError` if the queue is closed; with
   * the reason given to `clear`; or with a `ConcurrentError` when no runner is left.
   * @throws TypeError or RangeError if an argument is wrong; the errors of the functions of the `groups` option.
   * @example
   * ```ts
   * const body = await queue.push(({signal}) => load(url, {signal}), {priority: 1})
   * ```
   */
  push<R extends T>(task: Task<R>, options?: PushOptions): Promise<Awaited<R>>
  /** For a queue whose results nobody needs: takes tasks with any result. */
  push(this: TaskQueue<void>, task: Task<unknown>, options?: PushOptions): Promise<void>
  /** The same for one type. TypeScript describes the last signature when it refuses a call, so that is this one. */
  push(task: Task<T>, options?: PushOptions): Promise<Awaited<T>>
  push<R extends T>(task: Task<R>, options?: PushOptions): Promise<Awaited<R>> {
    return this.#push(task, options, false)
  }

  #push<R extends T>(task: Task<R>, options: PushOptions | undefined, isReserved: boolean): Promise<Awaited<R>> {
    checkTask(task)
    const details = options === undefined ? undefined : resolvePush(options)
    handleRejection(task)
    const group = details?.group
    const refusal = this.#refusal(details?.signal, isReserved, group)
    if (refusal !== undefined) return rejectedSilently(refusal.reason)
    const tracedAt = queuedAt()
    const member = group === undefined ? undefined : this.#uncalled.join(group)
    const isPlain = tracedAt === undefined && member === undefined
    const attached = isPlain ? details : withDetails(details ?? noDetails, member, tracedAt)
    const queued = new QueuedTask(task, this.#pushed++, this.#shared, attached, captureOwnScope)
    this.#uncalled.push(queued)
    this.#unsettled++
    if (this.#takers.size > 0) this.#wake()
    return queued.outcome as Promise<Awaited<R>>
  }

  #refusal(
    signal: AbortSignal | undefined,
    isReserved: boolean,
    group: unknown,
  ): {readonly reason: unknown} | undefined {
    if (this.#state === 'closed') return {reason: closedError()}
    if (this.#isAbandoned) return {reason: this.#lastEnd}
    if (signal?.aborted) return {reason: signal.reason}
    if (this.#uncalled.isFull(group))
      return {reason: new DOMException(`The group is full: ${this.#groupCapacity} tasks wait`, 'QuotaExceededError')}
    if (isReserved || this.#uncalled.size + this.#reservations < this.#capacity) return undefined
    return {reason: new DOMException(`The queue is full: ${this.#capacity} tasks wait`, 'QuotaExceededError')}
  }

  /**
   * Waits until fewer than `capacity` tasks wait, and reserves a place. Calls are served in order.
   *
   * @param options `signal`: ends the wait; the promise rejects with its reason.
   * @returns A promise for a `push` that is never refused, whatever other code pushes, if it is called within that turn
   * of the event loop; only the capacity of a group holds for it too. After that turn the place is free for others
   * again. Rejects if the queue is closed.
   * @throws TypeError if `signal` is no AbortSignal.
   * @example
   * ```ts
   * for (const url of urls) {
   *   const push = await queue.room()
   *   void push(() => load(url))
   * }
   * ```
   */
  room(options?: RoomOptions): Promise<ReservedPush<T>> {
    const signal = resolveRoom(options)
    if (this.#state === 'closed') return rejectedSilently(closedError())
    if (this.#isAbandoned) return rejectedSilently(this.#lastEnd)
    if (signal?.aborted) return rejectedSilently(signal.reason)
    const waiter: RoomWaiter<T> = pDefer()
    handleRejection(waiter.promise)
    this.#roomWaiters.add(waiter)
    if (signal !== undefined) {
      const stopListening = onAbort(signal, () => {
        this.#roomWaiters.delete(waiter)
        waiter.reject(signal.reason)
      })
      waiter.promise.then(stopListening, stopListening)
    }
    this.#admit()
    return waiter.promise
  }

  /**
   * Resolves when no task waits or runs, and code that awaited the last result has pushed no further task: at once, if
   * the queue is idle now. Never rejects.
   *
   * @example
   * ```ts
   * await queue.onIdle()
   * console.log('everything that was pushed is done')
   * ```
   */
  onIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    this.#idle ??= pDefer()
    return this.#idle.promise
  }

  /**
   * Takes out all tasks that have not been called; their pushes reject. Running tasks go on.
   *
   * @param reason The reason with which their pushes reject. Default: an `AbortError`.
   * @example
   * ```ts
   * queue.clear(new Error('the server goes down'))
   * queue.close()
   * ```
   */
  clear(reason: unknown = new DOMException('The queue was cleared', 'AbortError')): void {
    for (const task of this.#uncalled.notInLine()) if (this.#uncalled.remove(task)) this.#rejections.add(task, reason)
    this.#rejections.addAll(this.#uncalled.clearLine(this.#pushed), reason)
    this.#changed()
  }

  /**
   * Takes out the tasks that the predicate selects and that have not been called; their pushes reject.
   *
   * @param predicate Whether to take out a task.
   * @param reason The reason with which their pushes reject. Default: an `AbortError`.
   * @returns How many tasks were taken out.
   * @throws TypeError if the predicate is no function; what it throws itself, and then nothing is taken out.
   * @example
   * ```ts
   * queue.remove(({item}) => item === url)
   * ```
   */
  remove(
    predicate: (waiting: WaitingTask) => boolean,
    reason: unknown = new DOMException('The task was removed from the queue', 'AbortError'),
  ): number {
    checkFunction('predicate', predicate)
    const tasks = [...this.#uncalled].filter(({item, group, priority}) => predicate({item, group, priority}))
    let removed = 0
    for (const task of tasks) {
      if (!this.#uncalled.remove(task)) continue // the predicate, or the disposal of another task, has removed it
      this.#rejections.add(task, reason)
      removed++
    }
    return removed
  }

  /**
   * Refuses further pushes: they reject, and so do waiting calls of {@link room}. Waiting tasks still run, and then the
   * source ends for the runners.
   */
  close(): void {
    this.#state = 'closed'
    this.#refuseRoom(closedError())
    this.#wake()
  }

  /**
   * Closes the queue when no task waits or runs, at once if the queue is idle now. For tasks that push further tasks,
   * and for code that pushes a further task as soon as a task has given its result.
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

  /**
   * Makes a runner for this queue, and starts it. Its first task starts a microtask later, so that listeners added at
   * once hear all events. A task that fails does not end the runner. When the last runner made by `run` stops pulling,
   * for whatever reason, and no other runner reads the queue, waiting and later pushes reject with a `ConcurrentError`
   * whose `cause` is the reason, until another runner is made.
   *
   * @param options As for {@link ConcurrentRunner}, except `yieldExceptions`, which is `true`.
   * @param Runner The class of the runner, `ConcurrentRunner` or a subclass. Default: `ConcurrentRunner`.
   * @returns The runner. The promise of its `run()` is handled.
   * @throws TypeError or RangeError if an option is wrong.
   * @example
   * ```ts
   * const runner = queue.run({limit: 10, timeout: 30_000})
   * runner.on('error', (error) => console.error(error.message))
   * ```
   */
  run(options?: QueueRunOptions): ConcurrentRunner<T, true>
  /** The same with a subclass of the runner. */
  run<R extends ConcurrentRunner<T, true>>(options: QueueRunOptions | undefined, Runner: RunnerClass<T, R>): R
  run(
    options?: QueueRunOptions,
    Runner: RunnerClass<T, ConcurrentRunner<T, true>> = ConcurrentRunner,
  ): ConcurrentRunner<T, true> {
    let hasEnded = false
    const ended = (reason: unknown): void => {
      if (hasEnded) return
      hasEnded = true
      this.#pulling.delete(source)
      this.#lastEnd = noRunnerLeft(reason)
      this.#abandonIfAlone()
    }
    const source: Source<T> = (signal) => {
      // It aborts when the runner pulls no more, unless the queue itself is over.
      signal.addEventListener('abort', () => ended(signal.reason))
      return this
    }
    const runner = new Runner(source, {...resolveQueueRun(options), yieldExceptions: true})
    this.#runners.add(runner)
    if (!hasEnded) this.#pulling.add(source) // the constructor of a subclass may have ended it
    const start = async (): Promise<void> => {
      await Promise.resolve()
      let reason: unknown
      try {
        await runner.run()
        // One that began has told why it pulls no more, unless the queue itself is over.
        reason = new DOMException('The runner was stopped before it began', 'AbortError')
      } catch (error) {
        reason = error
      }
      ended(reason)
      this.#runners.delete(runner)
    }
    void start()
    return runner
  }

  /**
   * Ends the service: refuses further pushes, and finishes accepted tasks. After `timeout`, waiting tasks are cleared
   * and running tasks are aborted.
   *
   * @param options `timeout`: milliseconds, from 0 to 2147483647, or `Infinity`. Default: no bound.
   * @returns A promise that resolves when every push has settled. For tasks of runners made by {@link run}, that is at
   * the latest one turn of the event loop after `timeout`, and one turn more for each 4096 tasks that wait then. Past
   * `timeout`, running tasks of other runners are not waited for.
   * @throws TypeError or RangeError if `timeout` is wrong.
   * @example
   * ```ts
   * process.once('SIGTERM', () => void queue.shutdown({timeout: 10_000}))
   * ```
   */
  async shutdown(options?: StopOptions): Promise<void> {
    const timeout = resolveStop(options)
    this.close()
    if (this.#unsettled === 0) return
    const {promise} = (this.#allSettled ??= pDefer<void>())
    if (timeout === undefined) return promise
    const over = pDefer<void>()
    const end = (): void => {
      if (this.#rejections.size > 0) nextTurn(end)
      else over.resolve()
    }
    const timer = setTimeout(() => {
      const reason = new DOMException(`shutdown() took longer than ${timeout} ms`, 'TimeoutError')
      const runners = [...this.#runners]
      this.clear(reason)
      for (const runner of runners) runner.abort(reason)
      // Tasks that end with their signal get one turn of the event loop to settle.
      nextTurn(() => {
        for (const runner of runners) runner.abort(reason)
        end()
      })
    }, timeout)
    void promise.then(over.resolve)
    await over.promise
    clearTimeout(timer)
  }

  /** An iterator for one reader. A runner calls this method itself. Several readers share the tasks. */
  [Symbol.asyncIterator](): AsyncIterator<TaskFunction<T>, undefined> {
    this.#readers++
    /** Puts a task back if the governor of its group has closed the iterator while it was asked. */
    const putBackIfEnded = (task: QueuedTask): boolean => {
      if (iterator.isOver) this.#putBack(task)
      return iterator.isOver
    }
    const iterator: QueueIterator<T> = new QueueIterator<T>({
      tryTake: () => {
        if (this.#askers.size > 0) this.#askers.delete(iterator)
        const task = this.#take()
        if (task === undefined) return undefined
        this.#uncalled.take(task)
        return putBackIfEnded(task) ? undefined : task
      },
      tryHandOut: () => {
        const task = this.#take()
        if (task === undefined) return undefined
        const handOut = this.#uncalled.handOut(task, iterator)
        // The task may have been put back and handed out again meanwhile.
        const putBack = (): void => {
          if (this.#uncalled.isHandedOut(task, handOut)) this.#putBack(task)
        }
        const call = task.handOut(putBack) as TaskFunction<T>
        return putBackIfEnded(task) ? undefined : call
      },
      isOver: () => this.#state === 'closed' && this.#uncalled.isOverFor(iterator),
      whenAvailable: (callback) => this.#takers.set(iterator, callback),
      whenEmpty: (callback) => {
        this.#askers.set(iterator, callback)
        this.#wakeAskers()
      },
      ended: () => {
        this.#takers.delete(iterator)
        this.#askers.delete(iterator)
        if (--this.#readers === 0) this.#uncalled.endWaits()
      },
      closed: () => {
        for (const task of this.#uncalled.heldBy(iterator)) this.#putBack(task)
        this.#abandonIfAlone()
      },
    })
    return iterator
  }

  /**
   * Takes the task whose turn it is. A task whose own signal has aborted is not started, even if its listener has not
   * run yet.
   */
  #take(): QueuedTask | undefined {
    for (let left = mostWithdrawn; left > 0; left--) {
      const task = this.#uncalled.shift()
      const signal = task?.abortedSignal
      if (task === undefined || signal === undefined) return task
      this.#withdraw(task, signal.reason)
    }
    nextTurn(() => this.#wake())
    return undefined
  }

  /** A task that was taken out of the line will not run. */
  #withdraw(task: QueuedTask, reason: unknown): void {
    this.#uncalled.leaves(task)
    this.#rejections.add(task, reason)
  }

  get #isIdle(): boolean {
    return this.#running === 0 && this.size === 0
  }

  /** Wakes the waiting readers, a microtask later: they take the task that is first by then. */
  #wake(): void {
    if (this.#isWaking) return
    this.#isWaking = true
    void Promise.resolve().then(this.#serveTakers)
  }

  /** Wakes the runners that wait for a permit, if no task waits that needs it. */
  #wakeAskers(): void {
    if (this.#askers.size > 0 && this.#uncalled.isEmpty) this.#wake()
  }

  readonly #serveTakers = (): void => {
    this.#isWaking = false
    for (const [iterator, callback] of this.#askers) {
      if (!this.#uncalled.isEmpty) break
      this.#askers.delete(iterator)
      callback()
    }
    for (let left = this.#takers.size; left > 0; left--) {
      if (!this.#uncalled.isReady && this.#state !== 'closed') return
      const [first] = this.#takers
      if (first === undefined) return
      const [iterator, callback] = first
      this.#takers.delete(iterator)
      callback()
    }
  }

  #putBack(task: QueuedTask): void {
    if (this.#uncalled.putBack(task)) this.#wake()
  }

  /** Called when fewer tasks wait, or fewer run. */
  #changed(): void {
    if (this.#roomWaiters.size > 0) this.#admit()
    if (this.#state === 'closed' && this.#takers.size > 0) this.#wake() // the queue may be over for them
    this.#wakeAskers()
    const isAwaited = this.#idle !== undefined || this.#state === 'open until idle'
    if (!isAwaited || !this.#isIdle || this.#isCheckingIdle) return
    this.#isCheckingIdle = true
    // Code that awaits the last task's result may be about to push a further task.
    nextTurn(() => {
      this.#isCheckingIdle = false
      if (!this.#isIdle) return
      this.#idle?.resolve()
      this.#idle = undefined
      if (this.#state === 'open until idle') this.close()
    })
  }

  /** Reserves places for waiting calls of `room`. A place that is not used in this turn of the event loop lapses. */
  #admit(): void {
    for (const waiter of this.#roomWaiters) {
      if (this.#uncalled.size + this.#reservations >= this.#capacity) return
      this.#roomWaiters.delete(waiter)
      waiter.resolve(this.#reserve())
    }
  }

  #reserve(): ReservedPush<T> {
    this.#reservations++
    let isReserved = true
    const release = (): void => {
      if (!isReserved) return
      isReserved = false
      this.#reservations--
      this.#admit()
    }
    nextTurn(release)
    return (task, options) => {
      const promise = this.#push(task, options, isReserved)
      release()
      return promise
    }
  }

  #refuseRoom(reason: unknown): void {
    for (const waiter of this.#roomWaiters) waiter.reject(reason)
    this.#roomWaiters.clear()
  }

  /** Whether {@link run} had made a runner, and no runner is left. */
  get #isAbandoned(): boolean {
    return this.#lastEnd !== undefined && this.#pulling.size === 0 && this.#readers === 0
  }

  /** A reader has ended: rejects all pushes if it was the last reader. */
  #abandonIfAlone(): void {
    if (!this.#isAbandoned) return
    this.#refuseRoom(this.#lastEnd)
    this.clear(this.#lastEnd)
  }
}

let specimen: object | undefined

/**
 * Keeps a queue alive with one waiting task and one iterator, for the same reason as the runner's specimen: after a
 * full collection, a push costs half as much. It is made in an empty async context, since the task's promise would keep
 * any other context alive.
 */
function keepSpecimen(): void {
  if (captureOwnScope(Promise.resolve()) !== undefined) return
  const kept: object[] = []
  specimen = kept
  const queue = new TaskQueue()
  void queue.push(ignore)
  kept.push(queue, queue[Symbol.asyncIterator]())
}

/** The async context of a push; `undefined` for the empty context. */
function captureOwnScope(promise: Promise<unknown>): AsyncScope | undefined {
  const scope = captureScope(promise)
  return isEmptyScope(scope) ? undefined : scope
}

/** Written out field by field: a spread costs more than the rest of a push. */
function withDetails(details: Details, member: Member | undefined, at: number | undefined): Details {
  const {priority, signal, timeout, item} = details
  return {priority, signal, timeout, item, member, queuedAt: at}
}

function noRunnerLeft(cause: unknown): ConcurrentError {
  return new ConcurrentError(`No runner of the queue is left: ${describe(cause)}`, {cause, index: -1})
}

function closedError(): DOMException {
  return new DOMException('The queue is closed', 'InvalidStateError')
}
