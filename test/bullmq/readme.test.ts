/** The two snippets of `src/remote/README.md` do what the text says, on a Redis of this file's own. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {text} from 'node:stream/consumers'
import test from 'ava'
import {documentSnippets, fileOf, needsRedis, removeFolder, type Snippet, snippetFolder} from '../helpers/snippets.js'
import {typescript} from '../helpers/typescript.js'
import {useRedis} from './helpers/redis.js'

const redis = useRedis()

/** A snippet as a program that can run here: with this Redis, and with a function that runs a job. */
function runnable({place, code}: Snippet): Snippet {
  const here = code
    .replaceAll(/host: 'redis\.example', port: 6379/g, `host: '${redis.host}', port: ${redis.port}`)
    .replace(/^declare function resize.*$/m, 'const resize = async (path: string, width: number) => `${path}@${width}`')
  return {place, code: here}
}

test('the producer prints each thumbnail that the worker makes, and SIGTERM ends the worker', async (t) => {
  const snippets = (await documentSnippets('src/remote/README.md')).filter(needsRedis).map(runnable)
  t.is(snippets.length, 2)
  const folder = await snippetFolder(snippets)
  t.teardown(() => removeFolder(folder))
  const [producer, worker] = snippets.map((snippet) => {
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    const child = spawn(process.execPath, [typescript, fileOf(snippet)], {cwd: folder, stdio: [...stdio]})
    t.teardown(() => child.kill('SIGKILL'))
    return {child, output: text(child.stdout), closed: once(child, 'close')}
  })
  t.deepEqual((await producer?.output)?.trim().split('\n').sort(), ['a.png@200', 'b.png@200'])
  t.deepEqual(await producer?.closed, [0, null])
  worker?.child.kill('SIGTERM')
  t.deepEqual(await worker?.closed, [0, null])
})
