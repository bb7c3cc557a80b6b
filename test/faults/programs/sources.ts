/** The sources of both sides, on the engine of a round. */
import type {TaskFunction} from 'aio-tasks'
import * as bullmq from 'aio-tasks/bullmq'
import * as pgBoss from 'aio-tasks/pg-boss'
import type {RemoteProgress, RemoteTasks} from 'aio-tasks/remote'
import {startBoss} from '../../engines/postgres.js'
import {locks, queueOptions, type Settings} from './settings.js'

/** `isFirst`: the job has not been run before. */
type Handler = (id: string, data: number, isFirst: boolean) => Promise<number>

interface Opened<S> {
  readonly source: S
  /** Closes the objects that the source does not close itself. */
  readonly close: () => Promise<void>
}

const redisAt = (port: number): object => ({host: '127.0.0.1', port, retryStrategy: () => 100})
const postgresAt = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`

export async function openWorker(
  {engine, queue, port}: Settings,
  handler: Handler,
  onError: (error: Error) => void,
): Promise<Opened<AsyncIterableIterator<TaskFunction<number | undefined>, undefined>>> {
  if (engine === 'bullmq') {
    const options = {connection: redisAt(port), workerOptions: locks, onError}
    const source = bullmq.workerTasks<number, number>(
      queue,
      (job) => handler(job.id ?? '', job.data, job.stalledCounter === 0),
      options,
    )
    await source.worker.waitUntilReady()
    return {source, close: async () => {}}
  }
  const boss = await startBoss(postgresAt(port), onError)
  const options = {boss, queueOptions, pollInterval: 500, onError}
  const source = pgBoss.workerTasks<number, number>(
    queue,
    ({id, data, job}) => handler(id, data, job.retryCount === 0),
    options,
  )
  return {source, close: () => boss.stop({graceful: false})}
}

export async function openProducer(
  {engine, queue, port}: Settings,
  jobs: Iterable<number>,
  onError: (error: Error) => void,
  onProgress?: (progress: RemoteProgress<number>) => void,
): Promise<Opened<RemoteTasks<number>>> {
  const options = {queue, run: 'run', checkInterval: 1000, onError, onProgress}
  if (engine === 'bullmq') {
    const source = bullmq.remoteTasks<number, number>(jobs, {...options, connection: redisAt(port)})
    return {source, close: async () => {}}
  }
  const boss = await startBoss(postgresAt(port), onError)
  const source = pgBoss.remoteTasks<number, number>(jobs, {...options, boss, queueOptions, pollInterval: 500})
  return {source, close: () => boss.stop({graceful: false})}
}
