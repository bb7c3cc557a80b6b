/**
 * Reads a paged API, loads each entry of its pages, and stores them in batches: `npx tsx examples/ingest.ts URL OUTPUT`,
 * with a server from `npx tsx examples/servers.ts`.
 */
import {open} from 'node:fs/promises'
import {ConcurrentRunner, type TaskContext} from 'aio-tasks'
import {readCommandLine} from './command-line.js'

const usage = `Usage: npx tsx examples/ingest.ts URL OUTPUT [--limit N] [--batch N]

Follows the pages from URL on, each {"entries": [ADDRESS, …], "next": ADDRESS or null}, loads N entries at once (default:
8), and stores them in OUTPUT in batches of at most N (default: 100): in the table \`entries\` of a SQLite database where
Node has node:sqlite, else as lines of JSON. Nothing is loaded faster than it is stored. Ctrl-C stores what runs. Exit
status: 0 done, 1 something could not be loaded or stored, 2 wrong arguments, 130 interrupted.`

interface Store {
  add(entries: readonly unknown[]): Promise<unknown> | void
  close(): Promise<void> | void
}

/** The part of `node:sqlite` that is used here; Node 20 does not have that module. */
interface SQLite {
  DatabaseSync: new (
    path: string,
  ) => {
    exec(sql: string): void
    prepare(sql: string): {run(...values: string[]): unknown}
    close(): void
  }
}

async function openStore(path: string): Promise<Store> {
  const sqlite = process.getBuiltinModule?.('node:sqlite') as SQLite | undefined
  if (sqlite === undefined) {
    const file = await open(path, 'a')
    const add = (entries: readonly unknown[]) =>
      file.appendFile(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    return {add, close: () => file.close()}
  }
  const database = new sqlite.DatabaseSync(path)
  database.exec('CREATE TABLE IF NOT EXISTS entries (entry TEXT)')
  const insert = database.prepare('INSERT INTO entries VALUES (?)')
  const add = (entries: readonly unknown[]): void => {
    database.exec('BEGIN')
    for (const entry of entries) insert.run(JSON.stringify(entry))
    database.exec('COMMIT')
  }
  return {add, close: () => database.close()}
}

async function get<T>(address: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(new URL(address, url), {signal})
  if (response.ok) return (await response.json()) as T
  await response.body?.cancel()
  throw new Error(`${response.status} ${response.statusText} of ${address}`)
}

/** The source: asks for a page when all entries of the page before have been taken. */
async function* addresses(signal: AbortSignal): AsyncGenerator<string> {
  for (let next: string | null = url; next !== null; ) {
    const page: {entries: string[]; next: string | null} = await get(next, signal)
    yield* page.entries
    next = page.next
  }
}

const {args, options} = readCommandLine(usage, 2, {limit: 8, batch: 100})
const [url = '', output = ''] = args
const load = (address: string, {signal}: TaskContext): Promise<unknown> => get(address, signal)
const runner = ConcurrentRunner.map(addresses, load, {limit: options.limit, highWaterMark: options.batch, retry: {}})
process.once('SIGINT', () => void runner.stop().finally(() => (process.exitCode = 130)))

const store = await openStore(output)
const sizes: number[] = []
try {
  for await (const entries of runner.batches(options.batch, {maxWait: 500})) {
    await store.add(entries)
    sizes.push(entries.length)
  }
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
} finally {
  await store.close()
}
console.log(`${sizes.reduce((sum, size) => sum + size, 0)} entries in ${sizes.length} batches`)
