/** Nothing that a run has touched is kept after it. The garbage collector shows it, in a process of its own. */
import {execFile} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import test from 'ava'
import {typescript} from '../helpers/typescript.js'

const script = fileURLToPath(new URL('leaks.ts', import.meta.url))

test('nothing of a run is kept once it is over, though the runner or its signal is', async (t) => {
  t.timeout(600_000, 'on a machine that is very busy')
  const {stdout} = await promisify(execFile)(process.execPath, ['--expose-gc', typescript, script])
  t.log(stdout.trim())
  t.is(stdout.trim().split('\n').at(-1), 'nothing is kept')
})
