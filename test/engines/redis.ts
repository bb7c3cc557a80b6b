/** A Redis of the test's own: on a free port, in a folder of its own, with every write on disk at once. */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {Redis} from 'ioredis'
import {freePort} from './port.js'

export class RedisServer {
  readonly host = '127.0.0.1'
  #port = 0
  readonly #folder = mkdtempSync(join(tmpdir(), 'aio-tasks-redis-'))
  #process: ChildProcess | undefined

  constructor() {
    process.once('exit', () => this.#process?.kill('SIGKILL')) // also after a failed test
  }

  get port(): number {
    return this.#port
  }

  /** The value for the option `connection`. A lost connection is soon tried again, so that tests are fast. */
  get connection(): {host: string; port: number; retryStrategy: () => number} {
    return {host: this.host, port: this.#port, retryStrategy: () => 100}
  }

  /** A client that closes with its test. */
  client(t: {teardown(fn: () => unknown): void}): Redis {
    const client = new Redis({...this.connection, maxRetriesPerRequest: null})
    client.on('error', () => {})
    t.teardown(() => client.disconnect())
    return client
  }

  async up(): Promise<void> {
    this.#port ||= await freePort()
    const always = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--maxmemory-policy', 'noeviction']
    const args = ['--bind', this.host, '--port', `${this.#port}`, '--dir', this.#folder, '--aof-load-truncated', 'yes']
    const child = spawn('redis-server', [...args, ...always], {stdio: 'ignore'})
    this.#process = child
    const client = new Redis({...this.connection, maxRetriesPerRequest: null})
    client.on('error', () => {})
    await client.ping()
    client.disconnect()
  }

  /** Kills Redis, like a power cut. */
  async kill(): Promise<void> {
    if (this.#process === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }

  /** Kills Redis, and starts it again after some milliseconds. */
  async restart(ms = 0): Promise<void> {
    await this.kill()
    await sleep(ms)
    await this.up()
  }

  /** Cuts off the end of the file that Redis has written. Redis must be down. */
  cut(bytes: number): void {
    const folder = join(this.#folder, 'appendonlydir')
    const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof'))
    if (file === undefined) throw new Error('There is no append-only file')
    const path = join(folder, file)
    truncateSync(path, Math.max(0, statSync(path).size - bytes))
  }

  /** Another Redis, a cluster of one node, which ends with its test. */
  async cluster(t: {teardown(fn: () => unknown): void}): Promise<{host: string; port: number}> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-redis-'))
    const args = ['--bind', this.host, '--port', `${port}`, '--dir', folder, '--save', '']
    const isCluster = ['--cluster-enabled', 'yes', '--cluster-announce-ip', this.host]
    const child = spawn('redis-server', [...args, ...isCluster], {stdio: 'ignore'})
    process.once('exit', () => child.kill('SIGKILL'))
    const client = new Redis({host: this.host, port, maxRetriesPerRequest: null, retryStrategy: () => 50})
    client.on('error', () => {})
    t.teardown(async () => {
      client.disconnect()
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
      rmSync(folder, {recursive: true, force: true})
    })
    await client.cluster('ADDSLOTSRANGE', 0, 16_383)
    while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await sleep(20)
    return {host: this.host, port}
  }

  /** A Sentinel that watches this Redis under the name `main`, and ends with its test. */
  async sentinel(t: {teardown(fn: () => unknown): void}): Promise<{host: string; port: number}> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-sentinel-'))
    const file = join(folder, 'sentinel.conf')
    writeFileSync(file, `bind ${this.host}\nport ${port}\nsentinel monitor main ${this.host} ${this.#port} 1\n`)
    const child = spawn('redis-server', [file, '--sentinel'], {cwd: folder, stdio: 'ignore'})
    t.teardown(async () => {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
      rmSync(folder, {recursive: true, force: true})
    })
    return {host: this.host, port}
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, {recursive: true, force: true})
  }
}
