/** Each example says how it is used, started as its users start it, and what is wrong with its arguments. */
import {readdirSync} from 'node:fs'
import ava from 'ava'
import {root} from '../helpers/snippets.js'
import {command, ended, start} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

/** What `--help` says first. */
const usages: Readonly<Record<string, string>> = {
  checksums: 'npm start -- [FOLDER] [--limit N]',
  crawler: 'npx tsx examples/crawler.ts URL [',
  downloader: 'npx tsx examples/downloader.ts URLS FOLDER [',
  ingest: 'npx tsx examples/ingest.ts URL OUTPUT [',
  live: 'npx tsx examples/live.ts [',
  llm: 'npx tsx examples/llm.ts URL PROMPTS OUTPUT [',
  observed: 'PORT=8080 npx tsx examples/observed.ts\n',
  quickstart: 'npx tsx examples/quickstart.ts\n',
  'rate-limited': 'npx tsx examples/rate-limited.ts [RATE]\n',
  retrying: 'npx tsx examples/retrying.ts\n',
  servers: 'npx tsx examples/servers.ts\n',
  service: 'PORT=8080 LIMIT=10 CAPACITY=100 TIMEOUT=10000 SHUTDOWN=30000 npx tsx examples/service.ts\n',
  tenants: 'PORT=8080 npx tsx examples/tenants.ts URL [',
  threads: 'npx tsx examples/threads.ts [--threads N]\n',
  timeline: 'npx tsx examples/timeline.ts [FOLDER] [',
}

/** Programs without arguments, and what other examples are made of. */
const others = 'bottom-line chat command-line engine http own-engine program progress remaining'.split(' ')

test('every example is here', (t) => {
  const names = readdirSync(`${root}/examples`).filter((name) => name.endsWith('.ts'))
  t.deepEqual([...Object.keys(usages), ...others].map((name) => `${name}.ts`).toSorted(), names.toSorted())
})

for (const [example, usage] of Object.entries(usages))
  test(`tsx runs ${example}, which says how it is used with --help`, async (t) => {
    const tsx = [process.execPath, '--import=tsx', `examples/${example}.ts`]
    const {status, stdout, stderr} = await ended(start([...tsx, '--help']))
    t.is(stderr, '')
    t.is(status, 0)
    t.true(stdout.startsWith(`Usage: ${usage}`), stdout)
    t.true(stdout.includes('\n\n'), 'and what it does')
  })

for (const [example, given, message] of [
  ['downloader', '', 'Expected 2 arguments; got 0'],
  ['downloader', 'urls.txt folder --each 0', "--each must be an integer ≥ 1; got '0'"],
  ['ingest', 'http://localhost:1/pages/0', 'Expected 2 arguments; got 1'],
  ['ingest', 'http://localhost output --limit 0', "--limit must be an integer ≥ 1; got '0'"],
  ['live', '--tasks x', "--tasks must be an integer ≥ 1; got 'x'"],
  ['live', '--picture view.svg', '--picture needs a terminal'],
  ['live', 'folder', "Expected options alone; got 'folder'"],
  ['llm', '', 'Expected 3 arguments; got 0'],
  ['llm', 'a b c --tokens 0', "--tokens must be an integer ≥ 1; got '0'"],
  ['observed', '8080', "Expected no arguments; got '8080'"],
  ['observed', 'PORT=x', "PORT must be an integer ≥ 0; got 'x'"],
  ['quickstart', '5', "Expected no arguments; got '5'"],
  ['rate-limited', '--nope', "Unknown option '--nope'"],
  ['rate-limited', '0', "RATE must be an integer ≥ 1; got '0'"],
  ['retrying', '--nope', "Unknown option '--nope'"],
  ['retrying', 'more', "Expected no arguments; got 'more'"],
  ['servers', '8080', "Expected no arguments; got '8080'"],
  ['service', '--port 1', "Unknown option '--port'"],
  ['service', 'LIMIT=0', "LIMIT must be an integer ≥ 1; got '0'"],
  ['service', 'CAPACITY=', "CAPACITY must be an integer ≥ 1; got ''"],
  ['tenants', '', 'Expected 1 arguments; got 0'],
  ['tenants', 'http://localhost:1 --depth 3', "Unknown option '--depth'"],
  ['tenants', 'http://localhost:1 --limit 0', "--limit must be an integer ≥ 1; got '0'"],
  ['threads', '--threads 0', "--threads must be an integer ≥ 1; got '0'"],
  ['timeline', 'no-such-folder', "FOLDER must be an existing folder; got 'no-such-folder'"],
] as const)
  test(`${example} refuses the arguments '${given}' in one line`, async (t) => {
    const words = given.split(' ').filter(Boolean)
    const isVariable = (word: string): boolean => /^[A-Z]+=/.test(word)
    const variables = words.filter(isVariable)
    const args = words.filter((word) => !isVariable(word))
    const {status, stdout, stderr} = await ended(start(['env', ...variables, ...command(example), ...args]))
    t.is(stdout, '')
    t.is(Buffer.from(stderr, 'latin1').toString(), `${message} (--help tells more)\n`)
    t.is(status, 2)
  })
