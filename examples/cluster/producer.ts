/**
 * Has workers anywhere make the SHA-256 of every file below a folder, and prints each as soon as it is known:
 * `npx tsx examples/cluster/producer.ts FOLDER | sha256sum --check`
 */
import {once} from 'node:events'
import {readdir, stat} from 'node:fs/promises'
import {resolve} from 'node:path'
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {RemoteJobError, remoteTasks} from 'aio-tasks/bullmq'
import {connection, onError} from './redis.js'

const limit = Number(process.env['LIMIT'] ?? 500)
const toBytes = (path: string): Buffer => Buffer.from(path, 'latin1')

/** The jobs: walks on when there is room for more. Paths are strings of bytes, one `latin1` character for each. */
async function* files(top: string): AsyncGenerator<string, void> {
  const folders = [`${top}/`]
  for (const folder of folders)
    for (const entry of await readdir(toBytes(folder), {encoding: 'buffer', withFileTypes: true})) {
      const path = folder + entry.name.toString('latin1')
      if (entry.isDirectory()) folders.push(`${path}/`)
      else if (entry.isFile()) yield path
    }
}

const folder = resolve(process.argv[2] ?? 'node_modules')
if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
  console.error(`There is no folder ${folder}`)
  process.exit(2)
}
const top = Buffer.from(folder).toString('latin1')
const tasks = remoteTasks<string, string>(files(top), {
  queue: 'checksums',
  connection,
  onError,
  jobOptions: {attempts: 3},
})
const runner = new ConcurrentRunner(tasks, {limit, yieldExceptions: true})

// Withdraws the jobs that no worker has begun.
const stop = (_: string, number: number) => void runner[Symbol.asyncDispose]().then(() => process.exit(128 + number))
process.once('SIGINT', stop).once('SIGTERM', stop)
process.stdout.once('error', () => stop('its reader has gone', 13))

for await (const line of runner) {
  if (!(line instanceof ConcurrentError)) {
    if (!process.stdout.write(line, 'latin1')) await once(process.stdout, 'drain')
    continue
  }
  const {cause} = line
  process.exitCode = 1
  console.error(cause instanceof RemoteJobError ? `${String(cause.data)}: ${cause.failedReason}` : line.message)
}
