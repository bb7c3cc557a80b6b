/** Moves tasks from the source through the slots to the results: pulls, starts, and hears how they settle. */
import {Context} from './context.js'
import {type ConcurrentError, ConcurrentExecutionError, describe} from './errors.js'
import type {ResolvedOptions} from './options.js'
import {Pace} from './pace.js'
import type {Results} from './results.js'
import {type Slot, type SlotOwner, Slots} from './slots.js'
import {nothing, SourceReader, type SourceSink} from './source.js'
import {discard, handleRejection, isThenable, itemError, type Receipt, receiptOf, whenSettled} from './tasks.js'
import type {Source, Task, TaskContext} from './types.js'

/** A hook that is awaited before each pull. */
type Gate = () => PromiseLike<void> | void

/** Whom the pump works for: it runs the tasks, and hears what becomes of them and of the source. */
export interface PumpOwner<T> {
  execute(task: Task<T>, context: TaskContext): T | PromiseLike<T>
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

export class Pump<T> implements SlotOwner, SourceSink<Task<T>> {
  started = 0
  succeeded = 0
  failed = 0
  readonly #owner: PumpOwner<T>
  readonly #reader: SourceReader<Task<T>>
  readonly #slots: Slots
  readonly #results: Results<Awaited<T> | ConcurrentError>
  readonly #timeout: number | undefined
  readonly #releaseOnTimeout: boolean
  readonly #pace = new Pace()
  #gate: Gate | undefined
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
  /** Inside `fill`: whoever calls it again need not, the loop looks anew each time. */
  #isFilling = false
  /** The gate has been asked and has not answered. */
  #isAsking = false
  /** The gate has let a pull through that has not been made. */
  #isAdmitted = false
  /** Disposals of tasks that have not finished. */
  #disposals = 0

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
    this.fill()
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused
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
    return this.#slots.taken === 0 && this.#disposals === 0
  }

  /** Opens the source; `fill` may then pull. */
  open(signal: () => AbortSignal, gate: Gate | undefined): void {
    this.#gate = gate
    this.#isOpen = true
    this.#reader.open(signal)
    this.fill()
  }

  /** Pulls and starts tasks while there is a free slot and room for results, and nothing forbids it. */
  fill(): void {
    if (this.#isFilling) return
    this.#isFilling = true
    while (this.#canStart()) {
      if (this.#pace.isDue()) {
        this.#rest()
        break
      }
      let task = this.#held
      if (task === nothing) {
        if (this.#reader.isPulling) break
        if (this.#gate !== undefined && !this.#isAdmitted) {
          if (!this.#ask(this.#gate)) break
          continue // the gate may have paused the run
        }
        this.#isAdmitted = false
        task = this.#reader.pull()
        if (task === nothing) break
        if (this.#isPaused || !this.#slots.hasFree) {
          this.#hold(task) // the source itself has just changed its mind
          break
        }
      } else this.#held = nothing
      this.#begin(task)
    }
    this.#isFilling = false
  }

  /** Lets the event loop turn, if a consumer that never waits has kept it from that for long. */
  breathe(): void {
    if (!this.#isResting && this.#pace.isDue()) this.#rest()
  }

  /** No more pulls and starts. */
  shut(): void {
    this.#isOpen = false
  }

  /** No more pulls and starts, and the source may clean up. */
  close(onClosed: () => void): void {
    this.#isOpen = false
    const held = this.#held
    this.#held = nothing
    if (held !== nothing) this.#drop(held)
    this.#reader.close(onClosed)
  }

  /** Nothing is delivered any more, and running tasks are told why. */
  halt(reason: unknown): void {
    this.#isOpen = false
    this.#halt = {reason}
    this.#slots.abort(reason)
  }

  // From the source

  arrived(task: Task<T>): void {
    if (!this.#isOpen) {
      this.#drop(task)
      this.#owner.settled()
      return
    }
    this.#hold(task)
    this.fill()
  }

  exhausted(): void {
    this.#isOpen = false
    this.#owner.exhausted()
  }

  sourceFailed(cause: unknown): void {
    this.#isOpen = false
    this.#owner.sourceFailed(cause, this.#index)
  }

  closeFailed(cause: unknown): void {
    this.#owner.cleanupFailed('Closing the source', cause, this.#index)
  }

  left(task: Task<T>): void {
    this.#drop(task)
  }

  // From the slots

  fulfilled(slot: Slot, value: unknown): void {
    const {context, receipt} = slot
    slot.stopTimer()
    this.#slots.release(slot)
    if (context !== undefined) {
      this.succeeded++
      if (this.#halt === undefined) this.#results.put(value as Awaited<T>, context.index)
      this.#owner.succeeded(value as Awaited<T>, context)
      receipt?.fulfilled(value)
    }
    this.#settled()
  }

  rejected(slot: Slot, reason: unknown): void {
    const {context, receipt} = slot
    slot.stopTimer()
    this.#slots.release(slot)
    if (context !== undefined) this.#fail(context, reason, receipt)
    this.#settled()
  }

  timedOut(slot: Slot): void {
    const {context, receipt} = slot
    if (context === undefined) return
    slot.context = undefined // its outcome is this one, whatever it still does
    const reason = new DOMException(`The task took longer than ${this.#timeout} ms`, 'TimeoutError')
    context.abort(reason)
    this.#fail(context, reason, receipt)
    if (!this.#releaseOnTimeout) return
    this.#slots.abandon(slot)
    this.#settled()
  }

  #canStart(): boolean {
    return this.#isOpen && !this.#isPaused && !this.#isResting && this.#slots.hasFree && !this.#results.isFull
  }

  /** Starts a task that has been pulled. */
  #begin(task: Task<T>): void {
    const index = this.#index++
    const wrong = itemError(task, index, this.#reader.isAsync)
    if (wrong !== undefined) {
      this.#disposals++ // not idle before it is disposed of
      this.#owner.failed(wrong)
      this.#drop(task)
      this.#disposals--
      if (!this.#isOpen) this.#owner.settled()
      return
    }
    const context = new Context(index)
    const slot = this.#slots.take(context)
    this.started++
    this.#owner.started(context)
    whenSettled(this.#call(task, context, slot), slot.onFulfilled, slot.onRejected)
  }

  #call(task: Task<T>, context: Context, slot: Slot): unknown {
    if (this.#halt !== undefined) {
      this.#drop(task) // a listener of `start` has ended the run
      return Promise.reject(this.#halt.reason)
    }
    if (this.#timeout !== undefined) slot.startTimer(this.#timeout)
    try {
      slot.receipt = receiptOf(task)
      return this.#owner.execute(task, context)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #fail(context: Context, cause: unknown, receipt: Receipt | undefined): void {
    this.failed++
    const {index} = context
    this.#owner.failed(
      new ConcurrentExecutionError(`Task ${index} failed: ${describe(cause)}`, {cause, index}),
      context,
    )
    receipt?.rejected(cause)
  }

  #settled(): void {
    if (this.#isOpen) this.fill()
    else this.#owner.settled()
  }

  /** Asks the gate; `true` if it lets the pull through at once. */
  #ask(gate: Gate): boolean {
    if (this.#isAsking) return false
    try {
      const answer = gate()
      if (!isThenable(answer)) return (this.#isAdmitted = true)
      this.#isAsking = true
      whenSettled(
        answer,
        () => {
          this.#isAsking = false
          this.#isAdmitted = true
          this.fill()
        },
        (cause) => {
          this.#isAsking = false
          this.#owner.gateFailed(cause, this.#index)
        },
      )
    } catch (cause) {
      this.#owner.gateFailed(cause, this.#index)
    }
    return false
  }

  #rest(): void {
    this.#isResting = true
    this.#results.hold(true)
    this.#pace.rest(() => {
      this.#isResting = false
      this.#results.hold(false)
      this.fill()
    })
  }

  #hold(task: Task<T>): void {
    handleRejection(task)
    this.#held = task
  }

  /** Disposes of a task that will never run. */
  #drop(task: Task<T>): void {
    const onFailed = (cause: unknown): void =>
      this.#owner.cleanupFailed('Disposing of a task that will not run', cause, this.#index)
    try {
      const disposal = discard(task)
      if (!isThenable(disposal)) return
      this.#disposals++
      const onDisposed = (): void => {
        this.#disposals--
        this.#owner.settled()
      }
      whenSettled(disposal, onDisposed, (cause) => {
        onFailed(cause)
        onDisposed()
      })
    } catch (cause) {
      onFailed(cause)
    }
  }
}
