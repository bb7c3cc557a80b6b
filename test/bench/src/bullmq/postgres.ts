/** A PostgreSQL for a benchmark: on a free port, in a folder of its own, with its log on disk as it is by default. */
import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {chownSync, existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

const debian = '/usr/lib/postgresql'

export class PostgresServer {
  readonly url: string
  readonly #process: ChildProcess
  readonly #folder: string

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url
    this.#process = child
    this.#folder = folder
    process.once('exit', () => child.kill('SIGQUIT'))
  }

  /** `undefined` where Debian's package postgresql is not installed. */
  static async start(): Promise<PostgresServer | undefined> {
    if (!existsSync(debian)) return undefined
    const [version = ''] = readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    const program = (name: string): string => join(debian, version, 'bin', name)
    const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-bench-'))
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], {encoding: 'utf8'}))
    const user = process.getuid?.() === 0 ? {uid: id('-u'), gid: id('-g')} : undefined // it refuses to run as root
    if (user) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    const options = {...user, cwd: folder, stdio: 'ignore'} as const
    execFileSync(
      program('initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C'],
      options,
    )
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const port = `${(server.address() as AddressInfo).port}`
    await once(server.close(), 'close')
    const child = spawn(program('postgres'), ['-D', data, '-h', '127.0.0.1', '-p', port, '-k', folder], options)
    while (spawnSync(program('pg_isready'), ['-h', '127.0.0.1', '-p', port, '-q']).status !== 0) await sleep(50)
    return new PostgresServer(`postgres://postgres@127.0.0.1:${port}/postgres`, child, folder)
  }

  async end(): Promise<void> {
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGQUIT')
    await exit
    rmSync(this.#folder, {recursive: true, force: true})
  }
}
