/** A source of tasks for one process: takes jobs from a queue of pg-boss. */
import {type TakenJobHandler, type WorkerTasks, workerTasks as workerTasksOf} from 'aio-tasks/remote'
import {checkFunction} from '../remote/checks.js'
import {resolveQueue} from './options.js'
import type {PgBossJob, WorkerTasksOptions} from './types.js'
import {PgBossWorkerEngine} from './worker-engine.js'

/**
 * A source of tasks for a runner: each runs one job of the queue, and hands in what comes of it. Run as many of
 * these as are needed, on as many machines. Jobs follow the runner: its `limit`, its `pause()` and a slow consumer hold
 * for them, and what the runner does not pull within a second goes back to the queue. pg-boss finds the jobs of
 * workers that have died, by heartbeat or expiry, and tries again those that failed.
 *
 * A job that is running when the run is aborted, and that gives up with its signal, goes back to the queue: none is failed by
 * it. A handler that throws fails its task too, so a worker usually wants `yieldExceptions: true`.
 *
 * @param queue The queue's name, as `remoteTasks` has it.
 * @param handler What to do for a job, which has `id`, `data`, and as `job` what pg-boss gives. It runs at least once
 * for each job, and more than once when a worker is killed or blocked.
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
  const engine = new PgBossWorkerEngine<D>(resolveQueue(queue, options))
  return workerTasksOf(engine, handler, {signal: options.signal, onError: options.onError})
}
