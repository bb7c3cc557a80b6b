/** What counts as a task, how a run hears that one settles, and how one that will never run is disposed of. */
import {describe, isThenable} from './checks.js'
import type {Context} from './context.js'
import {ConcurrentError} from './errors.js'
import {reportUncaught} from './platform/runtime.js'
import type {Permit, PermitOutcome, TaskContext} from './types.js'

// oxlint-disable-next-line typescript/unbound-method -- called with its promise below
const {then} = Promise.prototype

/** A task that waits in a line before it runs, as the run that takes it sees it. The run tells it its outcome. */
export interface QueuedTask {
  readonly item: unknown
  /** Milliseconds that it may run, if its push has said so. */
  readonly timeout?: number | undefined
  readonly priority: number
  /** When it was pushed, in `performance.now()` milliseconds, if somebody traces. */
  readonly queuedAt?: number | undefined
  readonly group: unknown
  /** What its group has given for the attempt that begins, to be released when that runs no more. */
  takePermit(): Permit | undefined
  /**
   * Takes a place in its group for another attempt, unless it has one. If there is none now, calls back once when there
   * may be one. Throws what the governor of the group throws.
   */
  tryEnter(onAvailable: () => void): boolean
  /** Calls the task by way of `call`, in the async context of its push. */
  call(context: Context, call: (task: unknown, context: TaskContext) => unknown): unknown
  /** The task as a function or a promise, for a subclass's `execute`. */
  toFunction(): unknown
  fulfilled(value: unknown): void
  rejected(reason: unknown): void
  /** Whether a failed attempt can be made again: the task is a function, and its push has not settled. */
  readonly isRepeatable: boolean
  /** The signal of its push, if it has one. */
  readonly signal?: AbortSignal | undefined
  /** It will not be called, as no permit could be had: its push rejects. */
  refuse(reason: unknown): void
  /** It takes no slot any more. After a timeout that may be long after it was rejected. */
  released(): void
}

/**
 * Calls one of the two reactions, once, when `value` settles, and never before this returns. Does for promises, foreign
 * thenables and plain values what `await` does.
 */
export function whenSettled<V>(
  value: V | PromiseLike<V>,
  onFulfilled: (value: V) => void,
  onRejected: (reason: unknown) => void,
): void {
  try {
    // A plain native promise needs no second promise around it, and calls its reactions once.
    if (value instanceof Promise && value.constructor === Promise) {
      void then.call(value, onFulfilled as (value: unknown) => void, onRejected)
      return
    }
  } catch {
    // A proxy or a hostile getter: the promise below turns what it throws into a rejection.
  }
  void then.call(adopt(value), onFulfilled as (value: unknown) => void, onRejected)
}

// Apart from its caller, for which the closure would cost an allocation at each call.
function adopt(value: unknown): Promise<unknown> {
  return new Promise((resolve) => resolve(value))
}

/** The error for an item that is no task; `undefined` if it is one. */
export function invalidItemError(item: unknown, index: number, sourceIsAsync: boolean): ConcurrentError | undefined {
  if (typeof item === 'function') return undefined
  let problem: string
  let cause: unknown
  try {
    if (isThenable(item)) return undefined
    problem = `expected a function or a promise; got ${describe(item)}`
    cause = new TypeError(problem)
  } catch (error) {
    problem = `looking for its then() failed: ${describe(error)}`
    cause = error
  }
  const hint = sourceIsAsync
    ? '; an async generator awaits what it yields, so let it yield functions: `yield () => work()`'
    : ''
  return new ConcurrentError(`Item ${index} of the source is not a task: ${problem}${hint}`, {cause, index})
}

/** Keeps a promise that nobody holds yet, or ever will, from becoming an unhandled rejection. */
export function handleRejection(item: unknown): void {
  if (typeof item !== 'object' || item === null) return
  try {
    // The prototype's own `then`: a lazy promise that overrides it must not be started.
    if ('then' in item) void then.call(item as Promise<unknown>, undefined, ignore)
  } catch {
    // No promise, of this or another realm.
  }
}

/** A promise that rejects, and is no unhandled rejection when nobody awaits it. */
export function rejectedSilently(reason: unknown): Promise<never> {
  const rejected = Promise.reject(reason)
  handleRejection(rejected)
  return rejected
}

/** Disposes of a task that will never run. Throws, or rejects, with what its own disposal throws. */
export function dispose(task: unknown): PromiseLike<void> | void {
  handleRejection(task)
  if ((typeof task !== 'object' && typeof task !== 'function') || task === null) return undefined
  const {[Symbol.asyncDispose]: asyncDispose, [Symbol.dispose]: disposeNow} = task as Partial<
    AsyncDisposable & Disposable
  >
  if (asyncDispose) return asyncDispose.call(task)
  return disposeNow?.call(task)
}

/** The outcome of a permit with which nothing was started. */
export const unused: PermitOutcome = {status: 'unused'}

/** The error for what a governor gave; `undefined` if it is a permit. */
export function permitError(given: {readonly release?: unknown} | null | undefined): TypeError | undefined {
  if (typeof given?.release === 'function') return undefined
  return new TypeError(`A governor must give a permit, an object with release; got ${describe(given)}`)
}

/** Gives a permit back. What its governor throws then is reported, and keeps nothing from going on. */
export function releasePermit(permit: Permit, outcome: PermitOutcome | undefined): void {
  try {
    permit.release(outcome)
  } catch (error) {
    reportUncaught(error)
  }
}

export function ignore(): void {}
