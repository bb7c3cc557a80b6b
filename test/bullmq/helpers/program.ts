/** Runs a program in a process of its own, and reads its output. */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {typescript} from '../../helpers/typescript.js'
import type {Settings} from '../programs/settings.js'
import {until} from './queue.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export class Program {
  readonly lines: string[] = []
  errors = ''
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  /** Ends with its test, if it has not ended before. */
  constructor(t: {teardown(fn: () => unknown): void}, name: 'worker' | 'producer', settings: Settings) {
    const args = [typescript, `test/bullmq/programs/${name}.ts`, JSON.stringify(settings)]
    const child = spawn(process.execPath, args, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']})
    createInterface(child.stdout).on('line', (line) => this.lines.push(line))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.#child = child
    this.#closed = once(child, 'close')
    t.teardown(() => this.kill('SIGKILL'))
  }

  /** The ids of the jobs that it has begun, or the results that it has received. */
  all(what: 'run' | 'result'): string[] {
    return this.lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1))
  }

  async ready(): Promise<this> {
    await until(() => this.lines.includes('ready') || this.#hasEnded)
    if (this.#hasEnded) throw new Error(`It has ended: ${this.errors}`)
    return this
  }

  /** Sends a signal, and waits until the process is gone. */
  async kill(signal: NodeJS.Signals): Promise<{status: number | null; signal: NodeJS.Signals | null}> {
    if (!this.#hasEnded) this.#child.kill(signal)
    return this.ended()
  }

  async ended(): Promise<{status: number | null; signal: NodeJS.Signals | null}> {
    await this.#closed
    return {status: this.#child.exitCode, signal: this.#child.signalCode}
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

/** Three workers, ready. */
export async function threeWorkers(t: {teardown(fn: () => unknown): void}, settings: Settings): Promise<Program[]> {
  const workers = [1, 2, 3].map(() => new Program(t, 'worker', settings))
  return Promise.all(workers.map((worker) => worker.ready()))
}
