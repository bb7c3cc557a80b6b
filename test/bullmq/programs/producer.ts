/** A producer in a process of its own, whose jobs have ids: hands in the numbers from 0, and prints each result. */
import {writeSync} from 'node:fs'
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks} from 'aio-tasks/bullmq'
import type {Settings} from './settings.js'

const {queue, port, limit = 50, count = 0, ending = 'stop'} = JSON.parse(process.argv[2] ?? '{}') as Settings
const tasks = remoteTasks<number, number>(Array(count).keys(), {
  queue,
  connection: {host: '127.0.0.1', port, retryStrategy: () => 100},
  jobId: (number) => `job-${number}`,
  checkInterval: 500,
  onError: (error) => process.stderr.write(`${error.message}\n`),
})
const runner = new ConcurrentRunner(tasks, {limit})
process.once('SIGTERM', () => {
  if (ending === 'stop') void runner.stop()
  else runner.abort()
})
try {
  for await (const result of runner) writeSync(1, `result ${result}\n`)
} catch (error) {
  writeSync(1, `failed ${String(error)}\n`)
}
await runner.drained
writeSync(1, 'drained\n')
