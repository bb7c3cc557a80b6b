/**
 * Takes files from the queue and answers with the line that sha256sum has for each. Run as many of these as you like,
 * on every machine that sees the files: `npx tsx examples/cluster/worker.ts`
 */
import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {pipeline} from 'node:stream/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {workerTasks} from 'aio-tasks/bullmq'
import type {Job} from 'bullmq'
import {connection, onError, onReady} from './redis.js'

const limit = Number(process.env['LIMIT'] ?? 8)

/** The handler of a job. A path is a string of bytes, as a name need not be valid UTF-8. */
async function checksum({data: path}: Job<string>, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(Buffer.from(path, 'latin1')), hash, {signal})
  const name = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${name === path ? '' : '\\'}${hash.digest('hex')}  ${name}\n`
}

const jobs = workerTasks<string, string>('checksums', checksum, {
  connection,
  onError,
  // Other workers take over the jobs of a killed worker within 7.5 seconds; with the defaults, within a minute.
  workerOptions: {lockDuration: 5000, stalledInterval: 2500},
})
jobs.worker.on('ready', onReady)
const runner = new ConcurrentRunner(jobs, {limit, yieldExceptions: true})
runner.on('error', ({message}) => console.error(message))

// Finishes running jobs, and gives back waiting jobs: no job is lost, and none runs twice.
const stop = () => void runner.stop({timeout: 10_000})
process.once('SIGINT', stop).once('SIGTERM', stop)
const {succeeded} = await runner.run()
console.error(`${succeeded} files`)
