/** The example of a cluster does what it says. */
import {execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {buffer, text} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {range} from './helpers/queue.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('one of three workers is killed half-way, and sha256sum accepts every file all the same', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-files-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  mkdirSync(join(folder, 'sub'))
  const names = ['with space', 'new\nline', 'back\\slash', 'ümlaut', ...range(600).map((number) => `sub/file${number}`)]
  for (const name of names) writeFileSync(join(folder, name), `content of ${name}`)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), 'no UTF-8')

  const child = spawn(process.execPath, ['--import=tsx', 'examples/cluster/run.ts', folder], {cwd: root})
  const [output, errors] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')])
  t.is(child.exitCode, 0, errors)
  t.regex(errors, /^303 files are done: one worker is killed$/m)
  t.is(errors.match(/^\d+ files$/gm)?.length, 2, 'the two that were not killed have ended by themselves')

  const expected = execFileSync('sh', ['-c', 'find "$1" -type f -exec sha256sum {} +', 'sh', folder])
  const lines = (lists: Buffer): string[] => lists.toString('latin1').trim().split('\n').sort()
  t.deepEqual(lines(output), lines(expected))
  t.is(lines(output).length, names.length + 1)
  const checked = spawnSync('sha256sum', ['--check', '--strict', '--quiet'], {input: output, encoding: 'utf8'})
  t.deepEqual([checked.status, checked.stdout], [0, ''])
})
