import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {type Served, serve, serveFiles} from '../../examples/servers.js'
import {type Child, command, type Ended, ended, start, temporaryFolder} from './child.js'

/** One after the other: each starts processes. */
const test = ava.serial

interface Downloads {
  /** Runs the example; with `interrupt`, sends it Ctrl-C when that resolves. */
  readonly run: (options?: readonly string[], interrupt?: (child: Child) => Promise<void>) => Promise<Ended>
  /** The URLs whose files are there. */
  readonly files: () => string[]
  /** The URLs that the resume file names; `undefined` if there is none. */
  readonly left: () => string[] | undefined
}

/** A folder for the files of these URLs; the servers and the folder go with the test. */
function downloads(t: ExecutionContext, hosts: readonly Served[], urls: readonly string[]): Downloads {
  const folder = temporaryFolder(t)
  const [list, target] = [join(folder, 'urls.txt'), join(folder, 'files')]
  writeFileSync(list, urls.join('\n'))
  t.teardown(() => {
    for (const {close} of hosts) close()
  })
  const run = async (options: readonly string[] = [], interrupt?: (child: Child) => Promise<void>): Promise<Ended> => {
    const child = start([...command('downloader'), list, target, ...options])
    t.teardown(() => child.kill('SIGKILL'))
    const end = ended(child)
    await interrupt?.(child).then(() => child.kill('SIGINT'))
    return end
  }
  const files = (): string[] =>
    readdirSync(target)
      .filter((name) => name.startsWith('http') && !name.endsWith('.part'))
      .map(decodeURIComponent)
  const resume = join(target, 'left.txt')
  return {run, files, left: () => (existsSync(resume) ? readFileSync(resume, 'utf8').split('\n') : undefined)}
}

test('500 files of 20 hosts are downloaded, 20 at once, and two of each host', async (t) => {
  const {hosts, urls, most} = await serveFiles({ms: 15})
  const {run, files, left} = downloads(t, hosts, urls)
  const {status, stdout, stderr} = await run()
  t.is(stderr, '')
  t.is(stdout, '500 downloaded, 0 left\n')
  t.is(status, 0)
  t.deepEqual(files().sort(), urls.toSorted())
  t.is(left(), undefined)
  t.true(most() <= 20, `${most()} at once`)
  for (const host of hosts) t.true(host.most() <= 2, `${host.most()} at once of one host`)
})

test('no host gets more requests at once, or in a second, than allowed', async (t) => {
  const {hosts, urls} = await serveFiles({hosts: 2, files: 50, ms: 1})
  const began = performance.now() // before the first request: a slow machine only makes the requests later
  const {status} = await downloads(t, hosts, urls).run(['--rate', '10'])
  t.is(status, 0)
  for (const {asked, most} of hosts) {
    t.is(asked.length, 25)
    t.true(most() <= 2, `${most()} at once`)
    for (const [index, {at}] of asked.entries()) t.true(at - began >= 1000 * Math.floor(index / 10), `request ${index}`)
  }
})

test('a Retry-After holds its host, and the file is asked for again', async (t) => {
  let isBusy = true
  const host = await serve(async () => {
    if (!isBusy) return {body: 'fine'}
    isBusy = false
    return {status: 429, headers: {'retry-after': '1'}}
  })
  const urls = ['a', 'b', 'c'].map((name) => `${host.url}/${name}`)
  const {run, files} = downloads(t, [host], urls)
  t.is((await run(['--each', '1'])).stdout, '3 downloaded, 0 left\n')
  t.deepEqual(files().sort(), urls)
  const [refused, ...later] = host.asked
  t.is(refused?.status, 429)
  t.is(later.length, 3)
  for (const {at} of later) t.true(at >= (refused?.answeredAt ?? Infinity) + 1000)
})

test('Ctrl-C leaves a resume file, and the next run downloads what it names', async (t) => {
  const {hosts, urls} = await serveFiles({hosts: 5, files: 100, ms: 30})
  const {run, files, left} = downloads(t, hosts, urls)
  const asked = (): string[] => hosts.flatMap((host) => host.asked.map(({path}) => host.url + path))
  const interrupted = await run([], async (child) => {
    while (asked().length < 40 && child.exitCode === null) await sleep(5)
  })
  t.is(interrupted.stderr, '')
  t.is(interrupted.status, 130)
  const before = files()
  const rest = left() ?? []
  t.true(before.length > 0 && rest.length > 0)
  t.deepEqual([...before, ...rest].sort(), urls.toSorted())
  t.is(interrupted.stdout, `${before.length} downloaded, ${rest.length} left\n`)

  for (const host of hosts) host.asked.length = 0
  const {status, stdout} = await run()
  t.is(status, 0)
  t.is(stdout, `${rest.length} downloaded, 0 left\n`)
  t.deepEqual(asked().sort(), rest.sort())
  t.deepEqual(files().sort(), urls.toSorted())
  t.is(left(), undefined)
})

test('what fails is told and left for the next run: at once when it is missing, else after three attempts', async (t) => {
  const host = await serve(async ({url}) => ({status: url === '/gone' ? 404 : url === '/broken' ? 500 : 200}))
  const urls = ['gone', 'broken', 'fine'].map((name) => `${host.url}/${name}`)
  const {run, left} = downloads(t, [host], urls)
  const {status, stdout, stderr} = await run()
  t.is(status, 1)
  t.is(stdout, '1 downloaded, 2 left\n')
  t.deepEqual(stderr.split('\n'), [
    `${host.url}/gone: Task 0 failed: Error: 404 Not Found`,
    `${host.url}/broken: Task 1 failed: Error: 500 Internal Server Error`,
    '',
  ])
  t.deepEqual(left(), urls.slice(0, 2))
  t.deepEqual(host.asked.map(({path}) => path).sort(), ['/broken', '/broken', '/broken', '/fine', '/gone'])
})
