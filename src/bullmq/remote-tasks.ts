/** A source of tasks for the process that has the jobs: hands each to workers anywhere by BullMQ. */
import {type RemoteTasks, remoteTasks as remoteTasksOf} from 'aio-tasks/remote'
import {checkIterable} from '../remote/checks.js'
import {checkedJobId, checkRun, resolveRemoteQueue} from './options.js'
import {BullMQProducerEngine} from './producer-engine.js'
import type {RemoteTasksOptions} from './types.js'

/**
 * A source of tasks for a runner: each hands one job to a queue, and its result is the job's, which a worker
 * somewhere gives. The runner's limit is the number of jobs in flight. As lazy as `jobs` is, and nothing is
 * connected before the first task is called.
 *
 * Each job is run at least once, and its result found whatever happens: events tell of it, and every
 * `checkInterval` the jobs that none has told of are looked at. A job that fails for good fails its task with a
 * `RemoteJobError`. When the run is aborted, jobs that no worker runs are taken out of the queue; those
 * running finish. The run has drained when that is done and the connections are closed.
 *
 * @param jobs What is handed to the handlers as `job.data`: JSON.
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
