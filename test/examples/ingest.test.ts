import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {type Served, serve, servePages} from '../../examples/servers.js'
import {type Child, command, ended, start, temporaryFolder} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

interface SQLite {
  DatabaseSync: new (path: string) => {prepare(sql: string): {all(): Array<{entry: string}>}; close(): void}
}
const sqlite = process.getBuiltinModule?.('node:sqlite') as SQLite | undefined

/** The numbers of the entries that are stored, in a database where there is one. */
function read(path: string): number[] {
  const lines = (): string[] => {
    if (sqlite === undefined) return readFileSync(path, 'utf8').split('\n').slice(0, -1)
    const database = new sqlite.DatabaseSync(path)
    const rows = database.prepare('SELECT entry FROM entries').all()
    database.close()
    return rows.map(({entry}) => entry)
  }
  return lines().map((line) => (JSON.parse(line) as {number: number}).number)
}

/** The example over a server; that and its files go with the test. */
function run(
  t: ExecutionContext,
  server: Served,
  ...options: readonly string[]
): {child: Child; stored: () => number[]} {
  const folder = temporaryFolder(t)
  const output = join(folder, 'entries')
  const env = ['env', 'NODE_NO_WARNINGS=1'] // of node:sqlite, where it is new
  const child = start([...env, ...command('ingest'), `${server.url}/pages/0`, output, ...options])
  t.teardown(() => {
    child.kill('SIGKILL')
    server.close()
  })
  return {child, stored: () => read(output)}
}

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)
const upTo = (count: number): number[] => [...Array(count).keys()]
const store = sqlite ? 'a SQLite database' : 'a file'

test(`each entry of each page is stored once in ${store}, in batches, and no more are loaded at once than allowed`, async (t) => {
  const server = await servePages({pages: 10, size: 33})
  const {child, stored} = run(t, server, '--limit', '5', '--batch', '20')
  const {status, stdout, stderr} = await ended(child)
  t.is(stderr, '')
  t.is(status, 0)
  t.deepEqual(sorted(stored()), upTo(330))
  const [, batches] = /^330 entries in (\d+) batches\n$/.exec(stdout) ?? []
  t.true(Number(batches) >= 330 / 20, stdout)
  t.true(Number(batches) < 330, stdout)
  t.is(server.asked.length, 10 + 330)
  t.true(server.most() <= 5 + 1, 'five entries, and a page')
})

test('Ctrl-C asks for nothing more, and stores what was loaded and what is on its way', async (t) => {
  const server = await servePages({pages: 1e6})
  const {child, stored} = run(t, server)
  const finished = ended(child)
  while (server.asked.length < 300 && child.exitCode === null) await sleep(5)
  child.kill('SIGINT')
  const {status, stdout, stderr} = await finished
  t.is(stderr, '')
  t.is(status, 130)
  const entries = server.asked.filter(({path}) => path.startsWith('/entries/')).map(({path}) => Number(path.slice(9)))
  t.deepEqual(sorted(stored()), sorted(entries))
  t.regex(stdout, new RegExp(`^${entries.length} entries in `))
})

test('an entry that fails is asked for three times, then ends the run, and what came before it is stored', async (t) => {
  const server = await serve(async ({url = ''}) => {
    const [, kind, number] = url.split('/')
    if (kind === 'pages') return {body: {entries: [0, 1, 2].map((entry) => `/entries/${entry}`), next: null}}
    return number === '1' ? {status: 500} : {body: {number: Number(number)}}
  })
  const {child, stored} = run(t, server)
  const {status, stdout, stderr} = await ended(child)
  t.is(status, 1)
  t.is(stderr, 'ConcurrentExecutionError: Task 1 failed: Error: 500 Internal Server Error of /entries/1\n')
  t.regex(stdout, /^2 entries in [12] batches\n$/)
  t.deepEqual(sorted(stored()), [0, 2])
  t.is(server.asked.filter(({path}) => path === '/entries/1').length, 3)
})
