/**
 * All on one machine: a Redis, a producer and three workers, one of which is killed half-way. Not a file is missing:
 * `npx tsx examples/cluster/run.ts FOLDER | sha256sum --check`
 *
 * However it ends, no process and no folder of it is left.
 */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readdirSync, rmSync, statSync} from 'node:fs'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'

const folder = process.argv[2] ?? 'node_modules'
if (!statSync(folder, {throwIfNoEntry: false})?.isDirectory()) fail(`There is no folder ${folder}`)

const data = mkdtempSync(join(tmpdir(), 'aio-tasks-cluster-'))
const children: ChildProcess[] = []
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(data, {recursive: true, force: true, maxRetries: 5})
})
const stop = (_: string, number: number): void => process.exit(128 + number)
process.once('SIGINT', stop).once('SIGTERM', stop).once('SIGHUP', stop)
process.stdout.once('error', () => process.exit(141)) // its reader has gone

const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const port = `${(server.address() as AddressInfo).port}` // a free one
await once(server.close(), 'close')

const settings = ['--bind', '127.0.0.1', '--port', port, '--dir', data, '--maxmemory-policy', 'noeviction']
const redis = spawn('redis-server', [...settings, '--appendonly', 'yes'], {stdio: 'ignore'})
children.push(redis)
await once(redis, 'spawn').catch(() => fail('There is no redis-server on the PATH: apt install redis-server'))
console.error(`To look on: REDIS_PORT=${port} npx tsx examples/cluster/board.ts`)
const workers = [1, 2, 3].map(() => program('worker'))
const producer = program('producer', folder)

const half = readdirSync(folder, {recursive: true, withFileTypes: true}).filter((entry) => entry.isFile()).length / 2
let count = 0
if (producer.stdout !== null)
  for await (const line of createInterface(producer.stdout.setEncoding('latin1'))) {
    process.stdout.write(`${line}\n`, 'latin1')
    if (++count !== Math.ceil(half)) continue
    console.error(`${count} files are done: one worker is killed`)
    workers[0]?.kill('SIGKILL')
  }
await ended(producer)

for (const worker of workers) {
  worker.kill('SIGTERM')
  await ended(worker)
}
process.exitCode = producer.exitCode ?? 1
redis.kill('SIGKILL')
await ended(redis)

function program(name: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const stdio = ['ignore', name === 'producer' ? 'pipe' : 'inherit', 'inherit'] as const
  const env = {...process.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: port}
  const child = spawn(process.execPath, ['--import=tsx', path, ...args], {env, stdio: [...stdio]})
  children.push(child)
  return child
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}
