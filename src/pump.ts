/** Moves tasks from the source through the slots to the results: pulls, starts, and hears how they settle. */
import {Context} from './context.js'
import {Disposals, type DisposalsOwner} from './disposals.js'
import {type ConcurrentError, ConcurrentExecutionError, describe} from './errors.js'
import {Gate, type GateOwner} from './gate.js'
import type {ResolvedOptions} from './options.js'
import {Pace} from './pace.js'
import type {Results} from './results.js'
import {type Slot, type SlotOwner, Slots} from './slots.js'
import {nothing, SourceReader, type SourceSink} from './source.js'
import {handleRejection, itemError, receiptOf, whenSettled} from './tasks.js'
import type {Source, Task, TaskContext} from './types.js'

/** What stands on a task's way; `undefined` where there is nothing, which saves asking. */
export interface PumpHooks<T> {
  /** Awaited before each pull. */
  readonly gate: (() => PromiseLike<void> | void) | undefined
  /** Runs a task in place of the pump. */
  readonly execute: {call(task: Task<T>, context: TaskContext): T | PromiseLike<T>}['call'] | undefined
  /** Who listens, as of now: nothing is told that nobody hears. */
  readonly audience: Audience
}

interface Audience {
  readonly start?: unknown
  readonly result?: unknown
}

/** Whom the pump works for: hears what becomes of the tasks and of the source. */
export interface PumpOwner<T> {
  started(context: TaskContext): void
  succeeded(value: Awaited<T>, context: TaskContext): void
  /** A task failed or, without a context, an item was no task. */
  failed(error: ConcurrentError, context?: TaskContext): void
  /** The source failed while it produced the item of this index. */
  sourceFailed(cause: unknown, index: number): void
  /** Closing the source, or disposing of what will not run, failed. */
  cleanupFailed(what: string, cause: unknown, index: number): void
  /** The gate failed. */
  gateFailed(cause: unknown, index: number): void
  /** The source has no more items. */
  exhausted(): void
  /** With no more pulls to come, something has settled: the pump may be idle now. */
  settled(): void
}

/**
 * So many tasks start at once at most; the next ones only when those that finish at once have done so. Else a
 * high limit would fill the memory with tasks that have long finished.
 */
const mostAtOnce = 512

export class Pump<T> implements SlotOwner, SourceSink<Task<T>>, GateOwner, DisposalsOwner {
  started = 0
  succeeded = 0
  failed = 0
  readonly #owner: PumpOwner<T>
  readonly #reader: SourceReader<Task<T>>
  readonly #slots: Slots
  readonly #results: Results<Awaited<T> | ConcurrentError>
  readonly #disposals = new Disposals(this)
  readonly #pace = new Pace()
  readonly #timeout: number | undefined
  readonly #releaseOnTimeout: boolean
  #gate: Gate | undefined
  #execute: PumpHooks<T>['execute']
  #audience: Audience = {}
  /** The place in the source of the next item. */
  #index = 0
  /** A task that came when it could not start. At most one: nothing is pulled while there is one. */
  #held: Task<T> | typeof nothing = nothing
  /** Set when the run ends in any but a graceful way: nothing starts and nothing is delivered after it. */
  #halt: {readonly reason: unknown} | undefined
  /** Whether tasks may be pulled at all: from `open` until the source is over or `close`. */
  #isOpen = false
  #isPaused = false
  #isResting = false
  /** Open, and neither paused nor resting: all but the counts. Kept by `#allow`. */
  #mayStart = false
  /** Whether a function may just be called: nothing overrides, times or watches it. */
  #isPlain = false
  /** Inside `fill`: whoever calls it again need not, the loop looks anew each time. */
  #isFilling = false
  /** The limit or the pause was set since `fill` has looked: it may be the source that did so. */
  #isChanged = false

  constructor(
    source: Source<T>,
    results: Results<Awaited<T> | ConcurrentError>,
    options: ResolvedOptions,
    owner: PumpOwner<T>,
  ) {
    this.#reader = new SourceReader(source, this)
    this.#slots = new Slots(options.limit, this)
    this.#results = results
    this.#timeout = options.timeout
    this.#releaseOnTimeout = options.releaseOnTimeout
    this.#owner = owner
  }

  get limit(): number {
    return this.#slots.limit
  }

  set limit(limit: number) {
    this.#slots.limit = limit
    this.#isChanged = true
    this.fill()
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused
    this.#isChanged = true
    this.#allow()
    this.fill()
  }

  /** Slots taken. */
  get running(): number {
    return this.#slots.taken
  }

  /** The place in the source of the next item. */
  get index(): number {
    return this.#index
  }

  /** Whether an item has been asked for and has not come. */
  get isPulling(): boolean {
    return this.#reader.isPulling
  }

  /** Whether nothing runs and nothing is being disposed of. */
  get isIdle(): boolean {
    return this.#slots.taken === 0 && this.#disposals.pending === 0
  }

  /** Opens the source, and begins to pull. */
  open(signal: () => AbortSignal, {gate, execute, audience}: PumpHooks<T>): void {
    if (gate !== undefined) this.#gate = new Gate(gate, this)
    this.#execute = execute
    this.#audience = audience
    this.#isOpen = true
    this.#allow()
    this.#reader.open(signal)
    this.#isPlain = execute === undefined && this.#timeout === undefined && !this.#reader.isAsync
    this.fill()
  }

  /** Pulls and starts tasks while there is a free slot and room for results, and nothing forbids it. */
  fill(): void {
    if (this.#isFilling) return
    this.#isFilling = true
    let left = mostAtOnce
    while (this.#mayStart && this.#slots.hasFree && !this.#results.isFull) {
      if (left-- === 0) {
        this.#rest((wake) => void Promise.resolve().then(wake))
        break
      }
      if (this.#pace.isDue()) {
        this.#letLoopTurn()
        break
      }
      const task = this.#held === nothing ? this.#pull() : this.#takeHeld()
      if (task === nothing) break
      if (this.#isChanged && this.#isFull()) {
        this.#held = task
        this.#setAside()
        break
      }
      this.#begin(task)
    }
    this.#isFilling = false
  }

  /** Lets the event loop turn, if a consumer that never waits has kept it from that for long. */
  breathe(): void {
    if (!this.#isResting && this.#pace.isDue()) this.#letLoopTurn()
  }

  /** No more pulls and starts. */
  shut(): void {
    this.#isOpen = false
    this.#allow()
  }

  /** No more pulls and starts, and the source may clean up. */
  close(onClosed: () => void): void {
    this.shut()
    const held = this.#held
    this.#held = nothing
    if (held !== nothing) this.#disposals.dispose(held)
    this.#reader.close(onClosed)
  }

  /** Nothing is delivered any more, and running tasks are told why. */
  halt(reason: unknown): void {
    this.shut()
    this.#halt = {reason}
    this.#isPlain = false
    this.#slots.abort(reason)
  }

  // From the source

  arrived(task: Task<T>): void {
    if (!this.#isOpen) {
      this.#disposals.dispose(task)
      this.#owner.settled()
      return
    }
    this.#held = task
    this.fill()
    this.#setAside()
  }

  exhausted(): void {
    this.shut()
    this.#owner.exhausted()
  }

  sourceFailed(cause: unknown): void {
    this.shut()
    this.#owner.sourceFailed(cause, this.#index)
  }

  closeFailed(cause: unknown): void {
    this.#owner.cleanupFailed('Closing the source', cause, this.#index)
  }

  left(task: Task<T>): void {
    this.#disposals.dispose(task)
  }

  // From the gate

  opened(): void {
    this.fill()
  }

  gateFailed(cause: unknown): void {
    this.#owner.gateFailed(cause, this.#index)
  }

  // From the disposals

  disposed(): void {
    this.#owner.settled()
  }

  disposalFailed(cause: unknown): void {
    this.#owner.cleanupFailed('Disposing of a task that will not run', cause, this.#index)
  }

  // From the slots

  fulfilled(slot: Slot, value: unknown): void {
    const {context, receipt} = slot
    if (context === undefined) return this.#late(slot)
    this.#release(slot)
    this.succeeded++
    if (this.#halt === undefined) this.#results.put(value as Awaited<T>, context.index)
    if (receipt !== undefined) {
      receipt.fulfilled(value)
      receipt.released()
    }
    if (this.#audience.result !== undefined) this.#owner.succeeded(value as Awaited<T>, context)
    this.#settled()
  }

  rejected(slot: Slot, reason: unknown): void {
    const {context, receipt} = slot
    if (context === undefined) return this.#late(slot)
    this.#release(slot)
    receipt?.rejected(reason)
    receipt?.released()
    this.#fail(context, reason)
    this.#settled()
  }

  timedOut(slot: Slot): void {
    const {context, receipt} = slot
    if (context === undefined) return
    slot.context = undefined // its outcome is this one, whatever it still does
    const reason = new DOMException(`The task took longer than ${this.#timeout} ms`, 'TimeoutError')
    context.abort(reason)
    receipt?.rejected(reason)
    if (this.#releaseOnTimeout) {
      this.#slots.abandon(slot)
      receipt?.released()
    }
    this.#fail(context, reason)
    this.#settled() // it may have let other results through, and so have made room
  }

  #allow(): void {
    this.#mayStart = this.#isOpen && !this.#isPaused && !this.#isResting
  }

  /** Whether no task may start, though one might have when it was asked for. A change is heeded with that. */
  #isFull(): boolean {
    this.#isChanged = false
    return this.#isPaused || !this.#slots.hasFree || this.#results.isFull
  }

  /** The next task of the source, or `nothing`: then one may come later. */
  #pull(): Task<T> | typeof nothing {
    return this.#gate === undefined || this.#isAdmitted(this.#gate) ? this.#reader.pull() : nothing
  }

  #isAdmitted(gate: Gate): boolean {
    if (this.#reader.isPulling || !gate.letsThrough()) return false
    if (!this.#isFull()) return true
    gate.giveBack() // the gate itself has changed what may start
    return false
  }

  #takeHeld(): Task<T> | typeof nothing {
    const held = this.#held
    this.#held = nothing
    return held
  }

  /** Starts a task that has been pulled. */
  #begin(task: Task<T>): void {
    const index = this.#index++
    if (typeof task !== 'function' && this.#isRefused(task, index)) return
    const context = new Context(index)
    const slot = this.#slots.take(context)
    this.started++
    if (this.#audience.start !== undefined) this.#owner.started(context)
    let outcome: unknown
    try {
      outcome = this.#isPlain && typeof task === 'function' ? task(context) : this.#call(task, context, slot)
    } catch (error) {
      outcome = Promise.reject(error)
    }
    whenSettled(outcome, slot.onFulfilled, slot.onRejected)
  }

  #call(task: Task<T>, context: Context, slot: Slot): unknown {
    const execute = this.#execute
    if (this.#reader.isAsync) slot.receipt = receiptOf(task) // a queue's
    if (this.#halt !== undefined) this.#refuse(task, slot, this.#halt.reason)
    slot.receipt?.claim()
    if (this.#timeout !== undefined) slot.startTimer(this.#timeout)
    if (execute !== undefined) {
      handleRejection(task) // it may throw before it has looked at a promise
      return execute(task, context)
    }
    return typeof task === 'function' ? task(context) : task
  }

  /** A listener of `start` has ended the run. */
  #refuse(task: Task<T>, slot: Slot, reason: unknown): never {
    slot.receipt = undefined
    this.#disposals.dispose(task)
    throw reason
  }

  /** Whether an item is no task, which is then told and disposed of. */
  #isRefused(item: Task<T>, index: number): boolean {
    const error = itemError(item, index, this.#reader.isAsync)
    if (error === undefined) return false
    this.#disposals.expect() // not idle before it is disposed of
    this.#owner.failed(error)
    this.#disposals.dispose(item)
    this.#disposals.expected()
    if (!this.#isOpen) this.#owner.settled()
    return true
  }

  #release(slot: Slot): void {
    if (this.#timeout !== undefined) slot.stopTimer()
    slot.receipt = undefined
    this.#slots.release(slot)
  }

  /** A task has settled whose outcome, a timeout, has been told already. */
  #late(slot: Slot): void {
    if (slot.isAbandoned) return
    const {receipt} = slot
    this.#release(slot)
    receipt?.released()
    this.#settled()
  }

  #fail(context: Context, cause: unknown): void {
    this.failed++
    const {index} = context
    this.#owner.failed(
      new ConcurrentExecutionError(`Task ${index} failed: ${describe(cause)}`, {cause, index}),
      context,
    )
  }

  #settled(): void {
    if (this.#isOpen) this.fill()
    else this.#owner.settled()
  }

  /** While the event loop turns, nothing starts and no result is handed over. */
  #letLoopTurn(): void {
    this.#results.hold(true)
    this.#rest((wake) =>
      this.#pace.rest(() => {
        this.#results.hold(false)
        wake()
      }),
    )
  }

  /** Starts nothing until later. */
  #rest(later: (wake: () => void) => void): void {
    this.#isResting = true
    this.#allow()
    later(() => {
      this.#isResting = false
      this.#allow()
      this.fill()
      this.#setAside()
    })
  }

  /** A held task waits here until it can start; one that comes right from a queue waits there, for any runner. */
  #setAside(): void {
    const held = this.#held
    if (held === nothing) return
    handleRejection(held)
    if (this.#isResting || !this.#reader.isPrompt) return // a rest is short
    this.#held = nothing
    this.#gate?.giveBack() // the next pull is in place of this one
    receiptOf(held)?.returned()
  }
}
