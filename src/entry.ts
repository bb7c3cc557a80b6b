/** One pushed task: from its push, through whichever runner takes it, to its outcome. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {Context} from './context.js'
import type {Level, Ranked} from './priorities.js'
import {report} from './runtime.js'
import {onAbort} from './signals.js'
import {discard, handleRejection, isThenable, type Receipt, receipt, whenSettled} from './tasks.js'
import type {Task, TaskContext} from './types.js'

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
  readonly #task: Task<unknown>
  readonly #signal: AbortSignal | undefined
  readonly #owner: EntryOwner
  readonly #outcome: DeferredPromise<unknown> = pDefer()
  #state: 'waiting' | 'taken' | 'called' | 'over' = 'waiting'
  #call: ((context: TaskContext) => void) | undefined
  #result: Promise<unknown> | undefined
  /** What the task was called with, by what the runner gave; only where there is a signal. */
  #contexts: Map<TaskContext, EitherContext> | undefined
  readonly #ignoreSignal: (() => void) | undefined

  constructor(task: Task<unknown>, priority: number, signal: AbortSignal | undefined, owner: EntryOwner) {
    this.priority = priority
    this.#task = task
    this.#signal = signal
    this.#owner = owner
    handleRejection(this.#outcome.promise)
    this.#prepare()
    if (signal) this.#ignoreSignal = onAbort(signal, () => this.#aborted(signal.reason))
  }

  /** The task's own result. */
  get outcome(): Promise<unknown> {
    return this.#outcome.promise
  }

  /** Hands the task to a runner, as a function that calls it. */
  take(): Task<unknown> {
    this.#state = 'taken'
    return Object.assign((context: TaskContext): unknown => this.#run(context), {[receipt]: this})
  }

  /** It will not be run. */
  cancel(reason: unknown): void {
    this.#end()
    this.#outcome.reject(reason)
    try {
      const disposal = discard(this.#task)
      if (isThenable(disposal)) whenSettled(disposal, ignore, report)
    } catch (error) {
      report(error)
    }
  }

  // From the runner that took it

  fulfilled(value: unknown): void {
    this.#end()
    this.#outcome.resolve(value)
  }

  rejected(reason: unknown): void {
    this.#end()
    this.#outcome.reject(reason)
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
    const call = this.#call
    if (call === undefined) return Promise.resolve().then(() => this.#run(context)) // in a tick it is ready again
    const result = this.#result
    this.#call = undefined
    call(this.#signal ? this.#either(context) : context)
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

  /**
   * Readies the task to be called in the async context of this moment. A promise's reaction runs in the
   * context in which it was added, on every runtime that has such contexts, and nothing needs to be
   * asked for it.
   */
  #prepare(): void {
    const {promise, resolve} = pDefer<TaskContext>()
    this.#call = resolve
    this.#result = promise.then((context) => {
      this.#prepare()
      return typeof this.#task === 'function' ? this.#task(context) : this.#task
    })
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

function ignore(): void {}
