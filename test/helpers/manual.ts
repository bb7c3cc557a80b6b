/** Tasks that the test itself starts watching and settles by hand. */
import pDefer from 'p-defer'
import type {TaskContext} from '../../src/index.js'

export interface Manual<T> {
  /** The task: notes its context and waits for `resolve` or `reject`. */
  readonly thunk: (context: TaskContext) => Promise<T>
  /** The context it was called with; `undefined` until then. */
  readonly context: TaskContext | undefined
  readonly isStarted: boolean
  resolve(value: T): void
  reject(reason?: unknown): void
}

interface Tuples<M> {
  1: [M]
  2: [M, M]
  3: [M, M, M]
  4: [M, M, M, M]
  5: [M, M, M, M, M]
}

export function manual<T = string>(): Manual<T> {
  const {promise, resolve, reject} = pDefer<T>()
  let context: TaskContext | undefined
  return {
    thunk: (given) => {
      context = given
      return promise
    },
    get context() {
      return context
    },
    get isStarted() {
      return context !== undefined
    },
    resolve,
    reject,
  }
}

/** `count` manual tasks, to be taken apart: `const [a, b] = manuals(2)`. */
export function manuals<N extends keyof Tuples<unknown>, T = string>(count: N): Tuples<Manual<T>>[N] {
  return Array.from({length: count}, () => manual<T>()) as Tuples<Manual<T>>[N]
}

export function thunks<T>(tasks: ReadonlyArray<Manual<T>>): Array<Manual<T>['thunk']> {
  return tasks.map((task) => task.thunk)
}

/** Which of the tasks have been called, as a list of places. */
export function startedOf(tasks: ReadonlyArray<Manual<never> | Manual<string> | Manual<number>>): number[] {
  return [...tasks.keys()].filter((index) => tasks[index]?.isStarted)
}

export const never: () => Promise<never> = () => new Promise<never>(() => {})
