/** `inflate`, as Python's `aio.tasks` has it: objects, each yielded once what it needs is there. */
import {checkFunction} from './checks.js'
import {type ConcurrentError, ConcurrentExecutionError} from './errors.js'
import {checkItems, checkSource} from './iterable.js'
import {ConcurrentRunner} from './runner.js'
import type {Items, RunnerOptions, Task, TaskContext} from './types.js'

/**
 * Yields each object once everything that `awaitables` gave for it has settled, for objects that fill
 * in their parts asynchronously. The limit counts objects; the tasks of one object all run at once.
 *
 * @param objects Any iterable or async iterable, or a function that makes one when the run starts.
 * @param awaitables Gives the promises, or functions that return them, to wait for. If one rejects,
 * the object fails with the first rejection as its cause, once the others have settled too.
 * @param options As for {@link ConcurrentRunner}; `timeout` is that of a whole object.
 * @returns A runner whose results are the objects.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * for await (const user of inflate(users, (user) => [user.loadAvatar(), user.loadPosts()], {limit: 4})) show(user)
 * ```
 */
export function inflate<O, Yields extends boolean | undefined = false>(
  objects: Items<O>,
  awaitables: (object: O, context: TaskContext) => Iterable<Task<unknown>> | AsyncIterable<Task<unknown>>,
  options?: RunnerOptions<Yields>,
): ConcurrentRunner<O, Yields> {
  checkItems('objects', objects)
  checkFunction('awaitables', awaitables)
  return ConcurrentRunner.map(
    objects,
    async (object, context) => {
      const tasks = awaitables(object, context)
      checkSource('what awaitables() returns', tasks)
      const parts = new ConcurrentRunner(tasks, {
        limit: Infinity,
        yieldExceptions: true,
        signal: context.signal,
      })
      let first: ConcurrentError | undefined
      parts.on('error', (error) => (first ??= error))
      await parts.run()
      if (first === undefined) return object
      throw first instanceof ConcurrentExecutionError ? first.cause : first
    },
    options,
  )
}
