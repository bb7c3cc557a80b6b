/** The runner, as users and subclasses see it: consuming, controlling, observing, events and hooks. */
/// <reference lib="esnext.disposable" preserve="true" />
import {Batches} from './batches.js'
import {Consumer} from './consumer.js'
import {usedDeadlines} from './deadlines.js'
import {Emitter, type ListenerOptions} from './emitter.js'
import {type ConcurrentError, ConcurrentIteratorError} from './errors.js'
import {mapped} from './mapped.js'
import {checkLimit, resolveBatches, resolveOptions, resolveStop} from './options.js'
import {captureScope, isEmptyScope, reportUncaught} from './platform/runtime.js'
import {type Hooks, Run, type RunHost} from './run.js'
import {handleRejection} from './task.js'
import type {
  BatchOptions,
  EventArguments,
  Items,
  Listener,
  MapOptions,
  Mapper,
  RunnerEvents,
  RunnerOptions,
  RunnerState,
  RunnerStats,
  Source,
  StopOptions,
  Task,
  TaskContext,
  Yielded,
} from './types.js'

/**
 * What the listeners of an event get. The second overloads take both kinds of events, since TypeScript tells the last
 * overload when it refuses a call: so the error names the events and the arguments.
 */
type AnyArguments<T, Events, E> = E extends keyof RunnerEvents<T>
  ? RunnerEvents<T>[E]
  : EventArguments<Events, E & keyof Events>

/** A class that makes runners from a source and the options of every runner, and needs nothing more. */
type ClassWithoutOwnOptions<T, Yields extends boolean | undefined> = new (
  source: Source<T>,
  options?: RunnerOptions<Yields>,
) => ConcurrentRunner<NoInfer<T>, Yields>

/**
 * Runs the tasks of a source, at most `limit` at once. It is an async iterator over the results as
 * they become available, an event emitter that tells what happens, and a base class whose hooks
 * `ready`, `execute`, `shouldRaise` and `cleanup` subclasses may override.
 *
 * Nothing is touched before the first `next()` (which `for await` calls), `run()` or `toArray()`, so
 * there is time to subscribe. A runner runs once.
 *
 * The idea, and what errors mean, come from `concurrent` in Python's `aio.tasks`.
 *
 * @typeParam T What a task gives.
 * @typeParam Yields Whether `yieldExceptions` is on; inferred from the options.
 * @typeParam Events Events that a subclass adds, as a map from names to argument tuples.
 *
 * @example
 * ```ts
 * const pages = function* () {
 *   for (const url of urls) yield ({signal}: TaskContext) => fetch(url, {signal})
 * }
 * const runner = new ConcurrentRunner(pages, {limit: 4})
 * runner.on('start', ({index}) => console.log(`${urls[index]} is on its way`))
 * for await (const response of runner) console.log(response.status)
 * ```
 */
export class ConcurrentRunner<T, Yields extends boolean | undefined = false, Events extends object = {}>
  implements AsyncIterableIterator<Yielded<T, Yields>>
{
  readonly #run: Run<T>
  readonly #consumer: Consumer<T>
  readonly #yieldsExceptions: boolean
  /** Made for the first listener: a run without listeners does not pay for one. */
  #emitter: Emitter | undefined

  /**
   * Makes a runner, which touches nothing of its source yet.
   *
   * @param source Where tasks come from: an iterable or async iterable of functions or promises, or a
   * function that returns one, called when the run starts.
   * @param options See {@link RunnerOptions}; all are optional.
   * @throws TypeError or RangeError if the source cannot be read or an option is wrong.
   */
  constructor(source: Source<T>, options?: RunnerOptions<Yields>) {
    const resolved = resolveOptions(options)
    this.#yieldsExceptions = resolved.yieldExceptions
    this.#run = new Run<T>(source, resolved, this.#host(), options?.limit)
    this.#consumer = new Consumer(this.#run)
  }

  /**
   * A runner over plain items: calls `mapper` for each, at most `limit` at once. On a subclass it makes an
   * instance of that; for its type too, with events of its own, write `new Subclass(mapped(items, mapper), options)`.
   *
   * @param items Any iterable or async iterable, or a function that makes one when the run starts.
   * @param mapper What to do with an item; gets the task's context too.
   * @param options See {@link RunnerOptions} and {@link MapOptions}; all are optional.
   * @throws TypeError or RangeError if the items cannot be read or an option is wrong.
   * @example
   * ```ts
   * const sizes = await ConcurrentRunner.map(files, async (file) => (await stat(file)).size, {limit: 8}).toArray()
   * ```
   */
  static map<Item, T, Yields extends boolean | undefined = false, Group = unknown>(
    this: ClassWithoutOwnOptions<NoInfer<T>, NoInfer<Yields>>,
    items: Items<Item>,
    mapper: Mapper<Item, T>,
    options?: RunnerOptions<Yields> & MapOptions<Item, Group>,
  ): ConcurrentRunner<T, Yields>
  /** The same where the mapper gives a value or a promise of another type: the runner yields the union. */
  static map<Item, Result, Yields extends boolean | undefined = false, Group = unknown>(
    this: ClassWithoutOwnOptions<NoInfer<Awaited<Result>>, NoInfer<Yields>>,
    items: Items<Item>,
    mapper: (item: Item, context: TaskContext<Item>) => Result,
    options?: RunnerOptions<Yields> & MapOptions<Item, Group>,
  ): ConcurrentRunner<Awaited<Result>, Yields>
  /** The same on a subclass whose tasks all give results of one type. */
  static map<Item, T, Yields extends boolean | undefined = false, Group = unknown>(
    this: ClassWithoutOwnOptions<T, NoInfer<Yields>>,
    items: Items<Item>,
    mapper: Mapper<Item, NoInfer<T>>,
    options?: RunnerOptions<Yields> & MapOptions<Item, Group>,
  ): ConcurrentRunner<T, Yields>
  static map<Item, T, Yields extends boolean | undefined, Group>(
    this: ClassWithoutOwnOptions<T, Yields>,
    items: Items<Item>,
    mapper: Mapper<Item, T>,
    options?: RunnerOptions<Yields> & MapOptions<Item, Group>,
  ): ConcurrentRunner<T, Yields> {
    if (options?.group === undefined && options?.groups === undefined) return new this(mapped(items, mapper), options)
    const {group, groups, readAhead, ...others} = options
    return new this(mapped(items, mapper, {group, groups, readAhead}), others)
  }

  // Consuming

  /**
   * The next result, for those who do not loop. Starts the run if it has not. May be called before the last
   * one has settled.
   *
   * @returns A promise for `{value, done: false}`, or for `{done: true}` once everything has been handed over.
   * Rejects, once, with the error that ended the run.
   */
  next(): Promise<IteratorResult<Yielded<T, Yields>, undefined>> {
    return this.#consumer.next() as Promise<IteratorResult<Yielded<T, Yields>, undefined>>
  }

  /**
   * Ends the run because its consumer leaves, as `break` does: no more pulls and starts, running tasks'
   * signals abort, the source cleans up.
   *
   * @returns A promise for `{done: true}` and the given value, once the source has cleaned up. Running
   * tasks are not waited for: that is what {@link drained} is for.
   * @example
   * ```ts
   * const {value: fastest} = await runner.next()
   * await runner.return() // the others are not needed
   * ```
   */
  async return<V = undefined>(value?: V | PromiseLike<V>): Promise<IteratorReturnResult<Awaited<V>>> {
    handleRejection(value)
    await this.#run.depart(new DOMException('The consumer has left the run', 'AbortError'))
    return {done: true, value: (await value) as Awaited<V>}
  }

  /** Ends the run as {@link return} does, with `error` as the reason, and rejects with it. */
  async throw(error?: unknown): Promise<IteratorReturnResult<undefined>> {
    await this.#run.depart(error)
    throw error
  }

  /** The runner itself: several loops over it share the results. */
  [Symbol.asyncIterator](): this {
    this.#consumer.iterate()
    return this
  }

  /**
   * Leaves the run, and waits until nothing of it runs any more.
   *
   * @example
   * ```ts
   * await using runner = concurrent(tasks)
   * const {value: fastest} = await runner.next()
   * ```
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
    await this.#run.over()
  }

  /**
   * Runs everything and keeps nothing: for those who listen to events, and for tasks that matter for
   * what they do.
   *
   * @returns A promise for the final counts once the run has drained; it rejects then if the run
   * failed or was aborted.
   * @example
   * ```ts
   * const {succeeded, failed} = await ConcurrentRunner.map(urls, load, {yieldExceptions: true}).run()
   * ```
   */
  run(): Promise<RunnerStats> {
    return this.#consumer.all()
  }

  /**
   * Collects what the run yields. Settles once the run has drained, and rejects if it failed or was aborted.
   *
   * @example
   * ```ts
   * const bodies: string[] = await ConcurrentRunner.map(urls, load, {ordered: true}).toArray()
   * ```
   */
  toArray(): Promise<Array<Yielded<T, Yields>>> {
    return this.#consumer.collect() as Promise<Array<Yielded<T, Yields>>>
  }

  /**
   * The results in arrays, for bulk inserts. It is also the cheapest way to consume: one promise for many results.
   *
   * @param max How many results a batch has at most: an integer ≥ 1.
   * @param options `maxWait`: milliseconds from 0 to 2147483647 for which a batch waits for more results after its first
   * one. Default: 0, it has what is ready.
   * @returns An iterator over batches of 1 to `max` results. What a batch has gathered counts as consumed. An error comes
   * after the batch of what was ready before it. Leaving a loop over it is leaving the run.
   * @throws TypeError or RangeError if an argument is wrong.
   * @example
   * ```ts
   * for await (const bodies of ConcurrentRunner.map(urls, load).batches(100, {maxWait: 50})) console.log(bodies.length)
   * ```
   */
  batches(max: number, options?: BatchOptions): AsyncIterableIterator<Array<Yielded<T, Yields>>> {
    const {most, maxWait} = resolveBatches(max, options)
    this.#consumer.iterate()
    return new Batches<Yielded<T, Yields>>(
      {
        next: () => this.next(),
        takeReady: (count) => this.#consumer.takeReady(count) as Array<Yielded<T, Yields>>,
        return: () => this.return(),
      },
      most,
      maxWait,
    )
  }

  // Controlling

  /**
   * Pulls and starts nothing until {@link resume}. Running tasks go on, and results are handed over.
   *
   * @example
   * ```ts
   * runner.pause()
   * setTimeout(() => runner.resume(), 1000)
   * ```
   */
  pause(): void {
    this.#run.pause()
  }

  /** Goes on after {@link pause}. Does nothing if the run is not paused. */
  resume(): void {
    this.#run.resume()
  }

  /**
   * Ends the run gracefully: no more pulls, running tasks finish and are delivered.
   *
   * @param options `timeout`: milliseconds after which the run is aborted with a `TimeoutError`. Default: no
   * bound.
   * @returns {@link drained}. Do not await it inside a task: it waits for that task.
   * @throws TypeError or RangeError if `timeout` is wrong.
   * @example
   * ```ts
   * process.once('SIGTERM', () => void runner.stop({timeout: 10_000}))
   * ```
   */
  stop(options?: StopOptions): Promise<RunnerStats> {
    this.#run.stop(resolveStop(options))
    return this.#run.over()
  }

  /**
   * Ends the run at once: the signals of running tasks abort, results that wait are dropped, and the
   * pending `next()` rejects with the reason itself. A second call no longer waits for the source to clean up.
   *
   * @param reason Default: an `AbortError`, as for `AbortController.abort()`.
   * @example
   * ```ts
   * runner.on('error', () => runner.abort(new Error('one failure is enough')))
   * ```
   */
  abort(reason: unknown = new DOMException('The run was aborted', 'AbortError')): void {
    this.#run.abort(reason)
  }

  /**
   * How many tasks may run at once; `Infinity` for no limit. May be set at any time, to an integer ≥ 1, `-1` or
   * `Infinity`: raising it starts tasks at once, lowering it waits for running ones.
   *
   * @throws TypeError or RangeError if it is set to anything else.
   * @example
   * ```ts
   * runner.on('error', () => (runner.limit = Math.max(1, runner.limit / 2 | 0)))
   * ```
   */
  get limit(): number {
    return this.#run.limit
  }

  set limit(limit: number) {
    this.#run.limit = checkLimit(limit)
  }

  // Observing

  /** Where the run stands. See {@link RunnerState}. */
  get state(): RunnerState {
    return this.#run.state
  }

  /** Whether {@link pause} was called and {@link resume} not yet. */
  get isPaused(): boolean {
    return this.#run.isPaused
  }

  /**
   * The run's counts as of now.
   *
   * @example
   * ```ts
   * const {started, running, waiting} = runner.stats
   * ```
   */
  get stats(): RunnerStats {
    return this.#run.stats
  }

  /**
   * The contexts of the tasks that run now, as of the moment when this is read: each takes a slot. A task that has timed
   * out is among them until it settles.
   *
   * @example
   * ```ts
   * for (const {index, item} of runner.running) console.log(index, item)
   * ```
   */
  get running(): Iterable<TaskContext> {
    return this.#run.running
  }

  /**
   * Resolves with the final counts when the run is over and nothing of it runs any more, just after
   * `drain`; never rejects. Waits as long as a running task takes to settle, but not for a source that
   * does not come back from producing an item.
   *
   * @example
   * ```ts
   * for await (const body of runner) if (body.includes('found')) break
   * await runner.drained // also of the tasks that were running at the `break`
   * ```
   */
  get drained(): Promise<RunnerStats> {
    return this.#run.whenDrained
  }

  // Events

  /**
   * Calls a listener at each event of that name from now on, in the order in which listeners were added.
   *
   * @param event `start`, `retry`, `limit`, `result`, `error` or `drain` (see {@link RunnerEvents}), or an event of a subclass.
   * @param listener Gets the event's arguments. What it throws is reported once, as an uncaught exception, and
   * changes nothing.
   * @param context What `this` is for the listener. Default: the runner.
   * @returns The runner.
   * @throws TypeError if the listener is no function.
   * @example
   * ```ts
   * runner.on('result', (value, {index}) => console.log(index, value)).on('error', (error) => console.error(error))
   * ```
   */
  on<E extends keyof RunnerEvents<T>>(
    event: E,
    listener: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
  ): this
  /** The same for an event that a subclass adds. */
  on<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
  ): this
  on(event: PropertyKey, listener: Listener<never>, context?: unknown): this {
    return this.#listen(event, listener, {context})
  }

  /**
   * The same as {@link on}.
   *
   * @param event The event's name.
   * @param listener Gets the event's arguments.
   * @param context What `this` is for the listener. Default: the runner.
   * @returns The runner.
   * @throws TypeError if the listener is no function.
   */
  addListener<E extends keyof RunnerEvents<T>>(
    event: E,
    listener: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
  ): this
  /** The same for an event that a subclass adds. */
  addListener<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
  ): this
  addListener(event: PropertyKey, listener: Listener<never>, context?: unknown): this {
    return this.#listen(event, listener, {context})
  }

  /**
   * Calls a listener at the next event of that name, and no more. It is taken out before it is called.
   *
   * @param event The event's name.
   * @param listener Gets the event's arguments.
   * @param context What `this` is for the listener. Default: the runner.
   * @returns The runner.
   * @throws TypeError if the listener is no function.
   * @example
   * ```ts
   * runner.once('error', (error) => console.error('the first failure', error))
   * ```
   */
  once<E extends keyof RunnerEvents<T>>(
    event: E,
    listener: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
  ): this
  /** The same for an event that a subclass adds. */
  once<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
  ): this
  once(event: PropertyKey, listener: Listener<never>, context?: unknown): this {
    return this.#listen(event, listener, {context, isOnce: true})
  }

  /**
   * Takes a listener out wherever it was added.
   *
   * @param event The event's name.
   * @param listener The one that was added. Default: all of that event.
   * @param context Only where it was added with that context. Default: any.
   * @param once Only where it was added by {@link once}. Default: anywhere.
   * @returns The runner.
   * @example
   * ```ts
   * const log = (value: string): void => console.log(value)
   * runner.on('result', log).off('result', log)
   * ```
   */
  off<E extends keyof RunnerEvents<T>>(
    event: E,
    listener?: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
    once?: boolean,
  ): this
  /** The same for an event that a subclass adds. */
  off<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener?: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
    once?: boolean,
  ): this
  off(event: PropertyKey, listener?: Listener<never>, context?: unknown, once?: boolean): this {
    this.#emitter?.remove(event, listener, {context, isOnce: once})
    return this
  }

  /**
   * The same as {@link off}.
   *
   * @param event The event's name.
   * @param listener The one that was added. Default: all of that event.
   * @param context Only where it was added with that context. Default: any.
   * @param once Only where it was added by {@link once}. Default: anywhere.
   * @returns The runner.
   */
  removeListener<E extends keyof RunnerEvents<T>>(
    event: E,
    listener?: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
    once?: boolean,
  ): this
  /** The same for an event that a subclass adds. */
  removeListener<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener?: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
    once?: boolean,
  ): this
  removeListener(event: PropertyKey, listener?: Listener<never>, context?: unknown, once?: boolean): this {
    this.#emitter?.remove(event, listener, {context, isOnce: once})
    return this
  }

  /**
   * Takes out all listeners.
   *
   * @param event Only those of this event. Default: of every one.
   * @returns The runner.
   */
  removeAllListeners(event?: keyof RunnerEvents<T>): this
  /** The same for an event that a subclass adds. */
  removeAllListeners(event?: keyof Events): this
  removeAllListeners(event?: PropertyKey): this {
    if (event === undefined) this.#emitter?.removeAll()
    else this.#emitter?.remove(event)
    return this
  }

  /**
   * Tells an event: for subclasses with events of their own. What a listener throws is reported, and is not thrown
   * here.
   *
   * @param event The event's name.
   * @param args What its listeners get.
   * @returns Whether anybody listens.
   * @example
   * ```ts
   * class Loader extends ConcurrentRunner<string, false, {progress: [bytes: number]}> {
   *   protected override execute(task: Task<string>, context: TaskContext): string | PromiseLike<string> {
   *     this.emit('progress', 0)
   *     return super.execute(task, context)
   *   }
   * }
   * ```
   */
  emit<E extends keyof RunnerEvents<T>>(event: E, ...args: RunnerEvents<T>[E]): boolean
  /** The same for an event that a subclass adds. */
  emit<E extends keyof RunnerEvents<T> | keyof Events>(event: E, ...args: AnyArguments<T, Events, E>): boolean
  emit(event: PropertyKey, ...args: unknown[]): boolean {
    return this.#emitter?.emit(event, args) ?? false
  }

  /**
   * The listeners of an event, as they were added and in the order in which they are called.
   *
   * @param event The event's name.
   */
  listeners<E extends keyof RunnerEvents<T>>(event: E): Array<Listener<RunnerEvents<T>[E]>>
  /** The same for an event that a subclass adds. */
  listeners<E extends keyof Events>(event: E): Array<Listener<EventArguments<Events, E>>>
  listeners(event: PropertyKey): Listener[] {
    return this.#emitter?.listeners(event) ?? []
  }

  /**
   * How many listeners an event has.
   *
   * @param event The event's name.
   */
  listenerCount(event: keyof RunnerEvents<T>): number
  /** The same for an event that a subclass adds. */
  listenerCount(event: keyof Events): number
  listenerCount(event: PropertyKey): number {
    return this.#emitter?.count(event) ?? 0
  }

  /** The events that have listeners. */
  eventNames(): Array<string | symbol> {
    return this.#emitter?.names() ?? []
  }

  // Events, as far as only Node's `EventEmitter` has them

  /**
   * As {@link on}, but the listener is called before those that were added earlier. This and the four methods below
   * make a runner one of Node's event emitters to TypeScript: `events.once(runner, 'drain')` needs no cast.
   *
   * @param event The event's name.
   * @param listener Gets the event's arguments.
   * @param context What `this` is for the listener. Default: the runner.
   * @returns The runner.
   * @throws TypeError if the listener is no function.
   * @example
   * ```ts
   * import {once} from 'node:events'
   *
   * const [, [stats]] = await Promise.all([runner.run(), once(runner, 'drain')]) // both reject if the run fails
   * ```
   */
  prependListener<E extends keyof RunnerEvents<T>>(
    event: E,
    listener: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
  ): this
  /** The same for an event that a subclass adds. */
  prependListener<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
  ): this
  prependListener(event: PropertyKey, listener: Listener<never>, context?: unknown): this {
    return this.#listen(event, listener, {context, isFirst: true})
  }

  /**
   * As {@link once}, but the listener is called before those that were added earlier.
   *
   * @param event The event's name.
   * @param listener Gets the event's arguments.
   * @param context What `this` is for the listener. Default: the runner.
   * @returns The runner.
   * @throws TypeError if the listener is no function.
   */
  prependOnceListener<E extends keyof RunnerEvents<T>>(
    event: E,
    listener: (...args: RunnerEvents<T>[E]) => void,
    context?: unknown,
  ): this
  /** The same for an event that a subclass adds. */
  prependOnceListener<E extends keyof RunnerEvents<T> | keyof Events>(
    event: E,
    listener: (...args: AnyArguments<T, Events, E>) => void,
    context?: unknown,
  ): this
  prependOnceListener(event: PropertyKey, listener: Listener<never>, context?: unknown): this {
    return this.#listen(event, listener, {context, isOnce: true, isFirst: true})
  }

  /**
   * The same as {@link listeners}: there are no wrappers to be seen.
   *
   * @param event The event's name.
   */
  rawListeners<E extends keyof RunnerEvents<T>>(event: E): Array<Listener<RunnerEvents<T>[E]>>
  /** The same for an event that a subclass adds. */
  rawListeners<E extends keyof Events>(event: E): Array<Listener<EventArguments<Events, E>>>
  rawListeners(event: PropertyKey): Listener[] {
    return this.#emitter?.listeners(event) ?? []
  }

  /** Always `Infinity`: an event may have any number of listeners, and no warning is printed. */
  getMaxListeners(): number {
    return Infinity
  }

  /**
   * Changes nothing: an event may have any number of listeners.
   *
   * @returns The runner.
   */
  setMaxListeners(_count: number): this {
    return this
  }

  #listen(event: PropertyKey, listener: Listener<never>, options: ListenerOptions): this {
    if (this.#emitter === undefined) {
      this.#emitter = new Emitter(this)
      // Where a subclass overrides `emit`, its run calls `emit` in place of the listeners.
      if (this.emit === ConcurrentRunner.prototype.emit) this.#run.audience = this.#emitter.audience
    }
    this.#emitter.add(event, listener, options)
    return this
  }

  // Hooks for subclasses

  /**
   * Awaited before each pull, also before the one that finds that there is nothing more: for gates. For a
   * rate, use the option `governor`. What it throws fails the run. Default: nothing.
   *
   * @param signal Aborts when the run ends in any but a graceful way, and waiting makes no sense any more.
   * @example
   * ```ts
   * class Spaced<T> extends ConcurrentRunner<T> {
   *   protected override ready(signal: AbortSignal): Promise<void> {
   *     return sleep(100, undefined, {signal}) // at most ten tasks in a second
   *   }
   * }
   * ```
   */
  protected ready(_signal: AbortSignal): PromiseLike<void> | void {}

  /**
   * Runs one task in its slot: for tracing, worker threads. What it throws fails the task. To try a task again, use
   * the option `retry`. Default: calls a function with its context, and passes a promise on.
   *
   * @param task The function or promise, as the source gave it.
   * @param context The task's place and its signal.
   * @example
   * ```ts
   * class Timed<T> extends ConcurrentRunner<T> {
   *   protected override async execute(task: Task<T>, context: TaskContext): Promise<T> {
   *     console.time(`task ${context.index}`)
   *     try {
   *       return await super.execute(task, context)
   *     } finally {
   *       console.timeEnd(`task ${context.index}`)
   *     }
   *   }
   * }
   * ```
   */
  protected execute(task: Task<T>, context: TaskContext): T | PromiseLike<T> {
    return typeof task === 'function' ? task(context) : task
  }

  /**
   * Whether an error ends the run; if not, it is yielded in its place. What it throws fails the run.
   * Default: errors of the source do, and all do without `yieldExceptions`.
   *
   * @param error The error, wrapped: `cause` is what was thrown.
   * @example
   * ```ts
   * class Patient<T> extends ConcurrentRunner<T, true> {
   *   protected override shouldRaise(error: ConcurrentError): boolean {
   *     return error.cause instanceof RangeError || super.shouldRaise(error)
   *   }
   * }
   * ```
   */
  protected shouldRaise(error: ConcurrentError): boolean {
    return !this.#yieldsExceptions || error instanceof ConcurrentIteratorError
  }

  /**
   * Releases what the subclass holds. Called, and awaited, once, when nothing runs any more and just
   * before `drain`. What it throws fails the run, if nothing else has. Default: nothing.
   *
   * @param reason Why the run ended; `undefined` for a graceful end.
   * @example
   * ```ts
   * class Pooled<T> extends ConcurrentRunner<T> {
   *   readonly #connection = connect()
   *   protected override cleanup(): Promise<void> {
   *     return this.#connection.close()
   *   }
   * }
   * ```
   */
  protected cleanup(_reason: unknown): PromiseLike<void> | void {}

  /** The runner, as its run sees it. */
  #host(): RunHost<T> {
    return {
      hooks: () => this.#hooks(),
      shouldRaise: (error) => this.shouldRaise(error),
      cleanup: (reason) => this.cleanup(reason),
      emit: (event, ...args) => {
        try {
          this.emit(event, ...args)
        } catch (error) {
          reportUncaught(error) // of an \`emit\` that a subclass overrides
        }
      },
    }
  }

  #hooks(): Hooks<T> {
    keepSpecimen()
    const base: ConcurrentRunner<unknown, boolean> = ConcurrentRunner.prototype
    return {
      ready: this.ready === base.ready ? undefined : (signal) => this.ready(signal),
      execute: this.execute === base.execute ? undefined : (task, context) => this.execute(task, context),
      hearsEmit: this.emit !== base.emit,
      isTraced: !isMakingSpecimen,
    }
  }
}

let specimen: object | undefined
let isMakingSpecimen = false

/**
 * Keeps one finished run alive, with an object of each class that a run needs. V8 throws optimised code away when a full
 * collection finds no living object of a class that the code depends on: without this, a task after a collection costs
 * several times as much.
 */
function keepSpecimen(): void {
  // Only where the async context is empty: what is kept alive would keep that context, too.
  if (specimen !== undefined || !isEmptyScope(captureScope(Promise.resolve()))) return
  const kept: object[] = []
  specimen = kept
  const items = ConcurrentRunner.map([1, 2], (_item, context) => kept.push(context), {ordered: true})
  const tasks = new ConcurrentRunner([() => 1])
  kept.push(items, tasks)
  isMakingSpecimen = true
  void items.toArray()
  void tasks.next().then((result) => kept.push(result))
  void tasks.next()
  kept.push(tasks.batches(1), ...usedDeadlines())
  isMakingSpecimen = false
}
