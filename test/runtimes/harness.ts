/**
 * Stands in for AVA where AVA cannot run: the same test files, bundled with this in AVA's place, run on any
 * runtime. Tests run one after the other.
 */
import {Assertions} from './assertions.js'
import {Missing, onMissing} from './missing.js'
import {Patience, type Waiting} from './patience.js'
import type {Report} from './report.js'
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

/** Loads a file of tests, and runs what it has. */
export async function run(load: () => Promise<unknown>): Promise<Report> {
  const report: Report = {passed: [], failed: [], leftOut: []}
  let found: readonly Test[]
  try {
    found = await collect(load)
  } catch (error) {
    if (error instanceof Missing) return {...report, needs: error.message}
    return {...report, failed: [{title: 'the file loads', error: show(error)}]}
  }
  for (const one of found) {
    const {title} = one
    let lacking: Missing | undefined
    onMissing((missing) => (lacking ??= missing))
    const failure = await attempt(one, new Patience(30_000))
    onMissing(undefined)
    if (lacking) report.leftOut.push({title, needs: lacking.message})
    else if (failure === undefined) report.passed.push(title)
    else report.failed.push({title, error: failure})
  }
  return report
}

/** Runs a test, and says why it failed if it did. */
export async function attempt({title, body}: Test, waiting: Waiting): Promise<string | undefined> {
  const t = new Assertions(title, waiting)
  try {
    await Promise.race([body(t), waiting.end])
  } catch (error) {
    await t.finish().catch(() => {})
    return show(error)
  } finally {
    waiting.stop()
  }
  return t.finish().then(() => undefined, show)
}
