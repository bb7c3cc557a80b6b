/** A source of tasks for the process that has the jobs: each task hands a job to a worker anywhere by pg-boss. */

import {type RemoteTasks, remoteTasks as remoteTasksOf} from 'aio-tasks/remote'
import {checkIterable, checkObject, checkOptions} from '../checks.js'
import {idMaker, remoteOptions} from '../remote/options.js'
import {toUuid} from './ids.js'
import {placeOptions, resolveQueue} from './options.js'
import {PgBossProducerEngine} from './producer-engine.js'
import type {RemoteTasksOptions} from './types.js'

/**
 * A source of tasks for a runner. Each task hands one job to a queue of pg-boss, in PostgreSQL, waits until a worker
 * somewhere has run the job, and gives the job's result. The runner's limit is the number of jobs in flight.
 *
 * Each job runs at least once, and its result is found in any case: PostgreSQL notifies and, every `checkInterval`, the
 * source looks at jobs without news. A job that fails for good fails its task with a `RemoteJobError`. When the run is
 * aborted, jobs that no worker runs are deleted, and running jobs finish. The instance of pg-boss stays started.
 *
 * @param jobs The data of each job, which handlers get as `job.data`: JSON.
 * @param options See {@link RemoteTasksOptions}.
 * @throws TypeError or RangeError if an argument is wrong.
 * @example
 * ```ts
 * const boss = await new PgBoss(url).start()
 * boss.on('error', console.error)
 * const sizes = remoteTasks<string, number>(paths, {queue: 'images', boss})
 * for await (const size of new ConcurrentRunner(sizes, {limit: 500})) console.log(size)
 * ```
 */
export function remoteTasks<D, R = unknown>(
  jobs: Iterable<D> | AsyncIterable<D>,
  options: RemoteTasksOptions<D>,
): RemoteTasks<R> {
  checkIterable('jobs', jobs)
  checkOptions(options, [...placeOptions, ...remoteOptions, 'queue', 'jobOptions'])
  const {queue, jobOptions = {}, jobId, run, checkInterval, timeout, onProgress, onError} = options
  if (typeof jobOptions !== 'function') checkObject('jobOptions', jobOptions)
  const optionsOf = typeof jobOptions === 'function' ? jobOptions : () => jobOptions
  const idOf = idMaker(jobId, run)
  const engine = new PgBossProducerEngine<D>(resolveQueue(queue, options), optionsOf)
  return remoteTasksOf<D, R>(jobs, engine, {
    jobId: idOf && ((data, index) => toUuid(queue, idOf(data, index))),
    checkInterval,
    timeout,
    onProgress,
    onError,
  })
}
