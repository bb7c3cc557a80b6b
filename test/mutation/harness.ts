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
  readonly hooks: Hooks
}

/** The hooks of one file of tests. */
interface Hooks {
  readonly before: Body[]
  readonly beforeEach: Body[]
  readonly afterEach: Body[]
  /** What `before` gave: it is called once, ahead of the first test of the file that runs. */
  begun: Promise<unknown> | undefined
}

const noHooks = (): Hooks => ({before: [], beforeEach: [], afterEach: [], begun: undefined})
const tests: Test[] = []
let hooks = noHooks()

function add(first: string | Body | Macro, ...rest: unknown[]): void {
  const [named, [body, ...args]] = typeof first === 'string' ? [first, rest] : [undefined, [first, ...rest]]
  const {exec, title} = typeof body === 'function' ? {exec: body as Body, title: undefined} : (body as Macro)
  tests.push({title: title?.(named, ...args) ?? named ?? '', body: (t) => exec(t, ...args), hooks})
}

const macro = (body: Body | Macro): Macro => (typeof body === 'function' ? {exec: body} : body)

type Hook = (first: string | Body, body?: Body) => void
type AlwaysHook = Hook & {always: Hook}

/** Every hook is called whatever the test did, also without `always`: another test comes next in this process. */
function hook(bodies: (own: Hooks) => Body[]): AlwaysHook {
  const register: Hook = (first, body) => {
    const given = typeof first === 'string' ? body : first
    if (given) bodies(hooks).push(given)
  }
  return Object.assign((...args: Parameters<Hook>) => register(...args), {always: register})
}

const test: typeof add & {
  serial: typeof add
  macro: typeof macro
  skip: (...args: unknown[]) => void
  failing: (...args: unknown[]) => void
  before: AlwaysHook
  after: AlwaysHook
  beforeEach: AlwaysHook
  afterEach: AlwaysHook
} = Object.assign(add, {
  serial: add,
  macro,
  skip: () => {},
  failing: () => {}, // it fails without a mutant, so it can notice none
  before: hook((own) => own.before),
  after: hook(() => []), // the process ends behind its last test, and what the file has opened with it
  beforeEach: hook((own) => own.beforeEach),
  afterEach: hook((own) => own.afterEach),
})
export default test

/** Loads a file of tests, and gives what it has. */
export async function collect(load: () => Promise<unknown>): Promise<readonly Test[]> {
  const others = tests.length
  hooks = noHooks()
  await load()
  return tests.slice(others)
}

/** Runs a test for at most `patience` milliseconds. Gives the reason if the test failed. */
export async function attempt(one: Test, patience: number): Promise<string | undefined> {
  const t = new Assertions(one.title)
  let timer: NodeJS.Timeout | undefined
  // Keeps no process alive that has nothing else to do.
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`has not ended after ${patience} ms`)), patience).unref()
  })
  try {
    await Promise.race([withHooks(one, t), late])
  } catch (error) {
    await t.finish().catch(() => {})
    return show(error)
  } finally {
    clearTimeout(timer)
  }
  return t.finish().then(() => undefined, show)
}

async function withHooks({body, hooks: own}: Test, t: Assertions): Promise<void> {
  own.begun ??= callAll(own.before, t)
  await own.begun
  try {
    await callAll(own.beforeEach, t)
    await body(t)
  } finally {
    await callAll(own.afterEach, t)
  }
}

async function callAll(bodies: readonly Body[], t: Assertions): Promise<void> {
  for (const body of bodies) await body(t)
}
