/** A source of tasks for the process that has the jobs: each task hands a job to a worker anywhere by BullMQ. */

import {type RemoteTasks, remoteTasks as remoteTasksOf} from 'aio-tasks/remote'
import {checkIterable} from '../checks.js'
import {checkedJobId, checkRun, resolveRemoteQueue} from './options.js'
import {BullMQProducerEngine} from './producer-engine.js'
import type {RemoteTasksOptions} from './types.js'

/**
 * A source of tasks for a runner. Each task hands one job to a queue, waits until a worker somewhere has run the job,
 * and gives the job's result. The runner's limit is the number of jobs in flight. `jobs` is read lazily, and no
 * connection is opened before the first task is called.
 *
 * Each job runs at least once, and its result is found in any case: events report it and, every `checkInterval`, the
 * source looks at jobs without events. A job that fails for good fails its task with a `RemoteJobError`. When the run
 * is aborted, jobs that no worker runs are taken out of the queue, and running jobs finish. The run has drained when
 * all jobs are taken out and the connections are closed.
 *
 * @param jobs The data of each job, which handlers get as `job.data`: JSON.
 * @param options See {@link RemoteTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong. A wrong password fails the run with an `EngineError`.
 * @example
 * ```ts
 * const sizes = remoteTasks<string, number>(paths, {queue: 'images', connection})
 * for await (const size of new ConcurrentRunner(sizes, {limit: 500})) console.log(size)
 * ```
 */
export function remoteTasks<D, R = unknown>(
  jobs: Iterable<D> | AsyncIterable<D>,
  options: RemoteTasksOptions<D>,
): RemoteTasks<R> {
  checkIterable('jobs', jobs)
  const engine = new BullMQProducerEngine<D>(resolveRemoteQueue(options))
  checkRun(options.run)
  const {run, checkInterval, timeout, onProgress} = options
  const jobId = checkedJobId(options.jobId)
  const onError = (error: Error): void => engine.report(error)
  return remoteTasksOf<D, R>(jobs, engine, {jobId, run, checkInterval, timeout, onProgress, onError})
}
