import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {text} from 'node:stream/consumers'
import ava from 'ava'
import {typescript} from '../helpers/typescript.js'
import {command, ended, start} from './child.js'

/** One after the other: each starts processes. */
const test = ava.serial

for (const [example, args, message] of [
  ['llm', [], 'Expected 3 arguments; got 0'],
  ['ingest', ['http://localhost:1/pages/0'], 'Expected 2 arguments; got 1'],
  ['downloader', ['urls.txt', 'folder', '--each', '0'], "--each must be an integer ≥ 1; got '0'"],
  ['tenants', ['http://localhost:1', '--depth', '3'], "Unknown option '--depth'"],
] as const)
  test(`what is wrong with the arguments of ${example} is told in one line`, async (t) => {
    const {status, stdout, stderr} = await ended(start([...command(example), ...args]))
    t.is(status, 2)
    t.is(stdout, '')
    t.is(Buffer.from(stderr, 'latin1').toString(), `${message} (--help tells more)\n`)
  })

test('the commands that the servers print work, and a reader that has gone is no error of theirs', async (t) => {
  const servers = start(command('servers'))
  t.teardown(() => servers.kill('SIGTERM'))
  const lines: string[] = []
  for await (const line of createInterface(servers.stdout)) if (lines.push(line) === 4) break
  for (const line of lines.slice(0, 3)) {
    const [, , path = '', ...args] = line.split(' ')
    const faster = path.includes('downloader') ? ['--limit', '200', '--each', '50', '--rate', '10000'] : []
    // Node 22 and 24 call their SQLite an experiment.
    const flags = [typescript, '--disable-warning=ExperimentalWarning']
    const child = start([process.execPath, ...flags, path, ...args, ...faster])
    child.stdout.destroy()
    const exited = once(child, 'exit')
    t.is(await text(child.stderr), '', path)
    t.deepEqual(await exited, [0, null], path)
  }
})
