/** A PostgreSQL of the test file's own: on a free port, in a folder of its own. */
import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {chownSync, existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {PgBoss} from 'pg-boss'
import {freePort} from './port.js'

const debian = '/usr/lib/postgresql'

/** The folder of PostgreSQL's programs, on the PATH or where Debian keeps them; `undefined` if there is none. */
export function postgresFolder(): string | undefined {
  if (existsSync(debian)) {
    const [version] = readdirSync(debian).sort((a, b) => Number(b) - Number(a))
    const folder = join(debian, version ?? '', 'bin')
    if (existsSync(join(folder, 'initdb'))) return folder
  }
  return spawnSync('initdb', ['--version']).error === undefined ? '' : undefined
}

export class PostgresServer {
  #port = 0
  readonly #folder = mkdtempSync(join(tmpdir(), 'aio-tasks-postgres-'))
  #process: ChildProcess | undefined
  /** PostgreSQL refuses to run as root. */
  readonly #user = process.getuid?.() === 0 ? userOf('postgres') : undefined

  constructor() {
    process.once('exit', () => this.#process?.kill('SIGQUIT')) // also after a failed test
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`
  }

  async up(): Promise<void> {
    const data = join(this.#folder, 'data')
    if (this.#port === 0) {
      this.#port = await freePort()
      if (this.#user) chownSync(this.#folder, this.#user.uid, this.#user.gid)
      const settings = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale', 'C']
      execFileSync(program('initdb'), settings, {...this.#user, cwd: this.#folder, stdio: 'ignore'})
    }
    const options = ['-D', data, '-h', '127.0.0.1', '-p', `${this.#port}`, '-k', this.#folder]
    const child = spawn(program('postgres'), options, {...this.#user, cwd: this.#folder, stdio: 'ignore'})
    this.#process = child
    while (spawnSync(program('pg_isready'), ['-h', '127.0.0.1', '-p', `${this.#port}`, '-q']).status !== 0) {
      if (child.exitCode !== null) throw new Error('PostgreSQL did not start')
      await sleep(50)
    }
  }

  /** Ends PostgreSQL at once, like a crash: it recovers from its log when it is started again. */
  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGQUIT')
    await exit
  }

  async restart(ms = 0): Promise<void> {
    await this.kill()
    await sleep(ms)
    await this.up()
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, {recursive: true, force: true})
  }
}

/** An instance of pg-boss that finds jobs of dead workers within a second or two. */
export async function startBoss(url: string, errors: (error: Error) => void = () => {}): Promise<PgBoss> {
  const options = {
    connectionString: url,
    query_timeout: 8000, // for pg: gives up a connection that has died silently
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    schedule: false,
    max: 4,
  }
  const boss = new PgBoss(options)
  boss.on('error', errors)
  await boss.start()
  return boss
}

function program(name: string): string {
  return join(postgresFolder() ?? '', name)
}

function userOf(name: string): {uid: number; gid: number} {
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], {encoding: 'utf8'}))
  return {uid: id('-u'), gid: id('-g')}
}
