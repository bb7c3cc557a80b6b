/** A source of tasks for one process: takes jobs from a queue, by BullMQ's own worker. */

import {workerTasks as workerTasksOf} from 'aio-tasks/remote'
import {checkFunction, isThenable} from '../checks.js'
import {takesSecondArgument} from '../remote/parameters.js'
import {resolveWorker} from './options.js'
import type {BullMQJob} from './taken-job.js'
import type {JobHandler, WorkerTasks, WorkerTasksOptions} from './types.js'
import {BullMQWorkerEngine} from './worker-engine.js'

/**
 * The errors by which a handler says that it has moved its job: by name, as errors come from other copies of BullMQ
 * too.
 */
const moves = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError', 'RateLimitError'])

/**
 * A source of tasks for a runner. Each task runs one job of the queue, and hands in its outcome. Run as many such
 * workers as you need, on as many machines. Jobs follow the runner: `limit`, `pause()` and a slow consumer apply to
 * jobs too, and a job that the runner does not start within a second goes back to the queue. BullMQ keeps locks, finds
 * stalled jobs, and retries failed jobs.
 *
 * A job goes back to the queue if it is running when the run is aborted and it ends with its signal; so does a job that
 * waits here. Neither has failed. The run has drained when all jobs are handed in or given back, and the connections
 * are closed. A handler that throws fails its task too, so a worker usually needs `yieldExceptions: true`. A job whose
 * lock is lost fails its task with a `LostJobError`.
 *
 * @param queue The queue's name, the same as for `remoteTasks`.
 * @param handler The function that runs a job. See {@link JobHandler}. It runs at least once for each job, and more
 * than once if a worker is killed, or blocked for longer than its locks last.
 * @param options See {@link WorkerTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong. A wrong password fails the run with an `EngineError`.
 * @example
 * ```ts
 * const handler = (job: Job<{path: string}>, signal: AbortSignal) => resize(job.data.path, signal)
 * const jobs = workerTasks('images', handler, {connection})
 * const runner = new ConcurrentRunner(jobs, {limit: 20, yieldExceptions: true})
 * process.once('SIGTERM', () => runner.stop({timeout: 10_000}))
 * await runner.run()
 * ```
 */
export function workerTasks<D = unknown, R = unknown>(
  queue: string,
  handler: JobHandler<D, R>,
  options: WorkerTasksOptions,
): WorkerTasks<D, R> {
  checkFunction('handler', handler)
  const engine = new BullMQWorkerEngine<D, R>(resolveWorker(queue, options))
  const tasks = workerTasksOf(engine, toTakenJobHandler(handler), {
    signal: options.signal,
    onError: (error) => engine.report(error),
  })
  return Object.defineProperty(tasks, 'worker', {get: () => engine.worker, enumerable: true}) as WorkerTasks<D, R>
}

/** Has as many parameters as the handler, so that the source sees whether to make a signal. */
function toTakenJobHandler<D, R>(
  handler: JobHandler<D, R>,
): (taken: BullMQJob<D, R>, signal: AbortSignal) => R | undefined | PromiseLike<R | undefined> {
  if (takesSecondArgument(handler)) return (taken, signal) => unlessMoved(taken, () => handler(taken.job, signal))
  const handlerOfJob = handler as (job: BullMQJob<D, R>['job']) => R | PromiseLike<R>
  return (taken) => unlessMoved(taken, () => handlerOfJob(taken.job))
}

/**
 * The handler's result, or `undefined` if it has moved its job. Not an async function, which would cost more for each
 * job.
 */
function unlessMoved<D, R>(
  taken: BullMQJob<D, R>,
  call: () => R | PromiseLike<R>,
): R | undefined | PromiseLike<R | undefined> {
  try {
    const given = call()
    if (!isThenable(given)) return given
    return Promise.resolve<R>(given).catch((error: unknown) => moved(taken, error))
  } catch (error) {
    return moved(taken, error)
  }
}

/** Notes that the handler has moved the job; any other error is a failure. */
function moved<D, R>(taken: BullMQJob<D, R>, error: unknown): undefined {
  const isMove = error instanceof Error && (moves.has(error.name) || error.message === 'bullmq:rateLimitExceeded')
  if (!isMove) throw error
  taken.move(error)
}
