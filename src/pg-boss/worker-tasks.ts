/** A source of tasks for one process: takes jobs from a queue of pg-boss. */

import {type TakenJobHandler, type WorkerTasks, workerTasks as workerTasksOf} from 'aio-tasks/remote'
import {checkFunction, checkOptions} from '../checks.js'
import {placeOptions, resolveQueue} from './options.js'
import type {PgBossJob, WorkerTasksOptions} from './types.js'
import {PgBossWorkerEngine} from './worker-engine.js'

/**
 * A source of tasks for a runner. Each task runs one job of the queue, and hands in its outcome. Run as many such
 * workers as you need, on as many machines. Jobs follow the runner: `limit`, `pause()` and a slow consumer apply to
 * jobs too, and a job that the runner does not start within a second goes back to the queue. pg-boss finds the jobs of
 * dead workers, by heartbeat or expiry, and retries failed jobs.
 *
 * A job that is running when the run is aborted, and that ends with its signal, goes back to the queue. It has not
 * failed. A handler that throws fails its task too, so a worker usually needs `yieldExceptions: true`.
 *
 * @param queue The queue's name, the same as for `remoteTasks`.
 * @param handler The function that runs a job. The job has `id`, `data` and `job`, the job as pg-boss gives it. It runs
 * at least once for each job, and more than once if a worker is killed or blocked.
 * @param options See {@link WorkerTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * const boss = await new PgBoss(url).start()
 * boss.on('error', console.error)
 * const handler = (job: PgBossJob<{path: string}>, signal: AbortSignal) => resize(job.data.path, signal)
 * const runner = new ConcurrentRunner(workerTasks('images', handler, {boss}), {limit: 20, yieldExceptions: true})
 * process.once('SIGTERM', () => runner.stop({timeout: 10_000}))
 * await runner.run()
 * await boss.stop()
 * ```
 */
export function workerTasks<D = unknown, R = unknown>(
  queue: string,
  handler: TakenJobHandler<PgBossJob<D>, R>,
  options: WorkerTasksOptions,
): WorkerTasks<R> {
  checkFunction('handler', handler)
  checkOptions(options, [...placeOptions, 'signal', 'onError'])
  const engine = new PgBossWorkerEngine<D>(resolveQueue(queue, options))
  return workerTasksOf(engine, handler, {signal: options.signal, onError: options.onError})
}
