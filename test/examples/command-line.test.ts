import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {text} from 'node:stream/consumers'
import ava from 'ava'
import {typescript} from '../helpers/typescript.js'
import {command, start} from './child.js'

/** One after the other: each starts processes. */
const test = ava.serial

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
