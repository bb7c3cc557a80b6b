/** A program in a process of its own, built once, and its output. */
import {type ChildProcess, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {build} from 'esbuild'
import type {Settings} from './programs/settings.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds the programs, so that they start in a fifth of the time. Below `node_modules`, where they find the packages.
 */
export async function buildPrograms(): Promise<{folder: string; remove(): void}> {
  const folder = mkdtempSync(join(root, 'node_modules', '.faults-'))
  await build({
    entryPoints: ['worker', 'producer'].map((name) => join(root, `test/faults/programs/${name}.ts`)),
    tsconfig: join(root, 'tsconfig.json'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: {'.js': '.mjs'},
    external: ['bullmq', 'ioredis', 'pg-boss', 'pg', 'eventemitter3', 'p-defer'],
    outdir: folder,
    logLevel: 'silent',
  })
  return {folder, remove: () => rmSync(folder, {recursive: true, force: true})}
}

export class Program {
  readonly lines: string[] = []
  errors = ''
  readonly #child: ChildProcess
  readonly closed: Promise<unknown>

  constructor(folder: string, name: 'worker' | 'producer', settings: Settings) {
    const args = ['--unhandled-rejections=strict', join(folder, `${name}.mjs`), JSON.stringify(settings)]
    const child = spawn(process.execPath, args, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']})
    createInterface(child.stdout).on('line', (line) => this.lines.push(line))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.#child = child
    this.closed = once(child, 'close')
  }

  /** The text after a word, of each line that begins with this word. */
  all(word: 'run' | 'result' | 'failure' | 'failed'): string[] {
    return this.lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.hasEnded) this.#child.kill(signal)
    await this.closed
  }
}
