/** Runs in a process of its own, bundled with all tests and the library: runs the tests that the order names. */
import {AsyncLocalStorage} from 'node:async_hooks'
import {existsSync, readFileSync, rmSync, writeSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
// @ts-expect-error -- made when the program is bundled
import {files as made} from 'files-of-tests'
import {attempt, collect, type Test} from './harness.js'
import type {Chosen, Line, Order} from './protocol.js'

type Hits = Record<string, number>

/** What the switches in the library look at. */
interface Switchboard {
  currentTestId?: string | undefined
  mutantCoverage?: {static: Hits; perTest: Record<string, Hits>}
  hitCount?: number
  hitLimit?: number
}

const files = made as Readonly<Record<string, () => Promise<unknown>>>
const order = JSON.parse(readFileSync(4, 'utf8')) as Order
// oxlint-disable-next-line eslint/no-underscore-dangle -- Stryker's name
const board: Switchboard = ((globalThis as {__stryker__?: Switchboard}).__stryker__ ??= {})
const loaded = new Map<string, readonly Test[]>()
/** Tests of hundreds of thousands of tasks, which would take many seconds for each mutant. */
const heavy = /starve the event loop|overflow no stack|1,000,000|groups that come and go|1,000 groups/
const childHits = join(tmpdir(), `aio-tasks-hits-${process.pid}.json`)

/**
 * The storages that the current test uses. They are disabled after the test: up to Node 22, the library goes another way
 * while no storage is in use, as in most files of tests.
 */
const storages = new Set<AsyncLocalStorage<unknown>>()
for (const name of ['run', 'enterWith'] as const) {
  const original = AsyncLocalStorage.prototype[name] as (...args: unknown[]) => unknown
  const noting = function (this: AsyncLocalStorage<unknown>, ...args: unknown[]): unknown {
    storages.add(this)
    return original.apply(this, args)
  }
  Object.defineProperty(AsyncLocalStorage.prototype, name, {value: noting})
}

function tell(line: Line): void {
  writeSync(3, `${JSON.stringify(line)}\n`)
}

async function testsOf(file: string): Promise<readonly Test[]> {
  const tests = loaded.get(file) ?? (await collect(files[file] ?? (() => Promise.reject(new Error(`no ${file}`)))))
  loaded.set(file, tests)
  return tests
}

async function everything(): Promise<Chosen[]> {
  const chosen: Chosen[] = []
  for (const file of Object.keys(files).filter((name) => !order.files?.length || order.files.includes(name)))
    for (const [at, {title}] of (await testsOf(file)).entries())
      if (!heavy.test(title)) chosen.push({file, at, patience: 60_000})
  return chosen
}

/** Whether the test passed. */
async function run({file, at, patience}: Chosen): Promise<boolean> {
  const test = (await testsOf(file))[at]
  if (test === undefined) throw new Error(`${file} has no test ${at}`)
  const id = `${file}:${at}`
  tell({kind: 'begins', test: {file, at}, title: test.title})
  board.currentTestId = id
  const startedAt = process.hrtime.bigint() // some tests replace performance.now
  const failure = (await attempt(test, patience)) ?? null
  const ms = Number(process.hrtime.bigint() - startedAt) / 1e6
  board.currentTestId = undefined
  for (const storage of storages) storage.disable()
  storages.clear()
  const hits = {...board.mutantCoverage?.perTest[id], ...takeChildHits()}
  tell({kind: 'ended', test: {file, at}, ms, failure, hits: order.tests === undefined ? hits : {}})
  return failure === null
}

/** The mutants that were reached by programs which a test has started. */
function takeChildHits(): Hits {
  if (!existsSync(childHits)) return {}
  const hits: Hits = {}
  for (const line of readFileSync(childHits, 'utf8').split('\n'))
    if (line !== '') Object.assign(hits, JSON.parse(line) as Hits)
  rmSync(childHits)
  return hits
}

function end(code: number): never {
  const {mutantCoverage, hitCount = 0} = board
  const isEndless = order.hitLimit !== undefined && hitCount > order.hitLimit
  tell({kind: 'over', loading: order.tests === undefined ? (mutantCoverage?.static ?? {}) : {}, isEndless})
  process.exit(code)
}

// The process has nothing more to do, so a test that still waits has failed.
process.on('beforeExit', () => end(1))
if (order.hitLimit !== undefined) Object.assign(board, {hitCount: 0, hitLimit: order.hitLimit})
const hook = new URL('../mutation/child.mjs', import.meta.url).href
Object.assign(process.env, {NODE_OPTIONS: `--import=${hook}`, AIO_TASKS_HITS: childHits})
let failures = 0
for (const test of order.tests ?? (await everything())) {
  if (await run(test)) continue
  failures++
  if (order.tests !== undefined) break
}
// What the last test has left behind may still fail.
for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
end(failures === 0 ? 0 : 1)
