/** What became of promises, loops and the process. */
import {execFile} from 'node:child_process'
import {once} from 'node:events'
import {typescript} from './typescript.js'

/** What a promise rejects with. Throws if it does not reject. */
export async function caught(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (reason) {
    return reason
  }
  throw new Error(`expected a rejection; got ${String(value)}`)
}

/** The value, if it is an instance of `kind`; throws otherwise. */
export function instance<V extends object>(value: unknown, kind: abstract new (...args: never[]) => V): V {
  if (value instanceof kind) return value
  throw new Error(`expected an instance of ${kind.name}; got ${String(value)}`)
}

/** Everything a loop got, and `raised` if it ended with an error. */
export interface Consumed<R> {
  readonly values: R[]
  readonly raised?: unknown
}

export async function consume<R>(results: AsyncIterable<R>): Promise<Consumed<R>> {
  const values: R[] = []
  try {
    for await (const value of results) values.push(value)
  } catch (raised) {
    return {values, raised}
  }
  return {values}
}

/** Whether a promise has settled by now. */
export async function isSettled(promise: PromiseLike<unknown>): Promise<boolean> {
  let hasSettled = false
  const note = (): void => {
    hasSettled = true
  }
  promise.then(note, note)
  await new Promise((resolve) => setImmediate(resolve))
  return hasSettled
}

/** Calls `body` and gives what was reported as uncaught by way of `reportError` meanwhile. */
export async function reportedDuring(body: () => PromiseLike<void> | void): Promise<unknown[]> {
  const reported: unknown[] = []
  const target: {reportError?: (error: unknown) => void} = globalThis
  const original = target.reportError
  target.reportError = (error) => reported.push(error)
  try {
    await body()
  } finally {
    if (original) target.reportError = original
    else delete target.reportError
  }
  return reported
}

export interface Ended {
  readonly code: number | null
  readonly lines: string[]
  readonly errors: string
}

/** Where a script in a process of its own imports the library from. */
export const library: string = new URL('../../src/index.ts', import.meta.url).href

/** Runs a script in a process of its own; `src` is where it imports the library from. */
export async function runScript(script: (src: string) => string): Promise<Ended> {
  const child = execFile(process.execPath, [typescript, '--input-type=module', '--eval', script(library)])
  let output = ''
  let errors = ''
  child.stdout?.on('data', (chunk) => (output += chunk))
  child.stderr?.on('data', (chunk) => (errors += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return {code, lines: output.split('\n').filter((line) => line !== ''), errors}
}
