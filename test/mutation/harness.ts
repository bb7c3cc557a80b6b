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

/** What a file of tests wants to be called before each of its tests, and after each, also after one that has failed. */
let hooks: {readonly before: Body[]; readonly after: Body[]} = {before: [], after: []}

const afterEach = (body: Body): void => void hooks.after.unshift(body)
/** Called at the end of a file, which is nothing here: the process ends. */
const after = (): void => {}

const toMacro = (body: Body | Macro): Macro => (typeof body === 'function' ? {exec: body} : body)

/** Before the first test of a file: it comes before each, and does its work once. */
function before(body: Body): void {
  let done: unknown
  hooks.before.push((t) => (done ??= Promise.resolve(body(t))))
}

interface Extras {
  readonly macro: (body: Body | Macro) => Macro
  readonly skip: () => void
  readonly before: (body: Body) => void
  readonly beforeEach: (body: Body) => void
  readonly afterEach: ((body: Body) => void) & {readonly always: (body: Body) => void}
  readonly after: (() => void) & {readonly always: () => void}
}

const extras: Extras = {
  macro: toMacro,
  before,
  skip: (): void => {},
  beforeEach: (body: Body): void => void hooks.before.push(body),
  afterEach: Object.assign(afterEach, {always: afterEach}),
  after: Object.assign(after, {always: after}),
}
const test: typeof add & Extras & {readonly serial: typeof add & Extras} = Object.assign(add, extras, {
  serial: Object.assign((...given: Parameters<typeof add>) => add(...given), extras),
})
export default test

/** Loads a file of tests, and gives what it has. */
export async function collect(load: () => Promise<unknown>): Promise<readonly Test[]> {
  const others = tests.length
  hooks = {before: [], after: []}
  const {before, after: afterwards} = hooks
  await load()
  return tests.slice(others).map(({title, body}) => ({
    title,
    body: async (t) => {
      try {
        for (const hook of before) await hook(t)
        await body(t)
      } finally {
        for (const hook of afterwards) await hook(t)
      }
    },
  }))
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
