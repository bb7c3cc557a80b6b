/** Tasks that fail a given number of times before they succeed, on a clock that the test moves. */
import type {RetryFailure, RetryOptions, TaskContext, TaskFunction} from '../../src/index.js'

/** What the attempt number `attempt` of task number `index` fails with. */
export function failure(index: number, attempt: number): Error {
  return new Error(`${index}.${attempt}`)
}

/** A task that gives its index once it has failed `failures` times; each attempt takes `ms` by the test's timers. */
export function flaky(failures: number, ms = 0): TaskFunction<number> {
  return async ({index, attempt}: TaskContext) => {
    if (ms > 0) await sleep(ms)
    if (attempt <= failures) throw failure(index, attempt)
    return index
  }
}

/** As many tasks as there are numbers, each of which fails that many times. */
export function flakies(...failures: number[]): Array<TaskFunction<number>> {
  return failures.map((count) => flaky(count))
}

// Looked up at each call: the tests replace the timers.
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits a second before each attempt. */
export const second: RetryOptions = {attempts: 3, delay: 1000}

/** Waits the given milliseconds after a failed attempt: `ms[index]` for the task with that index. */
export function delays(...ms: number[]): RetryOptions {
  return {attempts: 5, delay: ({context}: RetryFailure) => ms[context.index] ?? 1000}
}
