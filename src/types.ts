/** The vocabulary that the rooms of the library share. Types only: nothing here runs. */
import type {ConcurrentError} from './errors.js'

/**
 * What a task is told when it is called.
 *
 * @example
 * ```ts
 * const task = ({index, signal}: TaskContext) => fetch(urls[index] ?? '', {signal})
 * ```
 */
export interface TaskContext<Item = unknown> {
  /** The task's place in its source, counted from 0. */
  readonly index: number
  /**
   * Aborts when the task should give up: with the reason of the run's end if that was not a graceful
   * one, or with a `TimeoutError` when the task overran `timeout`. Made when first read, by a getter of the context's
   * class: a copy such as `{...context}` has none.
   */
  readonly signal: AbortSignal
  /** What `map` or `push({item})` had in hand; else `undefined`. */
  readonly item: Item
  /** Which attempt this is, counted from 1. Each attempt has a context of its own. */
  readonly attempt: number
}

/**
 * A task that is called when there is a free slot. It is also what an async generator of tasks yields: a
 * promise it would await itself.
 *
 * @example
 * ```ts
 * async function* tasks(): AsyncGenerator<TaskFunction<string>> {
 *   for (const url of urls) yield ({signal}) => load(url, {signal})
 * }
 * ```
 */
export type TaskFunction<T> = (context: TaskContext) => T | PromiseLike<T>

/**
 * One unit of work: a function that is called when there is a free slot, or a promise, which is
 * running already and counts against the limit from the moment it is pulled.
 *
 * @example
 * ```ts
 * const tasks: Array<Task<string>> = [() => load(url), load(url)]
 * ```
 */
export type Task<T> = TaskFunction<T> | PromiseLike<T>

/**
 * Plain items: any iterable or async iterable, or a function that makes one when the run starts.
 *
 * @example
 * ```ts
 * const items: Items<string> = async function* (signal) {
 *   for await (const line of createInterface({input: createReadStream('urls.txt'), signal})) yield line
 * }
 * ```
 */
export type Items<I> = Iterable<I> | AsyncIterable<I> | ((signal: AbortSignal) => Iterable<I> | AsyncIterable<I>)

/**
 * Where tasks come from: any iterable or async iterable, or a function that makes one when the run
 * starts. The function gets a signal that aborts when the run ends in any but a graceful way, so a
 * source that waits can be told to stop waiting.
 *
 * @example
 * ```ts
 * const source: Source<string> = async function* (signal) {
 *   for await (const [message] of on(socket, 'message', {signal})) yield () => answer(message)
 * }
 * ```
 */
export type Source<T> = Items<Task<T>>

/**
 * What is done with one item: gets the item and its task's context, and gives the result, or throws.
 *
 * @example
 * ```ts
 * const load: Mapper<string, string> = async (url, {signal}) => (await fetch(url, {signal})).text()
 * ```
 */
export type Mapper<Item, T> = (item: Item, context: TaskContext<Item>) => T | PromiseLike<T>

/**
 * What a task gives, awaited.
 *
 * @example
 * ```ts
 * const result: TaskResult<() => Promise<string>> = await load(url)
 * ```
 */
export type TaskResult<K> = K extends (...args: never) => infer Result ? Awaited<Result> : Awaited<K>

/**
 * What a run yields: results, and with `yieldExceptions` wrapped errors in their places too.
 *
 * @example
 * ```ts
 * const found: Array<Yielded<string, true>> = await concurrent(tasks, {yieldExceptions: true}).toArray()
 * ```
 */
export type Yielded<T, Yields extends boolean | undefined> = Yields extends true
  ? Awaited<T> | ConcurrentError
  : Awaited<T>

/**
 * How a run behaves. Every option may be left out or be `undefined`.
 *
 * @typeParam Yields Whether `yieldExceptions` is on. With `boolean`, the default, results may be errors: for options
 * without it write `RunnerOptions<false>`.
 * @example
 * ```ts
 * const options: RunnerOptions<false> = {limit: 4, ordered: true, timeout: 10_000, signal: AbortSignal.timeout(60_000)}
 * ```
 */
export interface RunnerOptions<Yields extends boolean | undefined = boolean> {
  /**
   * How many tasks may run at once: an integer ≥ 1, or `-1` or `Infinity` for no limit.
   * Default: {@link defaultLimit}, that is `min(32, cores + 4)`.
   */
  readonly limit?: number | undefined
  /**
   * Yield a failed task's error, wrapped, in its place among the results, and go on. Default: `false`,
   * the first failure ends the run. A failing source ends it either way.
   */
  readonly yieldExceptions?: Yields | undefined
  /** Yield in source order. Default: `false`, as results become available. */
  readonly ordered?: boolean | undefined
  /**
   * How many results may wait for the consumer before no more tasks start: an integer ≥ 0 or
   * `Infinity`; `0` starts tasks only while a consumer is waiting. Default: the limit, as it is now, or
   * {@link defaultLimit} where that is `Infinity`.
   */
  readonly highWaterMark?: number | undefined
  /**
   * Milliseconds a task may take, > 0 and ≤ 2147483647, or `Infinity`. Past it the task's signal
   * aborts and its failure is delivered at once; its slot stays taken until it settles.
   * Default: no timeout.
   */
  readonly timeout?: number | undefined
  /**
   * Free a timed-out task's slot at once, and do not wait for it before `drain`. More than `limit`
   * tasks may then really be running. Default: `false`.
   */
  readonly releaseOnTimeout?: boolean | undefined
  /** Ends the run when it aborts, as `abort(signal.reason)` does. Listened to only during the run. */
  readonly signal?: AbortSignal | undefined
  /**
   * Must give a permit before an attempt starts: a governor of `aio-tasks/governors`, or anything with `acquire`. It is
   * asked for one task at a time and in order, when a slot is free. Default: none. With a governor the default limit is
   * `Infinity`.
   */
  readonly governor?: Governor | undefined
  /** What to do with a failed attempt. Default: a failure is final. */
  readonly retry?: RetryOptions | undefined
  /**
   * How many items may be read from the source before a slot is free: an integer ≥ 0 or `Infinity`. They wait in order,
   * so that a free slot need not wait for a slow source. Nothing is read behind a promise that waits, and a TaskQueue is not read
   * ahead. Default: 0.
   */
  readonly readAhead?: number | undefined
}

/**
 * How failed attempts are tried again. While a task waits for its next attempt, it takes neither slot nor permit.
 *
 * @example
 * ```ts
 * const retry: RetryOptions = {attempts: 5, when: ({error}) => error instanceof TypeError}
 * ```
 */
export interface RetryOptions {
  /** How often a task is tried, the first attempt included: an integer ≥ 1 or `Infinity`. Default: 3. */
  readonly attempts?: number | undefined
  /**
   * Milliseconds before the next attempt, from 0 to 2147483647, or a function that gives them; where it gives `undefined`,
   * the default applies: exponential with full jitter, from 100 ms to 30 s.
   */
  readonly delay?: number | ((failure: RetryFailure) => number | undefined) | undefined
  /**
   * Which failures are tried again. Default: all, timeouts too. A task whose own signal has aborted never is. What this
   * function or `delay` throws fails the task.
   */
  readonly when?: ((failure: RetryFailure) => boolean) | undefined
  /** Bounds the retries of any number of runners, such as a `RetryBudget`. Default: no bound. */
  readonly budget?: Budget | undefined
  /**
   * How many tasks may wait for their next attempt before nothing new is pulled: an integer ≥ 1 or `Infinity`. Default:
   * the larger of the limit and 100.
   */
  readonly waiting?: number | undefined
}

/**
 * A failed attempt, for the functions of `retry`.
 *
 * @example
 * ```ts
 * const delay = ({attempt}: RetryFailure): number => 1000 * attempt
 * ```
 */
export interface RetryFailure {
  /** What the attempt threw or rejected with: the raw value, not wrapped. */
  readonly error: unknown
  /** Which attempt has failed, counted from 1. */
  readonly attempt: number
  /** The context of that attempt. */
  readonly context: TaskContext
}

/**
 * How a queue behaves.
 *
 * @example
 * ```ts
 * const queue = new TaskQueue({capacity: 1000})
 * ```
 */
export interface QueueOptions {
  /** How many tasks may wait: an integer ≥ 1 or `Infinity`. Default: `Infinity`. */
  readonly capacity?: number | undefined
  /** What holds for each group of tasks. Default: groups take turns, and nothing bounds them. */
  readonly groups?: GroupOptions | undefined
}

/**
 * What holds for each group: for the tasks of one customer, say, or of one host. Groups of equal priority take turns, and
 * a group that may start nothing now blocks no other.
 *
 * @typeParam Group What tells groups apart.
 * @example
 * ```ts
 * const perHost: GroupOptions<string> = {limit: (host) => (host === 'localhost' ? Infinity : 2), capacity: 1000}
 * ```
 */
export interface GroupOptions<Group = unknown> {
  /**
   * How many of a group may run at once: an integer ≥ 1, `-1` or `Infinity` for no limit, or a function that gives that
   * for a group, called when the group is first seen. A task counts as long as its attempt really runs. Default: no limit.
   */
  readonly limit?: number | {limit(group: Group): number}['limit'] | undefined
  /**
   * How many of a group may wait: an integer ≥ 1 or `Infinity`. A push beyond that rejects with a `QuotaExceededError`.
   * Default: `Infinity`.
   */
  readonly capacity?: number | undefined
  /**
   * Gives the governor of a group, called when the group is first seen. It needs `tryAcquire`, too. A group without a
   * permit is passed over until there may be one. A group is forgotten when it has nothing to do and its governor says
   * that it `isIdle`.
   *
   * Do not return the governor of a runner: a task would need two permits of that governor, and would never start if it
   * gives one at a time.
   */
  readonly governor?:
    | {governor(group: Group): Governor & Required<Pick<Governor, 'tryAcquire'>>}['governor']
    | undefined
}

/**
 * How a mapped source is read.
 *
 * @typeParam Item What is mapped.
 * @typeParam Group What tells groups apart.
 * @example
 * ```ts
 * const perHost: MapOptions<string, string> = {group: (url) => new URL(url).host, groups: {limit: 2}}
 * const pages = ConcurrentRunner.map(urls, load, {limit: 20, ...perHost})
 * ```
 */
export interface MapOptions<Item = unknown, Group = unknown> {
  /**
   * Gives the group of an item; groups compare as keys of a `Map` do. Groups take turns, and a group that may start
   * nothing now blocks no other. An item whose group is `undefined` has none, so that no limit of a group holds. What it
   * throws fails the item's task. Default: no groups.
   */
  readonly group?: ((item: Item) => Group) | undefined
  /** What holds for each group, see {@link GroupOptions}; without `capacity`, as `readAhead` bounds what waits. */
  readonly groups?: Omit<GroupOptions<Group>, 'capacity'> | undefined
  /**
   * How many items are looked at ahead of the slots: an integer ≥ 0 or `Infinity`. With `group` at least one is.
   * Default: with `group` 100, else the runner's.
   */
  readonly readAhead?: number | undefined
}

/**
 * How one task is queued.
 *
 * @example
 * ```ts
 * void queue.push(() => load(url), {priority: 1, signal: AbortSignal.timeout(5000)})
 * ```
 */
export interface PushOptions {
  /** Higher goes first; any number but `NaN`. Default: 0. */
  readonly priority?: number | undefined
  /** Takes the task out of the queue when it aborts or, if it is running already, aborts its `context.signal`. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that the task may run, in place of the runner's `timeout`; > 0 and ≤ 2147483647, or `Infinity`. */
  readonly timeout?: number | undefined
  /** What the task is about: given to it as `context.item`, to errors, and to `queue.waiting`. */
  readonly item?: unknown
  /** Its group; groups compare as keys of a `Map` do. Default: none, so that no limit of a group holds. */
  readonly group?: unknown
}

/**
 * How a runner behaves that a queue makes. Its `yieldExceptions` is always `true`.
 *
 * @example
 * ```ts
 * const options: QueueRunOptions = {limit: 10, timeout: 30_000}
 * ```
 */
export type QueueRunOptions = Omit<RunnerOptions<true>, 'yieldExceptions'>

/**
 * How `room` waits.
 *
 * @example
 * ```ts
 * const push = await queue.room({signal: AbortSignal.timeout(1000)})
 * ```
 */
export interface RoomOptions {
  /** Gives up waiting when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The `push` of a place that `room` has reserved.
 *
 * @example
 * ```ts
 * const push: ReservedPush<unknown> = await queue.room()
 * const body = await push(() => load(url))
 * ```
 */
export type ReservedPush<T> = <R extends T>(task: Task<R>, options?: PushOptions) => Promise<Awaited<R>>

/**
 * A task that waits in a queue.
 *
 * @example
 * ```ts
 * const urgent = queue.waiting.filter(({priority}: WaitingTask) => priority > 0)
 * ```
 */
export interface WaitingTask {
  /** What was pushed with the task. */
  readonly item: unknown
  /** The group it was pushed with. */
  readonly group: unknown
  /** The priority it was pushed with: higher goes first. */
  readonly priority: number
}

/**
 * How `batches` gathers results.
 *
 * @example
 * ```ts
 * for await (const bodies of runner.batches(100, {maxWait: 50})) console.log(bodies.length)
 * ```
 */
export interface BatchOptions {
  /** Milliseconds from 0 to 2147483647 for which a batch waits for more results after its first one. Default: 0. */
  readonly maxWait?: number | undefined
}

/**
 * How `stop` behaves.
 *
 * @example
 * ```ts
 * await runner.stop({timeout: 10_000})
 * ```
 */
export interface StopOptions {
  /**
   * Milliseconds the running tasks may still take, from 0 to 2147483647, or `Infinity`; past them the run is
   * aborted. Default: no bound.
   */
  readonly timeout?: number | undefined
}

/**
 * Where a run stands. It only ever moves forward:
 * - `idle`: nothing touched yet;
 * - `running`: pulling and starting tasks (or paused);
 * - `finishing`: the source is exhausted or `stop()` was called; running tasks finish and are delivered;
 * - `closing`: failed, aborted or left by its consumer; waiting for running tasks and the source;
 * - `drained`: over; nothing of it runs any more.
 *
 * @example
 * ```ts
 * const isOver = (state: RunnerState): boolean => state === 'closing' || state === 'drained'
 * ```
 */
export type RunnerState = 'idle' | 'running' | 'finishing' | 'closing' | 'drained'

/**
 * Counts of a run, as of the moment they were read.
 *
 * @example
 * ```ts
 * runner.on('drain', ({succeeded, failed}: RunnerStats) => console.log(`${succeeded} done, ${failed} failed`))
 * ```
 */
export interface RunnerStats {
  /** Tasks started: always `succeeded + failed +` those whose outcome is still open. */
  readonly started: number
  /** Tasks that fulfilled. */
  readonly succeeded: number
  /** Started tasks that failed, timed out or gave up since the run had ended. */
  readonly failed: number
  /** Slots taken now. A timed-out task that has not settled yet still takes one. */
  readonly running: number
  /** Results waiting for the consumer. */
  readonly waiting: number
  /** Tasks waiting for their next attempt. */
  readonly retrying: number
}

/**
 * Why a task is tried again, and when.
 *
 * @example
 * ```ts
 * runner.on('retry', ({index}, {error, attempt, delay}: RetryInfo) =>
 *   console.log(`${index} failed ${attempt} times, again in ${delay} ms`, error),
 * )
 * ```
 */
export interface RetryInfo {
  /** What the attempt threw or rejected with: the raw value, not wrapped. */
  readonly error: unknown
  /** Which attempt has failed, counted from 1. */
  readonly attempt: number
  /** Milliseconds until the task may start again. */
  readonly delay: number
}

/**
 * The events of a runner and what their listeners get. Every `start` is followed by exactly one `result` or
 * `error` with the same `index`.
 *
 * @example
 * ```ts
 * const logged: {[E in keyof RunnerEvents<string>]?: (...args: RunnerEvents<string>[E]) => void} = {
 *   result: (value, {index}) => console.log(index, value),
 *   drain: ({succeeded, failed}) => console.log(succeeded, failed),
 * }
 * ```
 */
export type RunnerEvents<T> = {
  /** A task is about to be called for the first time. */
  start: [context: TaskContext]
  /** An attempt has failed, and the task will be tried again. */
  retry: [context: TaskContext, info: RetryInfo]
  /** `limit` was set to another value; tasks that start because of it start after this. */
  limit: [limit: number, previous: number]
  /** A task succeeded, whether or not anybody consumes its result. */
  result: [value: Awaited<T>, context: TaskContext]
  /** A task failed; without a context: its item was no task, or the source, its cleanup or a hook failed. */
  error: [error: ConcurrentError, context?: TaskContext]
  /** The run is over, however it ended: once, and last. */
  drain: [stats: RunnerStats]
}

/**
 * What the listeners of an event get: its entry in a map of events, if that is a tuple.
 *
 * @example
 * ```ts
 * const hear = (...[value, {index}]: EventArguments<RunnerEvents<string>, 'result'>): void => console.log(index, value)
 * ```
 */
export type EventArguments<Events, E extends keyof Events> = Events[E] extends readonly unknown[] ? Events[E] : never

/**
 * A function that listens to an event, as `listeners()` gives it. Its parameters are compared as those of a method
 * are, so that a runner is assignable wherever its results are.
 *
 * @example
 * ```ts
 * const first: Listener<[value: string, context: TaskContext]> | undefined = runner.listeners('result')[0]
 * ```
 */
export type Listener<Args extends readonly unknown[] = unknown[]> = {
  /** Gets what the event carries. */
  listen(...args: Args): void
}['listen']

/**
 * What a governor is asked. Every field may be left out.
 *
 * @example
 * ```ts
 * const request: PermitRequest = {cost: 1200, signal: AbortSignal.timeout(60_000)}
 * ```
 */
export interface PermitRequest {
  /** How much is asked for, in the governor's own unit: a finite number ≥ 0. Default: 1. */
  readonly cost?: number | undefined
  /** The task that asks, if a runner does. */
  readonly context?: TaskContext | undefined
  /** Ends the wait when it aborts: the promise rejects with the signal's reason, and nothing is charged. */
  readonly signal?: AbortSignal | undefined
}

/**
 * How what was allowed went:
 * - `ok`: it succeeded, with this value;
 * - `failed`: it failed, with this error;
 * - `aborted`: it was told to give up;
 * - `unused`: it never began, and the governor takes back what it has charged.
 *
 * @example
 * ```ts
 * const outcome: PermitOutcome = {status: 'failed', error: new Error('HTTP 429')}
 * ```
 */
export type PermitOutcome =
  | {readonly status: 'ok'; readonly value: unknown}
  | {readonly status: 'failed'; readonly error: unknown}
  | {readonly status: 'aborted' | 'unused'}

/**
 * The right to start one thing now. It must be released once that thing has settled.
 *
 * @example
 * ```ts
 * const permit: Permit = {release: (outcome) => console.log(outcome?.status ?? 'ok')}
 * ```
 */
export interface Permit {
  /**
   * Gives the permit back. Only the first call counts.
   *
   * @param outcome How it went. Default: `ok`.
   */
  release(outcome?: PermitOutcome): void
  /**
   * Replaces the cost that was asked for by the true one, once that is known. Only governors that count costs over
   * time have it. Without effect after the release.
   *
   * @param cost A finite number ≥ 0.
   */
  correct?(cost: number): void
  /** The same as `release()`, for `using`. */
  [Symbol.dispose]?(): void
}

/**
 * Decides when things may start. Anything with `acquire` can govern a runner. The shape is that of TC39's proposal
 * for concurrency control.
 *
 * @example
 * ```ts
 * const oddDays: Governor = {
 *   acquire() {
 *     if (new Date().getDate() % 2 === 0) throw new Error('Closed today')
 *     return {release() {}}
 *   },
 * }
 * ```
 */
export interface Governor {
  /**
   * Gives a permit, at once or by a promise. What it throws or rejects with fails the task that asked, for good; so does
   * anything that has no `release`.
   *
   * @param request What is asked for. Default: a cost of 1, and a wait without end.
   */
  acquire(request?: PermitRequest): Permit | PromiseLike<Permit>
  /**
   * Gives a permit if one can be had now; `undefined` only where `acquire` would have to wait.
   *
   * @param request What is asked for; its signal is not looked at. Default: a cost of 1.
   */
  tryAcquire?(request?: PermitRequest): Permit | undefined
  /** Whether the state equals that of a fresh governor, so that nothing is lost when this one is forgotten. */
  readonly isIdle?: boolean
}

/**
 * Bounds how many retries wait or run at once. Any number of runners may share one.
 *
 * @example
 * ```ts
 * let left = 100
 * const atMostHundred: Budget = {take: () => left-- > 0, give() {}}
 * ```
 */
export interface Budget {
  /** Called when a task has failed and would be tried again, before its delay. `false`: the failure is final. */
  take(): boolean
  /** Called once for each `take` that gave `true`: when that retry has settled, or will never start. */
  give(): void
  /** Called when an attempt starts to run, first attempts and retries alike. */
  enter?(): void
  /**
   * Called when an attempt that was entered does not run any more: before the `take` for its retry, unless it has timed
   * out and runs on.
   */
  leave?(): void
}

/**
 * What subscribers get: metadata only, never items or results. One object serves an attempt through all its events. It
 * does not name its runner: `start` is published in the async context of the run or, for a push, of the push, so a store
 * set there tells runners apart.
 *
 * @example
 * ```ts
 * const took = ({startedAt}: TaskTrace): number => performance.now() - startedAt
 * ```
 */
export interface TaskTrace {
  /** The task's place in its source, counted from 0. */
  readonly index: number
  /** Which attempt this is, counted from 1. */
  readonly attempt: number
  /** The group of a push, or of an item of `map`, if it has one. */
  readonly group: unknown
  /** The priority of a push; `undefined` where the source is no TaskQueue. */
  readonly priority: number | undefined
  /** When the task was pushed, in `performance.now()` milliseconds; `undefined` where the source is no TaskQueue. */
  readonly queuedAt: number | undefined
  /** When the attempt began, in `performance.now()` milliseconds. */
  readonly startedAt: number
  /** Why the attempt failed, from its `error` event on: the raw value. */
  error?: unknown
}
