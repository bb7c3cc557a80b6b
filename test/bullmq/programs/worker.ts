/**
 * A worker in a process of its own. Prints a line when it has started, a line `run ID` for each job
 * that it begins, and a line when all is closed. SIGTERM ends it after its running jobs.
 */
import {writeSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {workerTasks} from 'aio-tasks/bullmq'
import {faults, type Settings, short} from './settings.js'

const {queue, port, limit = 10, ms = 5, ending = 'stop'} = JSON.parse(process.argv[2] ?? '{}') as Settings
const write = (line: string): number => writeSync(1, `${line}\n`)

const jobs = workerTasks<number, number>(
  queue,
  async ({id, data}, signal) => {
    write(`run ${id}`)
    if (data === faults.kills) process.kill(process.pid, 'SIGKILL')
    if (data === faults.blocks) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * short.lockDuration)
    await sleep(ms, undefined, ending === 'abort' ? {signal} : {})
    return data * 2
  },
  {
    connection: {host: '127.0.0.1', port, retryStrategy: () => 100},
    workerOptions: short,
    onError: (error) => process.stderr.write(`${error.message}\n`),
  },
)
const runner = new ConcurrentRunner(jobs, {limit, yieldExceptions: true})
jobs.worker.on('ready', () => write('ready'))
process.once('SIGTERM', () => {
  if (ending === 'stop') void runner.stop()
  else if (ending === 'abort') runner.abort()
  else void runner.return()
})
await runner.run().catch((error: unknown) => write(`failed ${String(error)}`))
write('drained')
