/** One pushed task: from its push, through whichever runner takes it, to its outcome. */
import {Context} from './context.js'
import type {Level, Ranked} from './priorities.js'
import {asyncScope, report} from './runtime.js'
import {onAbort} from './signals.js'
import {discard, handleRejection, isThenable, type Receipt, receipt, refused, whenSettled} from './tasks.js'
import type {Task, TaskContext, TaskFunction} from './types.js'

/** Whom an entry tells what becomes of it. */
export interface EntryOwner {
  /** Its signal aborted while it was waiting. */
  withdrawn(entry: Entry): void
  /** A runner took it and could not start it: it is free for the next one. */
  returned(entry: Entry): void
  /** A runner took it and is done with it. */
  released(): void
}

export class Entry implements Ranked, Receipt {
  readonly priority: number
  order = 0
  previous: this | undefined = undefined
  next: this | undefined = undefined
  level: Level<this> | undefined = undefined
  /** The task's own result. */
  readonly outcome: Promise<unknown>
  readonly #task: Task<unknown>
  readonly #signal: AbortSignal | undefined
  readonly #owner: EntryOwner
  #settle: ((outcome: unknown) => void) | undefined
  #isClaimed = false
  #state: 'waiting' | 'taken' | 'called' | 'over' = 'waiting'
  /** The async context of the push, in which the task is to be called. */
  readonly #scope = asyncScope()
  /** What the task was called with, by what the runner gave; only where there is a signal. */
  #contexts: Map<TaskContext, EitherContext> | undefined
  readonly #ignoreSignal: (() => void) | undefined

  constructor(task: Task<unknown>, priority: number, signal: AbortSignal | undefined, owner: EntryOwner) {
    this.priority = priority
    this.#task = task
    this.#signal = signal
    this.#owner = owner
    // Without a function of its own to reject with: a million of these may wait.
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve
    })
    if (signal) this.#ignoreSignal = onAbort(signal, () => this.#aborted(signal.reason))
  }

  /** Hands the task to a runner, as a function that calls it. */
  take(): Task<unknown> {
    this.#state = 'taken'
    const task: TaskFunction<unknown> & {[receipt]?: Receipt} = (context) => this.#run(context)
    task[receipt] = this
    return task
  }

  /** It will not be run. */
  cancel(reason: unknown): void {
    this.rejected(reason)
    try {
      const disposal = discard(this.#task)
      if (isThenable(disposal)) whenSettled(disposal, ignore, report)
    } catch (error) {
      report(error)
    }
  }

  // From the runner that took it

  claim(): void {
    this.#isClaimed = true
  }

  fulfilled(value: unknown): void {
    this.#end()
    this.#settle?.(value)
  }

  rejected(reason: unknown): void {
    this.#end()
    handleRejection(this.outcome) // nobody need await it: the runner reports it
    this.#settle?.(refused(reason))
  }

  released(): void {
    this.#owner.released()
  }

  returned(): void {
    if (this.#state === 'over') this.#owner.released()
    else {
      this.#state = 'waiting'
      this.#owner.returned(this)
    }
  }

  /** Calls the task. A subclass of the runner may do so more than once, to retry or to race. */
  #run(context: TaskContext): unknown {
    if (this.#state === 'taken') this.#state = 'called'
    else if (this.#state === 'over') return this.outcome // of an early abort, or a timeout: nobody would hear of another
    return this.#isClaimed ? this.#call(context) : this.#callUnclaimed(context)
  }

  #call(context: TaskContext): unknown {
    const either = this.#signal ? this.#either(context) : context
    return this.#scope ? this.#scope.runInAsyncScope(call, undefined, this.#task, either) : call(this.#task, either)
  }

  /** For a task that has been wrapped in another, which the runner has got in its place: tells how it went itself. */
  #callUnclaimed(context: TaskContext): Promise<unknown> {
    const result = new Promise((resolve) => resolve(this.#call(context)))
    whenSettled(
      result,
      (value) => {
        this.fulfilled(value)
        this.released()
      },
      (reason) => {
        this.rejected(reason)
        this.released()
      },
    )
    return result
  }

  /** A call with the same context gets the same signal again. */
  #either(context: TaskContext): TaskContext {
    this.#contexts ??= new Map()
    let either = this.#contexts.get(context)
    if (either === undefined) this.#contexts.set(context, (either = new EitherContext(context)))
    return either
  }

  #aborted(reason: unknown): void {
    if (this.#state === 'called') {
      for (const context of this.#contexts?.values() ?? []) context.abort(reason)
      return
    }
    if (this.#state === 'waiting') this.#owner.withdrawn(this)
    this.cancel(reason)
  }

  #end(): void {
    this.#state = 'over'
    this.#ignoreSignal?.()
  }
}

/** A runner's context, whose signal aborts with the push's own too. Not by `AbortSignal.any`: that leaves traces on a signal that outlives it. */
class EitherContext extends Context {
  readonly #context: TaskContext
  #isFollowing = false

  constructor(context: TaskContext) {
    super(context.index)
    this.#context = context
  }

  override get signal(): AbortSignal {
    if (!this.#isFollowing) {
      this.#isFollowing = true
      const {signal} = this.#context
      if (signal.aborted) this.abort(signal.reason)
      else onAbort(signal, () => this.abort(signal.reason))
    }
    return super.signal
  }
}

function call(task: Task<unknown>, context: TaskContext): unknown {
  return typeof task === 'function' ? task(context) : task
}

function ignore(): void {}
