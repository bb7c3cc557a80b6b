/** One pushed task: from its push, through the runner that takes it, to its outcome. */
import {isThenable} from '../checks.js'
import {Context, LinkedContext} from '../context.js'
import {type AsyncScope, nextTurn, reportUncaught, runInEmptyScope} from '../platform/runtime.js'
import {onAbort} from '../platform/shared-listener.js'
import * as tasks from '../task.js'
import type {Permit, PermitOutcome, Task, TaskContext, TaskFunction} from '../types.js'
import type {Member} from './groups.js'
import type {Waiting} from './priority-queue.js'

/** The queue, as its tasks see it. */
export interface QueueHost {
  /** The signal of a task that was not called has aborted. */
  withdrawn(task: QueuedTask, reason: unknown): void
  /** A task is about to be called. Returns `false` if it was called already, or if its push has rejected or is about to. */
  called(task: QueuedTask): boolean
  /** A task that was handed out, or taken by a runner, will not be called by that reader. */
  putBack(task: QueuedTask): void
  /** The push of a task has settled: called last, so that `shutdown()` resolves after it. */
  settled(): void
  /** A task that was called has settled. */
  released(): void
}

/** Options that only some pushes have. */
export interface Details {
  readonly priority: number
  readonly signal: AbortSignal | undefined
  readonly timeout: number | undefined
  readonly item: unknown
  /** The membership in its group, if the push has a group. */
  readonly member?: Member | undefined
  /** When it was pushed, in `performance.now()` milliseconds, if tracing is on. */
  readonly queuedAt?: number | undefined
}

/**
 * The details of a push, and the state that belongs to them while the task waits and runs. Most pushes of a queue share
 * one object.
 */
export interface Attached extends Details {
  readonly host: QueueHost
  readonly isShared: boolean
  /** The async context of the push, in which the task is called; `undefined` for the empty context. */
  readonly scope: AsyncScope | undefined
  ignoreSignal?: (() => void) | undefined
  /** The contexts of running calls, which the signal aborts. */
  contexts?: Set<Context> | undefined
}

/** Calls a task. With tracing, the call is also published. */
type Call = (task: unknown, context: TaskContext) => unknown

/** The details that all pushes without options share. */
export function sharedDetails(host: QueueHost): Attached {
  return attach(host, true, noDetails, undefined)
}

/** Gives all details the same shape, which keeps the code that reads them fast. */
function attach(host: QueueHost, isShared: boolean, details: Details, scope: AsyncScope | undefined): Attached {
  const {priority, signal, timeout, item, member, queuedAt} = details
  return {
    priority,
    signal,
    timeout,
    item,
    member,
    queuedAt,
    host,
    isShared,
    scope,
    ignoreSignal: undefined,
    contexts: undefined,
  }
}

/** The details of a push without options. */
export const noDetails: Details = {
  priority: 0,
  signal: undefined,
  timeout: undefined,
  item: undefined,
  member: undefined,
  queuedAt: undefined,
}

/**
 * - `waiting`: in the line of the queue;
 * - `handed out`: given to a reader that is no runner, which may call it or not;
 * - `taken`: given to a runner, which calls it at once, after its `start` listeners;
 * - `leaving`: its push is about to reject;
 * - `called`: it runs;
 * - `told`: its push has settled, and it runs on: it has timed out;
 * - `over`.
 */
export type TaskState = 'waiting' | 'handed out' | 'taken' | 'leaving' | 'called' | 'told' | 'over'

/** A million of these objects may wait, and each field costs eight bytes in each. Rare fields are in `#attached`. */
export class QueuedTask implements Waiting, tasks.QueuedTask {
  readonly sequence: number
  next: this | undefined = undefined
  state: TaskState = 'waiting'
  /** The result of the push. */
  readonly outcome: Promise<unknown>
  readonly #task: Task<unknown>
  readonly #attached: Attached
  readonly #settle: (outcome: unknown) => void

  /**
   * @param shared The details that pushes of the queue share.
   * @param capture Captures the async context of the push; returns `undefined` for the empty context.
   */
  constructor(
    task: Task<unknown>,
    sequence: number,
    shared: Attached,
    details: Details | undefined,
    capture: (promise: Promise<unknown>) => AsyncScope | undefined,
  ) {
    this.sequence = sequence
    this.#task = task
    this.outcome = new Promise(noteSettle)
    this.#settle = lastSettle
    lastSettle = tasks.ignore
    const scope = capture(this.outcome)
    const isShared = details === undefined && scope === undefined
    this.#attached = isShared ? shared : attach(shared.host, false, details ?? noDetails, scope)
    if (details?.signal !== undefined) this.#listenTo(details.signal)
  }

  get priority(): number {
    return this.#attached.priority
  }

  get item(): unknown {
    return this.#attached.item
  }

  get timeout(): number | undefined {
    return this.#attached.timeout
  }

  get queuedAt(): number | undefined {
    return this.#attached.queuedAt
  }

  get member(): Member | undefined {
    return this.#attached.member
  }

  get group(): unknown {
    return this.#attached.member?.key
  }

  get isWaiting(): boolean {
    return this.state === 'waiting'
  }

  /** The push's signal, if it has aborted. */
  get abortedSignal(): AbortSignal | undefined {
    const {signal} = this.#attached
    return signal?.aborted ? signal : undefined
  }

  /**
   * The task as a function, for a reader that is no runner. The function settles the push itself, and runs the task
   * once.
   *
   * @param putBack Called when the function is disposed of.
   */
  handOut(putBack: () => void): TaskFunction<unknown> & Disposable {
    const call = (context: TaskContext): unknown => this.#callByReader(context)
    return Object.assign(call, {[Symbol.dispose]: putBack})
  }

  /** The task will not run: its push rejects like the given promise, and the task is disposed of. */
  cancel(rejection: Promise<never>): void {
    this.#reject(rejection)
    try {
      const disposal = tasks.dispose(this.#task)
      if (isThenable(disposal)) tasks.whenSettled(disposal, tasks.ignore, reportUncaught)
    } catch (error) {
      reportUncaught(error)
    }
  }

  // For the runner that took the task

  takePermit(): Permit | undefined {
    return this.#attached.member?.takePermit()
  }

  tryEnter(onAvailable: () => void): boolean {
    return this.#attached.member?.tryEnter(onAvailable) ?? true
  }

  call(context: Context, call: Call): unknown {
    this.#attached.host.called(this) // does nothing from the second attempt on
    return this.state === 'called' ? this.#call(context, call) : this.#outcomeLater()
  }

  refuse(reason: unknown): void {
    this.#attached.host.withdrawn(this, reason)
  }

  get isRepeatable(): boolean {
    return this.state === 'called' && typeof this.#task === 'function'
  }

  get signal(): AbortSignal | undefined {
    return this.#attached.signal
  }

  toFunction(): (context: TaskContext) => unknown {
    this.#attached.host.called(this)
    return (context) => (this.state === 'called' ? this.#call(this.#contextOf(context)) : this.#outcomeLater())
  }

  fulfilled(value: unknown): void {
    if (!this.#tell()) return
    this.#settle(value)
    this.#attached.host.settled()
  }

  rejected(reason: unknown): void {
    this.#reject(tasks.rejectedSilently(reason))
  }

  released(): void {
    if (this.state !== 'told') return // it was never called
    this.state = 'over'
    this.#attached.host.released()
  }

  [Symbol.dispose](): void {
    this.#attached.host.putBack(this)
  }

  /** Calls the task, in the async context of its push. */
  #call(context: TaskContext, call: Call = callTask): unknown {
    const attached = this.#attached
    if (attached.isShared) return runInEmptyScope(call, this.#task, context)
    if (context instanceof Context && (attached.signal !== undefined || context instanceof LinkedContext)) {
      const contexts = (attached.contexts ??= new Set())
      for (const other of contexts) if (other.attempt < context.attempt) forget(contexts, other)
      contexts.add(context)
      if (attached.signal?.aborted) context.abort(attached.signal.reason)
    }
    return attached.scope === undefined
      ? runInEmptyScope(call, this.#task, context)
      : attached.scope.runInAsyncScope(call, undefined, this.#task, context)
  }

  /** A reader that is no runner calls the task: the first call runs it, and every call returns its outcome. */
  #callByReader(context: TaskContext): unknown {
    if (!this.#attached.host.called(this)) return this.#outcomeLater()
    const own = this.#contextOf(context)
    const timer = this.#timeOut(own)
    let permit: Permit | undefined
    const call = (): unknown => {
      permit = this.takePermit() // the governor of the group may throw
      return this.#call(own)
    }
    const given = new Promise((resolve) => {
      const settled = (tell: () => void, outcome: PermitOutcome): void => {
        clearTimeout(timer)
        permit?.release(outcome)
        tell()
        this.released()
        resolve(this.outcome)
      }
      tasks.whenSettled(
        callSafely(call),
        (value) => settled(() => this.fulfilled(value), {status: 'ok', value}),
        (error) => settled(() => this.rejected(error), {status: 'failed', error}),
      )
    })
    tasks.handleRejection(given) // the push reports the error
    return given
  }

  /** Applies the timeout of the push, where no runner does. */
  #timeOut(context: TaskContext): ReturnType<typeof setTimeout> | undefined {
    const {timeout} = this
    if (timeout === undefined || timeout === Infinity) return undefined
    return setTimeout(() => {
      const reason = new DOMException(`The task took longer than ${timeout} ms`, 'TimeoutError')
      if (context instanceof Context) context.abort(reason)
      this.rejected(reason)
    }, timeout)
  }

  /** The context that the task sees: with the item of the push, and with its signal if it has one. */
  #contextOf(context: TaskContext): TaskContext {
    const {item} = this
    if (this.#attached.isShared) return context.item === undefined ? context : withoutItem(context)
    return context instanceof Context && context.item === item ? context : new LinkedContext(context, item)
  }

  /**
   * The outcome, for a call after the end. It settles in a later turn: a retry without a delay would block the event
   * loop.
   */
  #outcomeLater(): Promise<unknown> {
    const later = new Promise((resolve) => nextTurn(() => resolve(this.outcome)))
    tasks.handleRejection(later) // the push has reported the error
    return later
  }

  // A method of its own: in the constructor the closure would cost an allocation at each push.
  #listenTo(signal: AbortSignal): void {
    this.#attached.ignoreSignal = onAbort(signal, () => this.#aborted(signal.reason))
  }

  #aborted(reason: unknown): void {
    if (this.state === 'called') for (const context of this.#attached.contexts ?? []) context.abort(reason)
    else this.#attached.host.withdrawn(this, reason)
  }

  #reject(rejection: Promise<never>): void {
    if (!this.#tell()) return
    tasks.handleRejection(this.outcome) // nobody needs to await it: the runner emits the error, or the caller knows it
    this.#settle(rejection)
    this.#attached.host.settled()
  }

  /** Marks the push as settled. Returns `false` if it has settled already. */
  #tell(): boolean {
    if (this.state === 'told' || this.state === 'over') return false
    // A task that no runner has called has no place to release.
    this.state = this.state === 'called' ? 'told' : 'over'
    const {ignoreSignal, contexts, member} = this.#attached
    ignoreSignal?.()
    member?.settled()
    if (contexts !== undefined) for (const context of contexts) if (context instanceof LinkedContext) context.unlink()
    return true
  }
}

let lastSettle: (outcome: unknown) => void = tasks.ignore

/**
 * Notes how to settle the promise that is being created. It is one function for all pushes: a closure for each push
 * would cost as much as its promise. The function that rejects is not noted, since it would keep a second function
 * alive: see `rejected`.
 */
function noteSettle(resolve: (outcome: unknown) => void): void {
  lastSettle = resolve
}

/** Forgets the context of an earlier attempt. */
function forget(contexts: Set<Context>, context: Context): void {
  contexts.delete(context)
  if (context instanceof LinkedContext) context.unlink()
}

/** The context as a push without options sees it. */
function withoutItem(context: TaskContext): TaskContext {
  const {index, attempt} = context
  return {
    index,
    attempt,
    item: undefined,
    get signal() {
      return context.signal
    },
  }
}

function callTask(task: unknown, context: TaskContext): unknown {
  return typeof task === 'function' ? task(context) : task
}

function callSafely(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return tasks.rejectedSilently(error)
  }
}
