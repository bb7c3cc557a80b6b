/**
 * Stands in for AVA where a process for each file would take too long: the test files, bundled with this in AVA's
 * place, run in one process, one test after the other.
 */
import {Assertions} from './assertions.js'
import {show} from './show.js'

type Body = (t: Assertions, ...args: unknown[]) => unknown
interface Macro {
  readonly exec: Body
  readonly title?: (title: string | undefined, ...args: unknown[]) => string
}

export interface Test {
  readonly title: string
  readonly body: (t: Assertions) => unknown
}

const tests: Test[] = []

function add(first: string | Body | Macro, ...rest: unknown[]): void {
  const [named, [body, ...args]] = typeof first === 'string' ? [first, rest] : [undefined, [first, ...rest]]
  const {exec, title} = typeof body === 'function' ? {exec: body as Body, title: undefined} : (body as Macro)
  tests.push({title: title?.(named, ...args) ?? named ?? '', body: (t) => exec(t, ...args)})
}

const macro = (body: Body | Macro): Macro => (typeof body === 'function' ? {exec: body} : body)

const test: typeof add & {serial: typeof add; macro: typeof macro} = Object.assign(add, {serial: add, macro})
export default test

/** Loads a file of tests, and gives what it has. */
export async function collect(load: () => Promise<unknown>): Promise<readonly Test[]> {
  const others = tests.length
  await load()
  return tests.slice(others)
}

/** Runs a test, for so many milliseconds at most, and says why it failed if it did. */
export async function attempt({title, body}: Test, patience: number): Promise<string | undefined> {
  const t = new Assertions(title)
  let timer: NodeJS.Timeout | undefined
  // Keeps no process alive that has nothing else to do.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`has not ended after ${patience} ms`)), patience).unref()
  })
  try {
    await Promise.race([body(t), late])
  } catch (error) {
    await t.finish().catch(() => {})
    return show(error)
  } finally {
    clearTimeout(timer)
  }
  return t.finish().then(() => undefined, show)
}
