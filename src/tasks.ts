/** What counts as a task, how its settling is heard, and how one that will never run is disposed of. */
import {ConcurrentError, describe} from './errors.js'
import type {Task} from './types.js'

// oxlint-disable-next-line typescript/unbound-method -- called with its promise below
const {then} = Promise.prototype

/**
 * Calls one of the two reactions, once, when `value` settles, and never before this returns. Does for
 * promises, foreign thenables and plain values what `await` does; a thenable that throws rejects, and
 * what it does after it has settled is ignored.
 */
export function whenSettled<V>(
  value: V | PromiseLike<V>,
  onFulfilled: (value: V) => void,
  onRejected: (reason: unknown) => void,
): void {
  try {
    // A plain native promise needs no second promise around it, and its reactions are called once.
    if (value instanceof Promise && value.constructor === Promise) {
      void then.call(value, onFulfilled as (value: unknown) => void, onRejected)
      return
    }
  } catch {
    // A proxy or a hostile getter: the promise below turns what it throws into a rejection.
  }
  void then.call(adopt(value), onFulfilled as (value: unknown) => void, onRejected)
}

// Apart from its caller, for which the closure would cost a context at each call.
function adopt(value: unknown): Promise<unknown> {
  return new Promise((resolve) => resolve(value))
}

/** The error for an item that is no task, or `undefined` if it is one. */
export function itemError(item: unknown, index: number, sourceIsAsync: boolean): ConcurrentError | undefined {
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
  const trap = sourceIsAsync
    ? '; an async generator awaits what it yields, so let it yield functions: `yield () => work()`'
    : ''
  return new ConcurrentError(`Item ${index} of the source is not a task: ${problem}${trap}`, {cause, index})
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as {then?: unknown}).then === 'function'
  )
}

/** Keeps a promise that is in nobody's hands yet, or never will be, from becoming an unhandled rejection. */
export function handleRejection(item: unknown): void {
  if (typeof item !== 'object' || item === null) return
  try {
    // The prototype's own `then`: a lazy promise that overrides it must not be set going.
    void then.call(item as Promise<unknown>, undefined, ignore)
  } catch {
    // No promise, of this or another realm: what it does is its own affair.
  }
}

/** A rejection that is no unhandled one when nobody awaits it. */
export function refused(reason: unknown): Promise<never> {
  const refusal = Promise.reject(reason)
  handleRejection(refusal)
  return refusal
}

/** Under this a task has who wants to know what becomes of it, whatever a subclass's `execute` makes of it. */
export const receipt: unique symbol = Symbol('receipt')

/** Told by the runner that has pulled the task: that it was returned, or else how it went and when it was over. */
export interface Receipt {
  /** The runner will tell; until it has said so, nobody will. */
  claim(): void
  fulfilled(value: unknown): void
  rejected(reason: unknown): void
  /** It takes no slot any more. After a timeout that may be long after it was rejected. */
  released(): void
  /** The runner has not called it, and will not. */
  returned(): void
}

/** Who wants to know about a task, if anybody does. */
export function receiptOf(task: unknown): Receipt | undefined {
  return typeof task === 'function' ? (task as {[receipt]?: Receipt})[receipt] : undefined
}

/** Disposes of a task that will never run. Throws, or rejects, with what its own disposal throws. */
export function discard(task: Task<unknown> | object): PromiseLike<void> | void {
  const toReturn = receiptOf(task)
  if (toReturn !== undefined) return toReturn.returned()
  handleRejection(task)
  if ((typeof task !== 'object' && typeof task !== 'function') || task === null) return undefined
  const {[Symbol.asyncDispose]: asyncDispose, [Symbol.dispose]: dispose} = task as Partial<AsyncDisposable & Disposable>
  if (asyncDispose) return asyncDispose.call(task)
  return dispose?.call(task)
}

function ignore(): void {}
