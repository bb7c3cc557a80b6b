/** Runs an example in a process of its own, from the package's root, as `npm start` does. */
import {type ChildProcessByStdio, spawn} from 'node:child_process'
import {on, once} from 'node:events'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import type {Readable} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import {typescript} from '../helpers/typescript.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How an example ended; output is `latin1`, one character for each byte. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder that goes with its test. */
export function temporaryFolder(t: {teardown(fn: () => void): void}): string {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  return folder
}

export type Child = ChildProcessByStdio<null, Readable, Readable>

/** The command line of an example, with modules loaded ahead of it. */
export function command(example: string, preloads: readonly string[] = []): string[] {
  return [process.execPath, typescript, ...preloads.map((module) => `--import=${module}`), `examples/${example}.ts`]
}

/** Starts a command as npm would for a user who stands in `folder`. */
export function start([file = '', ...args]: readonly string[], folder: string = root): Child {
  const env = {...process.env, INIT_CWD: folder}
  return spawn(file, args, {cwd: root, env, stdio: ['ignore', 'pipe', 'pipe']})
}

/** How a shell says which process the command is that it becomes; for `interruptedWhen`. */
export const tellingPid = (line: string): string => `echo "pid $$"; exec ${line}`

/** Sends Ctrl-C to what told its pid once its output fits, and waits until it has ended. */
export async function interruptedWhen(child: Child, fits: RegExp): Promise<Ended> {
  const end = ended(child)
  let output = ''
  for await (const chunk of on(child.stdout, 'data')) {
    output += String(chunk)
    if (fits.test(output)) break
  }
  process.kill(Number(/pid (\d+)/.exec(output)?.[1]), 'SIGINT')
  return end
}

/** Reads what a child writes until it ends. */
export async function ended(child: Child): Promise<Ended> {
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)])
  await closed
  return {status: child.exitCode, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1')}
}
