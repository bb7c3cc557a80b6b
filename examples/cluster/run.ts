/**
 * All on one machine: a Redis, a producer and three workers, one of which is killed half-way. Not a file is missing:
 * `npx tsx examples/cluster/run.ts FOLDER | sha256sum --check`
 */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'

const folder = process.argv[2] ?? 'node_modules'
const data = mkdtempSync(join(tmpdir(), 'aio-tasks-cluster-'))
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const port = `${(server.address() as AddressInfo).port}` // a free one
await once(server.close(), 'close')

function program(name: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const stdio = ['ignore', name === 'producer' ? 'pipe' : 'inherit', 'inherit'] as const
  const env = {...process.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: port}
  return spawn(process.execPath, ['--import=tsx', path, ...args], {env, stdio: [...stdio]})
}

const settings = ['--bind', '127.0.0.1', '--port', port, '--dir', data, '--maxmemory-policy', 'noeviction']
const redis = spawn('redis-server', [...settings, '--appendonly', 'yes'], {stdio: 'ignore'})
await once(redis, 'spawn')
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

for (const worker of workers) {
  worker.kill('SIGTERM')
  if (worker.exitCode === null && worker.signalCode === null) await once(worker, 'exit')
}
redis.kill('SIGKILL')
await once(redis, 'exit')
rmSync(data, {recursive: true})
process.exitCode = producer.exitCode ?? 1
