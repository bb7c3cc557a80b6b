/** One run: starts tasks while it may, handles their outcomes, and delivers their results. */

import {Admission, type AdmissionHost, bothPermits, Candidate} from './admission.js'
import {Caller} from './caller.js'
import {describe, isThenable} from './checks.js'
import {Context} from './context.js'
import {Deadlines} from './deadlines.js'
import type {Audience} from './emitter.js'
import {ConcurrentError, ConcurrentExecutionError, ConcurrentIteratorError} from './errors.js'
import {EventLoopGuard} from './event-loop.js'
import {Failures, hookError} from './failures.js'
import {Lifecycle, type LifecycleHost, type Outcome} from './lifecycle.js'
import {Line, type LineHost, type LineTask} from './line.js'
import {highWaterMarkFor, type ResolvedOptions, readAheadFor} from './options.js'
import {type AsyncScope, captureScope, isEnterWithContained} from './platform/runtime.js'
import {onAbort} from './platform/shared-listener.js'
import {Results} from './results.js'
import {type FailedAttempt, Retries, type WaitingRetry} from './retry.js'
import {type Slot, type SlotHost, Slots} from './slots.js'
import {nothing, type SourceHost, SourceReader} from './source.js'
import {handleRejection, ignore, invalidItemError, type QueuedTask, releasePermit, unused, whenSettled} from './task.js'
import {type Channels, traceEnd, traceError, tracing} from './tracing.js'
import type {
  Permit,
  PermitOutcome,
  RunnerEvents,
  RunnerState,
  RunnerStats,
  Source,
  Task,
  TaskContext,
  TaskTrace,
} from './types.js'

/** The hooks that a subclass has overridden; `undefined` for the others, which saves a call for each task. */
export interface Hooks<T> {
  /** Whether the subclass overrides `emit`, which must then be called for each event. */
  readonly hearsEmit: boolean
  /** Whether its tasks are published to subscribers. */
  readonly isTraced: boolean
  readonly ready: ((signal: AbortSignal) => PromiseLike<void> | void) | undefined
  // Declared as a method, whose parameters are compared in both directions: otherwise a runner would be invariant in T.
  readonly execute: {call(task: Task<T>, context: TaskContext): T | PromiseLike<T>}['call'] | undefined
}

/** The runner, as its run sees it. */
export interface RunHost<T> {
  /** Called once, when the run begins. */
  hooks(): Hooks<T>
  shouldRaise(error: ConcurrentError): boolean
  cleanup(reason: unknown): PromiseLike<void> | void
  emit<E extends keyof RunnerEvents<T>>(event: E, ...args: RunnerEvents<T>[E]): void
}

const noListeners: Audience = {
  start: undefined,
  retry: undefined,
  result: undefined,
  error: undefined,
  drain: undefined,
}

export class Run<T> implements SlotHost, SourceHost, LineHost, AdmissionHost, LifecycleHost {
  /** The current listeners of the runner's events. */
  audience: Audience = noListeners
  readonly #host: RunHost<T>
  readonly #options: ResolvedOptions
  readonly #reader: SourceReader
  readonly #slots: Slots
  readonly #results: Results<Awaited<T> | ConcurrentError>
  readonly #lifecycle: Lifecycle
  readonly #failures: Failures
  #deadlines: Deadlines | undefined
  /** The tasks that wait for their next attempt; `undefined` where a failure is final. */
  #retries: Retries | undefined
  /** Asks the governor; `undefined` where there is none. */
  readonly #admission: Admission | undefined
  /** Whether `stop()` was called. */
  #isStopped = false
  #tracing: Channels | undefined
  /** The async context in which the run began. */
  #scope: AsyncScope | undefined
  #ready: Hooks<T>['ready']
  /** Calls the tasks; `undefined` until the run begins. */
  #caller: Caller | undefined
  /** The answer of `ready()`, which the next pull uses up. */
  #readiness: 'unasked' | 'asking' | 'ready' = 'unasked'
  /** The index of the next item in the source. */
  #index = 0
  #hasSourceEnded = false
  /** Whether the failure of the source was told. Tasks that were pulled before it may still start. */
  #hasSourceFailed = false
  #started = 0
  #succeeded = 0
  #failed = 0
  /** Only results of tasks below this index are delivered. */
  #deliversBelow: number = Infinity
  /** With `ordered`, the error that is delivered after all results that come before it. */
  #failure: ConcurrentError | undefined
  #isPaused = false
  readonly #guard = new EventLoopGuard(() => this.#restChanged())
  /**
   * Whether a task may start: the run is open and not failing, paused or resting, no attempt waits for its permit, and
   * not too many tasks wait for a retry. Kept by `#update`.
   */
  #mayStart = false
  /** Whether an item may be pulled: as `#mayStart`, but also while a permit is awaited. Kept by `#update`. */
  #mayPull = false
  /** Whether something other than a rest forbids that tasks start. Kept by `#update`. */
  #isBarred = true
  /** The tasks that were read ahead of the slots; `undefined` where nothing is read ahead. */
  #line: Line | undefined
  /** Whether each task is a function that only needs to be called with its context. */
  #isPlain = false
  /** Whether tasks have items: the items are mapped, or were pushed with an `item` option. */
  #hasItems = false
  /** Whether tasks have waited in a line before they were pulled, and must be told their outcome. */
  #isQueued = false
  /** Whether `#fill` is running: it checks the state again at each task, so calls from within it return at once. */
  #isFilling = false
  /** Whether the state has changed while user code was called, so that `#fill` must check it again. */
  #hasChanged = false

  /** @param givenLimit The limit that the caller has given, if any. */
  constructor(source: Source<T>, options: ResolvedOptions, host: RunHost<T>, givenLimit?: number) {
    const {limit, highWaterMark, ordered, governor, retry} = options
    this.#host = host
    this.#options = options
    this.#reader = new SourceReader(source, this, givenLimit)
    this.#slots = new Slots(limit, this)
    this.#results = new Results(ordered, highWaterMark ?? highWaterMarkFor(limit))
    this.#lifecycle = new Lifecycle(this, this.#reader, this.#results)
    this.#failures = new Failures(host, this.#lifecycle)
    if (governor !== undefined) this.#admission = new Admission(governor, this)
    if (retry !== undefined) this.#retries = new Retries(retry, () => this.#retriesDue())
  }

  // Consuming

  /** The next result; at the end the failure, once, and then `done`. */
  next(): Promise<IteratorResult<Awaited<T> | ConcurrentError, undefined>> {
    if (this.#lifecycle.isIdle) {
      const first = this.#results.next() // a call of next() that user code makes below comes after this call
      this.begin()
      return first
    }
    this.#guard.spend() // for a consumer that never waits
    const result = this.#results.next()
    if (this.#mayStart && this.#slots.hasFree && (!this.#results.isFull || this.#line !== undefined)) this.#look()
    return result
  }

  /** Takes up to `most` results that are ready. */
  takeReady(most: number): Array<Awaited<T> | ConcurrentError> {
    this.#guard.spend() // for a consumer that never waits
    const taken = this.#results.takeReady(most)
    if (this.#mayStart && taken.length > 0) this.#look()
    return taken
  }

  /** From now on, drops results that no `next()` waits for. */
  discard(): void {
    this.#results.discard()
    if (this.#failure !== undefined) this.#lifecycle.fail(this.#failure, ignore)
    this.#consume()
  }

  /** From now on, collects results that no `next()` waits for in an array. */
  collect(): Array<Awaited<T> | ConcurrentError> {
    const collected = this.#results.collect()
    this.#consume()
    return collected
  }

  #consume(): void {
    if (this.#lifecycle.isIdle) this.begin()
    else this.#look()
  }

  /** The counts, once nothing runs any more except tasks whose outcome was told early. */
  over(): Promise<RunnerStats> {
    this.#deadlines?.hold(true)
    return this.#lifecycle.over
  }

  get whenDrained(): Promise<RunnerStats> {
    return this.#lifecycle.drained
  }

  /**
   * The reason why the run ended, if it failed or was aborted. The caller has then been told, so `next()` need not tell
   * it.
   */
  takeFailure(): {readonly error: unknown} | undefined {
    const {outcome} = this.#lifecycle
    if (outcome === undefined || outcome.kind === 'left') return undefined
    this.#results.end()
    return {error: outcome.reason}
  }

  /** Whether the run has drained without a failure, and no result is left. */
  get isEmpty(): boolean {
    const {outcome, isDrained} = this.#lifecycle
    return isDrained && this.#results.size === 0 && (outcome === undefined || outcome.kind === 'left')
  }

  // Controlling

  pause(): void {
    this.#isPaused = true
    this.#update()
  }

  resume(): void {
    this.#isPaused = false
    this.#update()
    this.#look()
  }

  stop(timeout: number | undefined): void {
    this.#inScope(() => {
      this.#isStopped = true
      this.#lifecycle.enter()
      this.#lifecycle.stop(timeout)
      this.#dropPulled(0)
      this.#failInOrder()
      this.#endRetries(() => true, new DOMException('The run was stopped', 'AbortError'))
      this.#lifecycle.leave()
    })
  }

  abort(reason: unknown): void {
    this.#inScope(() => this.#lifecycle.abort(reason))
  }

  /** The consumer leaves. Resolves when the source has cleaned up. */
  depart(reason: unknown): Promise<void> {
    const departed = this.#inScope(() => this.#lifecycle.depart(reason))
    this.#results.clear()
    return departed
  }

  get limit(): number {
    return this.#slots.limit
  }

  set limit(limit: number) {
    const previous = this.#slots.limit
    this.#slots.limit = limit
    this.#results.highWaterMark = this.#options.highWaterMark ?? highWaterMarkFor(limit)
    this.#update()
    if (limit !== previous && !this.#lifecycle.isDrained) this.#host.emit('limit', limit, previous)
    this.#look()
  }

  // Observing

  get state(): RunnerState {
    return this.#lifecycle.state
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The contexts of the tasks that take a slot. */
  get running(): TaskContext[] {
    return this.#slots.contexts
  }

  get stats(): RunnerStats {
    return {
      started: this.#started,
      succeeded: this.#succeeded,
      failed: this.#failed,
      running: this.#slots.taken,
      waiting: this.#results.size,
      retrying: (this.#retries?.size ?? 0) + (this.#candidate?.retry === undefined ? 0 : 1),
    }
  }

  // Starting tasks

  begin(): void {
    if (!this.#lifecycle.begin(this.#options.signal, (reason) => this.abort(reason))) return
    const {ready, execute, hearsEmit, isTraced} = this.#host.hooks()
    if (hearsEmit) this.audience = this.#emitted()
    this.#ready = ready
    this.#scope = captureScope(Promise.resolve())
    this.#update()
    this.#reader.open(() => this.#lifecycle.signal)
    if (isTraced) this.#tracing = tracing()
    const {mapper, isQueue, grouping} = this.#reader
    const ahead = isQueue ? undefined : readAheadFor(grouping, this.#options)
    if (ahead !== undefined) this.#line = new Line(ahead, mapper, this.#scope, this)
    this.#hasItems = mapper !== undefined || isQueue
    this.#isQueued = isQueue || ahead !== undefined
    this.#caller = new Caller({isQueue, isQueued: this.#isQueued, mapper, execute, scope: this.#scope})
    this.#isPlain =
      execute === undefined &&
      this.#retries === undefined &&
      !this.#hasItems &&
      !this.#isQueued &&
      (this.#scope === undefined || !isEnterWithContained)
    this.#fill()
  }

  /** The listeners where a subclass overrides `emit`, which calls the real listeners itself. */
  #emitted(): Audience {
    return {
      ...noListeners,
      start: [(context) => this.#host.emit('start', context as TaskContext)],
      result: [(value, context) => this.#host.emit('result', value as Awaited<T>, context as TaskContext)],
    }
  }

  /** Does all work that may be done now, in the async context in which the run began. */
  #look(): void {
    if (this.#isFilling || (!this.#lifecycle.isOpen && this.#retries === undefined && this.#line === undefined)) return
    if (this.#scope === undefined) this.#fill()
    else this.#scope.runInAsyncScope(fillRun, undefined, this)
  }

  /** Calls what calls user code, in the async context in which the run began. */
  #inScope<R>(call: () => R): R {
    return this.#scope === undefined ? call() : this.#scope.runInAsyncScope(call, undefined)
  }

  /** Starts tasks while a slot is free, the buffer has room for results, and nothing forbids it. */
  #fill(): void {
    if (this.#isFilling) return
    this.#isFilling = true
    if (this.#retries !== undefined) this.#startRetries(this.#retries)
    if (this.#line === undefined) this.#fillDirectly()
    else this.#fillFrom(this.#line)
    this.#isFilling = false
  }

  /** Starts the tasks that the source gives. */
  #fillDirectly(): void {
    this.#guard.beginBatch()
    while (this.#mayStart && this.#slots.hasFree && !this.#results.isFull) {
      if (this.#guard.spendOnStart()) return
      if (this.#ready !== undefined && this.#readiness !== 'ready') {
        if (this.#askReady(this.#ready)) continue
        return
      }
      const item = this.#reader.pull()
      if (item === nothing) {
        if (this.#reader.isOver) this.#sourceEnded()
        return
      }
      if (this.#hasChanged && !this.#mayStillStart())
        return this.#isQueued ? this.#failures.dispose(item, this.#index) : this.#reader.putBack(item)
      this.#start(item)
    }
  }

  /** For functions outside the class, which have no access to private methods. */
  fill(): void {
    this.#fill()
  }

  /** Starts the tasks in the line while they may start, and reads ahead. */
  #fillFrom(line: Line): void {
    this.#guard.beginBatch()
    while (this.#mayStart && this.#slots.hasFree) {
      if (this.#guard.spendOnStart()) return
      // Groups take turns among all tasks that may be read ahead; without groups a task starts as soon as it was read.
      if (line.isGrouped || line.size === 0) this.#readAhead(line, line.isGrouped ? Infinity : 1)
      // The source, or group(), may have paused or ended the run. If reading was due for a rest, one task starts before it.
      if (this.#isBarred || !this.#slots.hasFree) break
      this.#hasChanged = false
      const task = this.#takeFrom(line)
      if (task === undefined) {
        if (this.#hasChanged) continue // the governor of a group has failed for a task, which waits no longer
        break
      }
      if (this.#hasChanged && !(this.#mayStart && this.#slots.hasFree)) return line.putBack(task)
      if (task.failure !== undefined) this.groupFailed(task, task.failure.cause)
      else if (this.#isInvalid(task.raw, task.sequence)) this.#invalid(task)
      else this.#try(task, new Context(task.sequence, task.item, 1))
    }
    this.#readAhead(line, Infinity)
  }

  /** The next task that may start. The task whose result is delivered next may start even if the buffer is full. */
  #takeFrom(line: Line): LineTask | undefined {
    if (!this.#results.isFull) return line.tryTake()
    const place = this.#results.awaitedPlace
    return place === undefined ? undefined : line.tryTakeAt(place)
  }

  #invalid(task: LineTask): void {
    task.rejected()
    this.#failInOrder()
  }

  /** Reads until the line has this number of tasks, or is full. */
  #readAhead(line: Line, most: number): void {
    while (this.#mayPull && line.size < most && !line.isFull) {
      if (this.#guard.spend()) return
      if (this.#ready !== undefined && this.#readiness !== 'ready') {
        if (this.#askReady(this.#ready)) continue
        return
      }
      const item = this.#reader.pull()
      if (item === nothing) break
      if (!this.#mayPull) return this.#reader.putBack(item)
      if (this.#ready !== undefined) this.#readiness = 'unasked'
      this.#lifecycle.enter() // also while group() is called: it may end the run
      line.push(item, this.#index++)
      this.#lifecycle.leave()
    }
    if (this.#reader.isOver) this.#sourceEnded()
  }

  /** Computes `#mayStart` and `#mayPull`; called after each change of what they depend on. */
  #update(): void {
    const isFree = !this.#isPaused && this.#retries?.isFull(this.#slots.limit) !== true
    const isOpen = isFree && this.#lifecycle.isOpen && this.#failure === undefined
    this.#mayPull = isOpen && !this.#guard.isResting
    // Tasks that are in the line when a failure comes still start, if they come before it.
    const mayGoOn = this.#line === undefined ? isOpen : isFree && !this.#startsNothing
    this.#isBarred = !mayGoOn || this.#candidate !== undefined
    this.#mayStart = !this.#isBarred && !this.#guard.isResting
    this.#hasChanged = true
  }

  /** Whether no attempt starts any more, not even a retry: `stop()` was called, or the run has ended. */
  get #startsNothing(): boolean {
    return this.#isStopped || this.#lifecycle.isEnded
  }

  #mayStillStart(): boolean {
    this.#hasChanged = false
    return this.#mayStart && this.#slots.hasFree && !this.#results.isFull
  }

  /** Calls the hook `ready()`. Returns whether it has allowed a pull at once. */
  #askReady(ready: (signal: AbortSignal) => PromiseLike<void> | void): boolean {
    if (this.#readiness === 'asking' || this.#reader.isPulling) return false
    this.#readiness = 'asking'
    try {
      const answer = ready(this.#lifecycle.signal)
      if (isThenable(answer)) {
        whenSettled(
          answer,
          () => {
            this.#readiness = 'ready'
            this.#look()
          },
          (cause) => this.#readyFailed(cause),
        )
        return false
      }
      this.#readiness = 'ready'
      return true
    } catch (cause) {
      this.#readyFailed(cause)
      return false
    }
  }

  /** Starts the task of a pulled item. */
  #start(item: unknown): void {
    if (typeof item !== 'function' && this.#isInvalid(item, this.#index)) return
    this.#try(item, new Context(this.#index, this.#hasItems ? this.#caller?.itemOf(item) : undefined, 1))
  }

  /** Makes the first attempt, once the governor gives a permit. */
  #try(item: unknown, context: Context): void {
    if (this.#admission === undefined) this.#launch(item, context, undefined)
    else this.#ask(this.#admission, new Candidate(item, context, undefined))
  }

  /** Asks the governor. If the permit does not come at once, the attempt waits for it. */
  #ask(admission: Admission, candidate: Candidate): void {
    const isAwaited = admission.ask(candidate)
    if (!isAwaited) return
    this.#update()
    if (admission.candidate !== candidate || candidate.retry !== undefined) return
    // A task of a queue stays in the queue until its permit comes, so that `waiting` shows it and other readers can
    // take it.
    if (this.#isQueued) this.#layBack(candidate)
    else handleRejection(candidate.item) // a promise may reject before its permit comes
  }

  /** Makes an attempt, a first attempt or a retry. */
  #launch(item: unknown, context: Context, permit: Permit | undefined): void {
    const slot = this.#slots.take(context)
    if (permit !== undefined) slot.permit = permit
    if (context.attempt === 1) this.#enterTask(context)
    if (this.#retries !== undefined) {
      slot.item = item
      this.#retries.enter()
    }
    let outcome: unknown
    try {
      if (this.#tracing !== undefined && this.#tracing.start.hasSubscribers)
        slot.trace = this.#caller?.traceOf(item, context)
      if (this.#isPlain && typeof item === 'function' && slot.trace === undefined) {
        if (this.#options.timeout !== undefined) this.#limitTime(slot, this.#options.timeout)
        outcome = (item as (context: TaskContext) => unknown)(context)
      } else outcome = this.#call(item, context, slot)
    } catch (error) {
      outcome = Promise.reject(error)
    }
    whenSettled(outcome, slot.onFulfilled, slot.onRejected)
  }

  /** A task starts: it is counted, keeps the run open, and is reported. */
  #enterTask(context: Context): void {
    if (this.#line === undefined) this.#used()
    this.#lifecycle.enter()
    this.#started++
    const {start} = this.audience
    if (start !== undefined) for (const listener of start) listener(context)
  }

  /** An item was taken from the source for good, which uses up the answer of `ready()`. */
  #used(): void {
    this.#index++
    if (this.#ready !== undefined) this.#readiness = 'unasked'
  }

  /** Calls a task that is more than a function that only needs its context. */
  #call(item: unknown, context: Context, slot: Slot): unknown {
    const {outcome} = this.#lifecycle
    // A listener of `start`, or the budget, may have ended the run.
    if (this.#isQueued && (outcome === undefined || context.attempt > 1)) this.#callQueued(item as QueuedTask, slot)
    if (outcome !== undefined) {
      this.#releasePermit(slot, unused)
      if (context.attempt === 1) this.#failures.dispose(item, this.#index)
      throw outcome.reason
    }
    const timeout = slot.queued?.timeout ?? this.#options.timeout
    if (timeout !== undefined) this.#limitTime(slot, timeout)
    return this.#caller?.call(item, context, slot.queued, slot.trace)
  }

  #limitTime(slot: Slot, timeout: number): void {
    this.#deadlines ??= this.#makeDeadlines()
    this.#deadlines.add(slot, timeout)
  }

  /** Prepares a pushed task: it is told its outcome, and its group's permit is released with the governor's. */
  #callQueued(queued: QueuedTask, slot: Slot): void {
    slot.queued = queued
    const ofGroup = queued.takePermit()
    if (ofGroup === undefined) return
    const {permit} = slot
    slot.permit = permit === undefined ? ofGroup : bothPermits(permit, ofGroup)
  }

  /** Whether an item is no task; if so, reports an error and disposes of the item. */
  #isInvalid(item: unknown, index: number): boolean {
    if (this.#hasItems) return false
    const error = invalidItemError(item, index, this.#reader.isAsync)
    if (error === undefined) return false
    if (this.#line === undefined) this.#used()
    this.#lifecycle.enter()
    this.#judge(error)
    this.#failures.dispose(item, this.#index)
    this.#lifecycle.leave()
    return true
  }

  // Called by the admission

  /** Uses the permit at once, or gives it back. */
  permitted(candidate: Candidate, permit: Permit): void {
    this.#update()
    const {item, request, retry} = candidate
    if (this.#isInHand(candidate)) {
      if (!this.#slots.hasFree || this.#isPaused) this.#putBack(candidate)
      else if (retry === undefined || this.#enterGroup(retry)) {
        retry?.stopListening?.()
        this.#launch(item, request.context, permit)
        return this.#look()
      }
    }
    releasePermit(permit, unused)
    this.#look()
  }

  /** The governor has failed: the task fails for good. */
  refused(candidate: Candidate, cause: unknown): void {
    this.#update()
    // No other task starts between this task's start and its error.
    this.#withoutStarts(() => {
      if (this.#isInHand(candidate)) this.#failCandidate(candidate, cause)
    })
    this.#look()
  }

  #failCandidate({item, request, retry}: Candidate, cause: unknown): void {
    const {context} = request
    if (retry !== undefined) {
      this.#retries?.end(retry)
      return this.#failForGood(item, context, cause)
    }
    this.#enterTask(context)
    if (this.#isQueued) (item as QueuedTask).refuse(cause)
    this.#taskFailed(context, cause)
    if (!this.#isQueued) this.#failures.dispose(item, this.#index)
    this.#settled()
  }

  /** The attempt for which the governor is being asked. No other attempt starts meanwhile. */
  get #candidate(): Candidate | undefined {
    return this.#admission?.candidate
  }

  /**
   * Whether the run still has the candidate's task. A task that stayed in its queue is taken out, if it is still first
   * there.
   */
  #isInHand(candidate: Candidate): boolean {
    if (candidate.isInHand) return true
    const next = this.#line === undefined ? this.#reader.pull() : (this.#takeFrom(this.#line) ?? nothing)
    if (next === candidate.item) return true
    if (next !== nothing) this.#failures.dispose(next, this.#index) // the governor is asked again, for this task
    return false
  }

  #putBack(candidate: Candidate): void {
    const {item, retry} = candidate
    if (retry !== undefined) {
      this.#retries?.putBack(retry)
      this.#update()
    } else if (this.#isQueued) this.#layBack(candidate)
    else this.#reader.putBack(item)
  }

  /** Puts a task back into its queue. */
  #layBack(candidate: Candidate): void {
    candidate.isInHand = false
    this.#failures.dispose(candidate.item, this.#index)
    if (this.#candidate === candidate) this.#reader.whenEmpty(this.#queueEmptied)
  }

  /** The task for which the governor is asked waits in its queue no more: the wait for the permit is given up. */
  readonly #queueEmptied = (): void => {
    const reason = new DOMException('The task has left the queue', 'AbortError')
    this.#inScope(() => this.#admission?.drop(reason))
    this.#update()
    this.#look()
  }

  #releasePermit(slot: Slot, outcome: PermitOutcome): void {
    const {permit} = slot
    slot.permit = undefined
    if (permit !== undefined) releasePermit(permit, outcome)
  }

  // Retries

  /** Makes the retries that are due, even if the buffer is full. */
  #startRetries(retries: Retries): void {
    for (let retry = retries.peek(); retry !== undefined; retry = retries.peek()) {
      const isBlocked = this.#isPaused || this.#guard.isResting || this.#candidate !== undefined
      if (isBlocked || this.#startsNothing || !this.#slots.hasFree) return
      if (this.#guard.spend()) return
      retries.shift()
      this.#update()
      const {item, context} = retry
      const next = new Context(context.index, context.item, context.attempt + 1)
      if (this.#admission !== undefined) this.#ask(this.#admission, new Candidate(item, next, retry))
      else if (this.#enterGroup(retry)) {
        retry.stopListening?.()
        this.#launch(item, next, undefined)
      }
    }
  }

  /** Takes a place in the task's group, if it has one. If the group has no place now, only this task waits for it. */
  #enterGroup(retry: WaitingRetry): boolean {
    if (!this.#isQueued) return true
    const queued = retry.item as QueuedTask
    try {
      const hasPlace = queued.tryEnter(() => {
        this.#retries?.unblock(retry)
        this.#look()
      })
      const hasEnded = this.#startsNothing // by the governor of the group
      if (hasPlace && !hasEnded && !this.#isPaused) return true
      const permit = hasPlace ? queued.takePermit() : undefined
      if (permit !== undefined) releasePermit(permit, unused)
      if (hasEnded) this.#endRetry(retry)
      else if (hasPlace) this.#retries?.putBack(retry)
      else this.#retries?.block(retry)
      this.#update()
      return false
    } catch (cause) {
      this.#retries?.end(retry)
      this.#failForGood(retry.item, retry.context, cause)
      return false
    }
  }

  /** Some waits are over. A task fails if its last attempt has timed out and still runs. */
  #retriesDue(): void {
    this.#endDismissed()
    this.#look()
  }

  /**
   * Lets a task whose attempt has failed wait for its next attempt. Returns `false` if the failure is final.
   *
   * @param running The slot of the attempt, if the attempt has timed out and still runs.
   */
  #tryAgain(failed: FailedAttempt, running: Slot | undefined): boolean {
    const retries = this.#retries
    if (retries === undefined || !this.#isRepeatable(failed)) return false
    let delay: number | undefined
    this.#withoutStarts(() => {
      delay = retries.delay(failed)
    })
    if (delay === undefined) return false
    if (!this.#isRepeatable(failed)) {
      retries.giveBack() // a function of the policy has ended the run
      return false
    }
    const {context, error} = failed
    const retry = retries.add(failed, delay, running)
    if (running !== undefined) running.retry = retry
    this.#update()
    // If the push's signal aborts, the task waits no longer, and nor do the others that share the signal.
    const {signal} = retry
    if (signal !== undefined)
      retry.stopListening = onAbort(signal, () =>
        this.#inScope(() => this.#endRetries((other) => other.signal === signal, error)),
      )
    this.#host.emit('retry', context, {error, attempt: context.attempt, delay})
    return true
  }

  /** A promise cannot be run again, and an aborted task is not run again. */
  #isRepeatable({item, queued, context, hasTimedOut}: FailedAttempt): boolean {
    const isFunction = queued?.isRepeatable ?? (typeof item === 'function' || this.#hasItems)
    const isAborted = (context.aborted !== undefined && !hasTimedOut) || queued?.signal?.aborted === true
    return isFunction && !isAborted && !this.#isStopped && this.#delivers(context.index)
  }

  /** Ends the waits of the selected tasks: each fails with its last error. */
  #endRetries(fits: (retry: WaitingRetry) => boolean, reason: unknown): void {
    if (this.#retries === undefined) return
    const retry = this.#candidate?.retry
    if (retry !== undefined && fits(retry)) {
      this.#admission?.drop(reason)
      this.#retries.putBack(retry)
    }
    this.#retries.dismiss(fits)
    this.#update()
    this.#endDismissed()
  }

  #endDismissed(): void {
    const retries = this.#retries
    for (let retry = retries?.nextDismissed(); retry !== undefined; retry = retries?.nextDismissed())
      this.#endRetry(retry)
  }

  #endRetry(retry: WaitingRetry): void {
    const {item, context, error, running} = retry
    this.#update()
    this.#retries?.end(retry)
    if (running === undefined) return this.#failForGood(item, context, error)
    running.retry = undefined
    if (this.#isQueued) (item as QueuedTask).rejected(error)
    this.#taskFailed(context, error)
    this.#failInOrder()
    this.#lifecycle.toldEarly()
  }

  /** Calls user code between two steps that belong together: no task starts meanwhile. */
  #withoutStarts(call: () => void): void {
    const wasFilling = this.#isFilling
    this.#isFilling = true
    call()
    this.#isFilling = wasFilling
  }

  /** A task that does not run fails. */
  #failForGood(item: unknown, context: Context, error: unknown): void {
    if (this.#isQueued) {
      const queued = item as QueuedTask
      queued.rejected(error)
      queued.released()
    }
    this.#taskFailed(context, error)
    this.#settled()
  }

  // Yielding to the event loop

  /** The guard has begun or ended a rest. While the run yields to the event loop, no result is delivered. */
  #restChanged(): void {
    this.#results.hold(this.#guard.isYielding)
    this.#update()
    if (!this.#guard.isResting) this.#look()
  }

  // A method of its own: in its callers the closure would cost an allocation at each call.
  #defer(slot: Slot, settle: (outcome: unknown) => void, outcome: unknown): void {
    if (slot.timeout !== undefined) this.#deadlines?.remove(slot) // it has settled in time
    this.#guard.defer(() => this.#inScope(() => settle(outcome)))
  }

  // Called by slots

  fulfilled(slot: Slot, value: unknown): void {
    const {context, queued, permit} = slot
    if (this.#guard.isYielding) return this.#defer(slot, slot.onFulfilled, value)
    if (slot.isLate || context === undefined) return this.#settledLate(slot)
    this.#release(slot)
    this.#succeeded++
    if (this.#delivers(context.index)) this.#results.put(value as Awaited<T>, context.index)
    if (queued !== undefined) {
      queued.fulfilled(value)
      queued.released()
    }
    const {result} = this.audience
    if (result !== undefined) {
      for (const listener of result) listener(value, context)
      this.#guard.spendOnListeners()
    }
    if (permit !== undefined) releasePermit(permit, {status: 'ok', value})
    this.#settled()
  }

  rejected(slot: Slot, reason: unknown): void {
    const {context, queued, item, permit} = slot
    if (this.#guard.isYielding) return this.#defer(slot, slot.onRejected, reason)
    if (slot.trace !== undefined) traceError(slot.trace, reason) // may end the run
    if (slot.isLate || context === undefined) return this.#settledLate(slot)
    const wasAborted = context.aborted !== undefined
    this.#release(slot)
    const failed: FailedAttempt = {item, queued, context, error: reason, hasTimedOut: false}
    const isTriedAgain = this.#tryAgain(failed, undefined)
    if (!isTriedAgain) {
      const {error} = failed
      if (queued !== undefined) {
        queued.rejected(error)
        queued.released()
      }
      this.#taskFailed(context, error)
    }
    this.#guard.spendOnListeners()
    if (permit !== undefined)
      releasePermit(permit, wasAborted ? {status: 'aborted'} : {status: 'failed', error: reason})
    if (isTriedAgain) this.#fill()
    else this.#settled()
  }

  #release(slot: Slot): void {
    if (slot.timeout !== undefined) this.#deadlines?.remove(slot)
    slot.queued = slot.permit = undefined
    if (this.#retries === undefined && slot.trace === undefined) this.#slots.release(slot)
    else this.#releaseAndTell(slot)
  }

  /** Frees a slot, and then tells the budget and subscribers, which may end the run. */
  #releaseAndTell(slot: Slot): void {
    const {context, trace} = slot
    slot.item = slot.trace = undefined
    this.#slots.release(slot)
    this.#withoutStarts(() => {
      this.#retries?.leave(context?.attempt ?? 1)
      if (trace !== undefined) traceEnd(trace)
    })
  }

  #settled(): void {
    if (this.#failure !== undefined) this.#failInOrder()
    this.#lifecycle.leave()
    if (this.#mayStart || this.#retries !== undefined) this.#fill()
  }

  /** A task has settled whose outcome was told early, or which waits for its next attempt. */
  #settledLate(slot: Slot): void {
    if (slot.isAbandoned) return
    const {queued, context, retry, permit, hasTimedOut} = slot
    this.#lifecycle.enter() // the budget and the permit may end the run
    slot.isLate = slot.hasTimedOut = false
    slot.retry = undefined
    if (retry !== undefined) retry.running = undefined
    this.#release(slot)
    if (permit !== undefined)
      releasePermit(permit, hasTimedOut ? {status: 'failed', error: context?.aborted?.reason} : {status: 'aborted'})
    if (retry === undefined) {
      queued?.released()
      this.#lifecycle.leaveLate()
    }
    this.#lifecycle.leave()
    this.#fill()
  }

  // Called by deadlines

  #makeDeadlines(): Deadlines {
    const deadlines = new Deadlines(this.#slots.all, (slot, timeout) => this.#timedOut(slot, timeout))
    const {outcome, isAwaited} = this.#lifecycle
    if (outcome !== undefined) deadlines.hold(isAwaited)
    return deadlines
  }

  #timedOut(slot: Slot, timeout: number): void {
    const {context, queued, item} = slot
    if (this.#guard.isYielding) return this.#guard.defer(() => this.#inScope(() => this.#timedOut(slot, timeout)))
    if (context === undefined || slot.isLate) return
    const isReleased = this.#options.releaseOnTimeout
    const error = new DOMException(`The task took longer than ${timeout} ms`, 'TimeoutError')
    const hasTimedOut = context.aborted === undefined // otherwise the task was aborted before
    const failed: FailedAttempt = {item, queued, context, error, hasTimedOut}
    slot.isLate = true // a later outcome of the attempt is ignored
    slot.hasTimedOut = hasTimedOut
    if (slot.trace !== undefined) endTrace(slot, slot.trace, error)
    context.abort(error)
    if (isReleased) {
      this.#slots.abandon(slot)
      this.#withoutStarts(() => this.#retries?.leave(context.attempt))
    }
    const isTriedAgain = this.#tryAgain(failed, isReleased ? undefined : slot)
    if (!isTriedAgain) this.#toldEarly(slot, context, failed.error)
    this.#guard.spendOnListeners()
    if (isReleased) {
      this.#releasePermit(slot, hasTimedOut ? {status: 'failed', error} : {status: 'aborted'})
      if (!isTriedAgain) {
        queued?.released()
        this.#lifecycle.leave()
      }
    } else if (!isTriedAgain) this.#lifecycle.toldEarly()
    this.#look() // an error that was yielded may have let other results through
  }

  /** Fails a task that still runs. */
  #failEarly(slot: Slot, reason: unknown): void {
    const {context} = slot
    if (context === undefined) return
    if (slot.timeout !== undefined) this.#deadlines?.remove(slot)
    slot.isLate = true // a later outcome of the task is ignored
    if (slot.trace !== undefined) endTrace(slot, slot.trace, reason)
    context.abort(reason)
    this.#toldEarly(slot, context, reason)
  }

  /** Reports the failure of a task that still runs. */
  #toldEarly({queued}: Slot, context: Context, reason: unknown): void {
    queued?.rejected(reason)
    this.#taskFailed(context, reason)
    this.#failInOrder()
  }

  // Called by the line

  lineChanged(): void {
    this.#look()
  }

  groupFailed(task: LineTask, cause: unknown): void {
    this.#hasChanged = true
    this.#failCandidate(new Candidate(task, new Context(task.sequence, task.item, 1), undefined), cause)
  }

  // Called by the source reader

  sourceChanged(): void {
    if (this.#reader.isOver) this.#sourceEnded()
    else this.#look()
  }

  leftOver(item: unknown): void {
    this.#failures.dispose(item, this.#index)
  }

  /** The source is exhausted, or has failed. */
  #sourceEnded(): void {
    if (this.#hasSourceEnded || !this.#lifecycle.isOpen) return
    const {failure} = this.#reader
    this.#lifecycle.enter() // the handling of the failure is part of the run
    if (failure !== undefined && !this.#hasSourceFailed) {
      this.#hasSourceFailed = true
      const {cause} = failure
      const index = this.#index
      this.#judge(new ConcurrentIteratorError(`The source failed at item ${index}: ${describe(cause)}`, {cause, index}))
    }
    if (this.#line === undefined || this.#line.size === 0) {
      this.#hasSourceEnded = true
      this.#lifecycle.finish()
    }
    this.#lifecycle.leave()
    this.#update()
  }

  // Called by the lifecycle

  halt({kind, reason}: Outcome): void {
    this.#update()
    this.#isPlain = false
    this.#deliversBelow = 0
    if (kind !== 'failed') this.#results.clear()
    for (const {context} of this.#slots.open()) context?.abort(reason)
    this.#deadlines?.hold(this.#lifecycle.isAwaited)
    this.#endRetries(() => true, reason)
    this.#dropPulled(0)
    if (this.#failure !== undefined) this.#lifecycle.leave()
  }

  closeSource(onClosed: () => void): void {
    this.#dropPulled(this.#failure?.index ?? 0)
    this.#update()
    this.#reader.close((failure) => {
      if (failure !== undefined) this.#failures.emitCleanupError('Closing the source', failure.cause, this.#index)
      onClosed()
    })
  }

  /** Drops the tasks from an index in the source on that wait for a permit or in the line. They will never start. */
  #dropPulled(from: number): void {
    const asked = this.#candidate
    if (asked !== undefined && asked.retry === undefined && asked.request.context.index >= from) {
      const reason = this.#lifecycle.outcome?.reason ?? new DOMException('The run was stopped', 'AbortError')
      this.#admission?.drop(reason)
      this.#update()
      // Closing the source disposes of the items that were put back.
      if (asked.isInHand) this.#putBack(asked)
    }
    this.#line?.close(from)
  }

  giveUp(reason: unknown): void {
    this.#guard.settleDeferred()
    for (const slot of this.#slots.open()) {
      if (slot.isLate) continue // a listener has failed the other tasks already
      this.#failEarly(slot, reason)
      this.#lifecycle.toldEarly()
    }
  }

  cleanUp(reason: unknown, onDone: () => void): void {
    const failed = (cause: unknown): void => {
      this.#hookFailed('cleanup', cause)
      onDone()
    }
    try {
      const cleaning = this.#host.cleanup(reason)
      if (isThenable(cleaning)) return whenSettled(cleaning, onDone, failed)
    } catch (cause) {
      return failed(cause)
    }
    onDone()
  }

  drained(): RunnerStats {
    const {stats} = this
    this.#deadlines?.stop()
    // Frees the objects that the AsyncLocalStorage of the run holds.
    this.#caller?.end()
    this.#scope = this.#line = undefined
    this.#host.emit('drain', stats)
    return stats
  }

  // Failing

  #taskFailed(context: Context, cause: unknown): void {
    this.#failed++
    const {index, item} = context
    this.#judge(new ConcurrentExecutionError(`Task ${index} failed: ${describe(cause)}`, {cause, index, item}), context)
  }

  /** Decides whether an error ends the run, or takes its place among the results. In both cases it is emitted. */
  #judge(error: ConcurrentError, context?: TaskContext): void {
    const raised = this.#delivers(error.index) ? this.#failures.raised(error) : undefined
    const tell = (): void => {
      this.#failures.emit(error, context)
      if (raised !== undefined && raised !== error) this.#failures.emit(raised)
    }
    if (!this.#delivers(error.index)) return this.#failures.emit(error, context) // the hook may have ended the run
    if (raised !== undefined) return this.#fail(raised, tell)
    this.#results.put(error, error.index)
    tell()
  }

  #delivers(index: number): boolean {
    return index < this.#deliversBelow
  }

  /**
   * Ends the run with an error, which is emitted before running tasks and the source are told to end. With `ordered`,
   * the tasks before the error finish first, and their results are delivered first.
   */
  #fail(error: ConcurrentError, tell: () => void): void {
    const isInOrder = this.#options.ordered && !this.#results.isDiscarding
    if (isInOrder) this.#results.clearFrom(error.index)
    const decided = (): void => {
      this.#deliversBelow = isInOrder ? error.index : 0
      this.#update()
      tell()
    }
    if (!isInOrder || this.#isFirst(error)) return this.#lifecycle.fail(error, decided)
    this.#lifecycle.enter()
    if (this.#failure === undefined) this.#lifecycle.enter() // for the failure itself, until the run ends
    this.#failure = error
    decided()
    for (const {context} of this.#slots.open()) if (context && context.index > error.index) context.abort(error)
    this.#endRetries(({context}) => context.index > error.index, error)
    this.#dropPulled(error.index)
    this.#lifecycle.stop(undefined, error)
    this.#failInOrder()
    this.#lifecycle.leave()
  }

  /** Ends the run once no task that comes before the failure is left. */
  #failInOrder(): void {
    if (this.#failures.isJudging) return // the error that is being judged comes first
    if (this.#failure !== undefined && this.#isFirst(this.#failure)) this.#lifecycle.fail(this.#failure, ignore)
  }

  /** Whether no task that comes before the error is left. */
  #isFirst({index}: ConcurrentError): boolean {
    const isBefore = ({context}: {readonly context: Context | undefined}): boolean =>
      context !== undefined && context.index < index
    if (this.#retries?.has(isBefore) || this.#line?.hasBefore(index)) return false
    if (this.#candidate !== undefined && isBefore(this.#candidate.request)) return false
    return !this.#slots.all.some((slot) => !slot.isLate && isBefore(slot))
  }

  #readyFailed(cause: unknown): void {
    this.#readiness = 'unasked'
    if (this.#lifecycle.isOpen || !this.#lifecycle.isReason(cause)) this.#hookFailed('ready', cause)
  }

  #hookFailed(hook: string, cause: unknown): void {
    const error = hookError(hook, cause, this.#index)
    const tell = (): void => {
      this.#update()
      this.#failures.emit(error)
    }
    const {isOpen, outcome} = this.#lifecycle
    if (isOpen || (hook === 'cleanup' && outcome === undefined)) this.#lifecycle.fail(error, tell)
    else tell()
  }
}

function fillRun(run: Run<unknown>): void {
  run.fill()
}

/** Ends the trace of an attempt that has failed and still runs. */
function endTrace(slot: Slot, trace: TaskTrace, error: unknown): void {
  slot.trace = undefined
  traceError(trace, error)
  traceEnd(trace)
}
