/** A source of tasks for one process: takes jobs from a queue, by BullMQ's own worker. */
import {workerTasks as workerTasksOf} from 'aio-tasks/remote'
import {checkFunction, isThenable} from '../remote/checks.js'
import {takesSecondArgument} from '../remote/parameters.js'
import {resolveWorker} from './options.js'
import type {BullMQJob} from './taken-job.js'
import type {JobHandler, WorkerTasks, WorkerTasksOptions} from './types.js'
import {BullMQWorkerEngine} from './worker-engine.js'

/** By which a handler says that it has moved its job: by name, as errors come from other copies of BullMQ too. */
const moves = new Set(['DelayedError', 'WaitingError', 'WaitingChildrenError', 'RateLimitError'])

/**
 * A source of tasks for a runner: each runs one job of the queue, and hands in what comes of it. Run as many of
 * these as are needed, on as many machines. Jobs follow the runner: its `limit`, its `pause()` and a slow consumer hold
 * for them, and what the runner does not pull within a second goes back to the queue. BullMQ keeps locks, finds
 * stalled jobs, and tries again those that failed.
 *
 * A job that is running when the run is aborted, and that gives up with its signal, goes back to the queue, as do those
 * that wait here: none is failed by it. The run has drained when all jobs are handed in or back, and the connections
 * are closed. A handler that throws fails its task too, so a worker usually wants `yieldExceptions: true`; so does a
 * job whose lock is lost, with a `LostJobError`.
 *
 * @param queue The queue's name, as `remoteTasks` has it.
 * @param handler What to do for a job. See {@link JobHandler}. It runs at least once for each job, and more than
 * once when a worker is killed, or blocked for longer than its locks last.
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

/** With as many parameters as the handler, which is how the source sees whether to make a signal. */
function toTakenJobHandler<D, R>(
  handler: JobHandler<D, R>,
): (taken: BullMQJob<D, R>, signal: AbortSignal) => R | undefined | PromiseLike<R | undefined> {
  if (takesSecondArgument(handler)) return (taken, signal) => unlessMoved(taken, () => handler(taken.job, signal))
  const handlerOfJob = handler as (job: BullMQJob<D, R>['job']) => R | PromiseLike<R>
  return (taken) => unlessMoved(taken, () => handlerOfJob(taken.job))
}

/** What a handler gives, or nothing if it has moved its job. Not an async function, which would cost each job more. */
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

/** The job goes where its handler has moved it; any other error is a failure. */
function moved<D, R>(taken: BullMQJob<D, R>, error: unknown): undefined {
  const isMove = error instanceof Error && (moves.has(error.name) || error.message === 'bullmq:rateLimitExceeded')
  if (!isMove) throw error
  taken.move(error)
}
