/** `concurrent`, as Python's `aio.tasks` has it: the runner as a function. */
import {ConcurrentRunner} from './runner.js'
import type {Items, RunnerOptions, Source, Task, TaskResult} from './types.js'

/**
 * Runs the tasks of a source, at most `limit` at once, and yields results as they become available.
 *
 * @param source Where tasks come from: any iterable or async iterable of functions or promises, or a function
 * that returns one, called when the run starts.
 * @param options See {@link RunnerOptions}; all are optional.
 * @returns `new ConcurrentRunner(source, options)`, which says more.
 * @throws TypeError or RangeError if the source cannot be read or an option is wrong.
 * @example
 * ```ts
 * for await (const body of concurrent(urls.map((url) => () => load(url)), {limit: 4})) console.log(body)
 * ```
 */
export function concurrent<T, Yields extends boolean | undefined = false>(
  source: Source<T>,
  options?: RunnerOptions<Yields>,
): ConcurrentRunner<T, Yields>
/**
 * The same where tasks give results of different types: the runner yields their union.
 *
 * @param source Where tasks come from.
 * @param options See {@link RunnerOptions}; all are optional.
 * @returns `new ConcurrentRunner(source, options)`, which says more.
 * @throws TypeError or RangeError if the source cannot be read or an option is wrong.
 * @example
 * ```ts
 * const results: Array<number | string> = await concurrent([() => 1, async () => 'a']).toArray()
 * ```
 */
export function concurrent<K, Yields extends boolean | undefined = false>(
  source: Items<K & Task<unknown>>,
  options?: RunnerOptions<Yields>,
): ConcurrentRunner<TaskResult<K>, Yields>
export function concurrent<T, Yields extends boolean | undefined>(
  source: Source<T>,
  options?: RunnerOptions<Yields>,
): ConcurrentRunner<T, Yields> {
  return new ConcurrentRunner(source, options)
}
