/** One pushed task: from its push, through whichever runner takes it, to its outcome. */
import pDefer, {type DeferredPromise} from 'p-defer'
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
  settled(): void
}

export class Entry implements Ranked, Receipt {
  readonly priority: number
  previous: this | undefined = undefined
  next: this | undefined = undefined
  level: Level<this> | undefined = undefined
  readonly #task: Task<unknown>
  readonly #signal: AbortSignal | undefined
  readonly #owner: EntryOwner
  readonly #outcome: DeferredPromise<unknown> = pDefer()
  #call: ((context: TaskContext) => void) | undefined
  #result: Promise<unknown> | undefined
  #ignoreSignal: (() => void) | undefined

  constructor(task: Task<unknown>, priority: number, signal: AbortSignal | undefined, owner: EntryOwner) {
    this.priority = priority
    this.#task = task
    this.#signal = signal
    this.#owner = owner
    handleRejection(this.#outcome.promise)
    this.#prepare()
    this.#listen()
  }

  /** The task's own result. */
  get outcome(): Promise<unknown> {
    return this.#outcome.promise
  }

  /** Hands the task to a runner, as a function that calls it. */
  take(): Task<unknown> {
    this.#ignoreSignal?.()
    const task = (context: TaskContext): unknown =>
      this.#run(this.#signal ? new EitherContext(context, this.#signal) : context)
    return Object.assign(task, {[receipt]: this})
  }

  /** It will not be run. */
  cancel(reason: unknown): void {
    this.#ignoreSignal?.()
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
    this.#outcome.resolve(value)
    this.#owner.settled()
  }

  rejected(reason: unknown): void {
    this.#outcome.reject(reason)
    this.#owner.settled()
  }

  returned(): void {
    if (this.#signal?.aborted) {
      this.cancel(this.#signal.reason)
      this.#owner.settled()
      return
    }
    this.#listen()
    this.#owner.returned(this)
  }

  /** Calls the task. A subclass of the runner may do so more than once, to retry or to race. */
  #run(context: TaskContext): unknown {
    const call = this.#call
    if (call === undefined) return Promise.resolve().then(() => this.#run(context)) // in a tick it is ready again
    const result = this.#result
    this.#call = undefined
    call(context)
    return result
  }

  readonly #onAbort = (): void => {
    this.#owner.withdrawn(this)
    this.cancel(this.#signal?.reason)
  }

  /** Hears its signal while it waits, and only then. */
  #listen(): void {
    if (this.#signal) this.#ignoreSignal = onAbort(this.#signal, this.#onAbort)
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

/** A context whose signal aborts with the runner's or with the push's own. */
class EitherContext implements TaskContext {
  readonly #context: TaskContext
  readonly #signal: AbortSignal
  #either: AbortSignal | undefined

  constructor(context: TaskContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
  }

  get index(): number {
    return this.#context.index
  }

  get signal(): AbortSignal {
    return (this.#either ??= AbortSignal.any([this.#context.signal, this.#signal]))
  }
}

function ignore(): void {}
