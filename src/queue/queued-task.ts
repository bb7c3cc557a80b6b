/** One pushed task: from its push, through whatever runner takes it, to its outcome. */
import {Context, LinkedContext} from '../context.js'
import {
  type AsyncScope,
  captureScope,
  isEmptyScope,
  nextTurn,
  reportUncaught,
  runInEmptyScope,
} from '../platform/runtime.js'
import {onAbort} from '../platform/shared-listener.js'
import * as tasks from '../task.js'
import type {Task, TaskContext, TaskFunction} from '../types.js'
import type {Waiting} from './priority-queue.js'

/** The queue, as its tasks see it. */
export interface QueueHost {
  /** The signal of a task that was not called has aborted. */
  withdrawn(task: QueuedTask, reason: unknown): void
  /** A task is called that had been handed out, or put back. */
  called(task: QueuedTask): void
  /** A task that was handed out will not be called by the reader that has it. */
  putBack(task: QueuedTask): void
  /** A runner has taken a task and could not call it. */
  returned(task: QueuedTask): void
  /** A task that was called has settled. */
  released(): void
}

/** What only some pushes have. */
export interface Details {
  readonly priority: number
  readonly signal: AbortSignal | undefined
  readonly timeout: number | undefined
  readonly item: unknown
  /** The async context of the push, in which the task is called. */
  readonly scope: AsyncScope | undefined
  ignoreSignal?: (() => void) | undefined
  /** The contexts of calls that are under way, which the signal aborts. */
  contexts?: Set<Context> | undefined
}

const defaults: Omit<Details, 'scope'> = {priority: 0, signal: undefined, timeout: undefined, item: undefined}

/** A million of these may wait: each field of each costs eight bytes. */
export class QueuedTask implements Waiting, tasks.QueuedTask {
  sequence = 0
  /**
   * Waiting in the queue; handed out to a reader; taken by a runner, which calls it at once; called; or over, as far as
   * its push is concerned.
   */
  state: 'waiting' | 'handed out' | 'taken' | 'called' | 'over' = 'waiting'
  /** The result of the task, for its push. */
  readonly outcome: Promise<unknown>
  readonly #task: Task<unknown>
  readonly #host: QueueHost
  #details: Details | undefined
  readonly #settle: (outcome: unknown) => void

  constructor(task: Task<unknown>, host: QueueHost, options: Omit<Details, 'scope'> | undefined) {
    this.#task = task
    this.#host = host
    let settle: ((outcome: unknown) => void) | undefined
    // Without a function of its own to reject with, which would be kept alive, too.
    this.outcome = new Promise((resolve) => {
      settle = resolve
    })
    this.#settle = settle as unknown as (outcome: unknown) => void
    const scope = captureScope(this.outcome)
    this.#details = options || !isEmptyScope(scope) ? {...defaults, ...options, scope} : undefined
    const signal = options?.signal
    if (this.#details && signal) this.#details.ignoreSignal = onAbort(signal, () => this.#aborted(signal.reason))
  }

  get priority(): number {
    return this.#details?.priority ?? 0
  }

  get item(): unknown {
    return this.#details?.item
  }

  get timeout(): number | undefined {
    return this.#details?.timeout
  }

  get isWaiting(): boolean {
    return this.state === 'waiting'
  }

  /** Whether it has not been called, and may still be. */
  get isUncalled(): boolean {
    return this.state !== 'called' && this.state !== 'over'
  }

  /** The task as a function, for whoever reads the queue by itself. It tells its outcome itself, and runs once. */
  handOut(): TaskFunction<unknown> & Disposable {
    this.state = 'handed out'
    const call = (context: TaskContext): unknown => this.#callByOthers(context)
    return Object.assign(call, {[Symbol.dispose]: () => this.#host.putBack(this)})
  }

  /** It will not be run: its push rejects, and the task is disposed of. */
  cancel(reason: unknown): void {
    this.rejected(reason)
    try {
      const disposal = tasks.dispose(this.#task)
      if (tasks.isThenable(disposal)) tasks.whenSettled(disposal, tasks.ignore, reportUncaught)
    } catch (error) {
      reportUncaught(error)
    }
  }

  // For the runner that took it

  call(context: Context): unknown {
    if (this.state === 'over') return this.#outcomeLater()
    this.state = 'called'
    const details = this.#details
    if (details === undefined) return runInEmptyScope(callTask, this.#task, context)
    if (details.signal !== undefined) {
      if (details.signal.aborted) context.abort(details.signal.reason)
      else (details.contexts ??= new Set()).add(context)
    }
    return details.scope === undefined
      ? callTask(this.#task, context)
      : details.scope.runInAsyncScope(callTask, undefined, this.#task, context)
  }

  toFunction(): (context: TaskContext) => unknown {
    return (context) => this.call(this.#linked(context))
  }

  fulfilled(value: unknown): void {
    this.#end()
    this.#settle(value)
  }

  rejected(reason: unknown): void {
    this.#end()
    tasks.handleRejection(this.outcome) // nobody need await it: the runner emits it
    this.#settle(tasks.rejectedSilently(reason))
  }

  released(): void {
    this.#host.released()
  }

  [Symbol.dispose](): void {
    this.#host.returned(this)
  }

  #callByOthers(context: TaskContext): unknown {
    if (this.state === 'over') return this.#outcomeLater()
    if (this.state === 'called') return this.outcome
    this.#host.called(this)
    const linked = this.#linked(context)
    const result = new Promise((resolve) => resolve(this.call(linked)))
    const released = (): void => {
      if (linked instanceof LinkedContext) linked.unlink()
      this.released()
    }
    tasks.whenSettled(
      result,
      (value) => {
        this.fulfilled(value)
        released()
      },
      (reason) => {
        this.rejected(reason)
        released()
      },
    )
    return result
  }

  /** A context that the push's own signal can abort. */
  #linked(context: TaskContext): Context {
    return context instanceof Context ? context : new LinkedContext(context)
  }

  /** A call after the end. It settles in a later turn: a retry without a delay would else never let go of the event loop. */
  #outcomeLater(): Promise<unknown> {
    return new Promise((resolve) => nextTurn(() => resolve(this.outcome)))
  }

  #aborted(reason: unknown): void {
    if (this.isUncalled) this.#host.withdrawn(this, reason)
    else for (const context of this.#details?.contexts ?? []) context.abort(reason)
  }

  #end(): void {
    this.state = 'over'
    this.#details?.ignoreSignal?.()
  }
}

function callTask(task: Task<unknown>, context: TaskContext): unknown {
  return typeof task === 'function' ? task(context) : task
}
