/** A Redis of the benchmark's own, with settings that a queue wants. */
import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export class RedisServer {
  readonly connection: {readonly host: string; readonly port: number}
  readonly #folder: string
  readonly #process: ChildProcess

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.connection = {host: '127.0.0.1', port}
    this.#folder = folder
    this.#process = process
  }

  static async version(): Promise<string> {
    const text = execFileSync('redis-server', ['--version'], {encoding: 'utf8'})
    return `Redis ${/v=(\S+)/.exec(text)?.[1]}`
  }

  static async start(): Promise<RedisServer> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const {port} = server.address() as AddressInfo
    await once(server.close(), 'close')
    const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-bench-'))
    const settings = ['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction']
    const args = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder, ...settings]
    const child = spawn('redis-server', args, {stdio: 'ignore'})
    await once(child, 'spawn')
    return new RedisServer(port, folder, child)
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
    rmSync(this.#folder, {recursive: true})
  }
}
