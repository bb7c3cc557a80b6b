/** Uses the way past one machine as strangers would, but for a Redis. */
import {ConcurrentRunner} from 'aio-tasks'
import {RemoteJobError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'

interface Data {
  readonly n: number
}

const connection = {host: '127.0.0.1', port: 6379}
const tasks = remoteTasks<Data, string>([{n: 1}], {queue: 'q', connection, jobId: ({n}) => `n${n.toFixed()}`})
const jobs = workerTasks('q', (job: {data: Data}, signal) => (signal.aborted ? '' : job.data.n.toFixed()), {
  connection,
})

export const run = (): ConcurrentRunner<string | undefined> =>
  new ConcurrentRunner(jobs, {limit: 4}).on('result', (value) => value?.toUpperCase())
// @ts-expect-error a result is a string, and no number
export const wrong = async (): Promise<number[]> => new ConcurrentRunner(tasks).toArray()

console.log(typeof RemoteJobError, typeof run().drained.then)
