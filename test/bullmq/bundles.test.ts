/** A program that uses the entry works bundled into one file, as ES module and as CommonJS. */
import {execFile} from 'node:child_process'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import ava from 'ava'
import {build} from 'esbuild'
import {queueOf} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

const program = `
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
const [queue, port] = process.argv.slice(2)
const connection = {host: '127.0.0.1', port: Number(port)}
const worker = new ConcurrentRunner(workerTasks(queue, ({data}) => data * 2, {connection}))
const working = worker.run()
new ConcurrentRunner(remoteTasks([1, 2, 3], {queue, connection}), {ordered: true}).toArray().then(async (results) => {
  await worker.stop()
  await working
  console.log(results.join())
})`

for (const [title, format, extra] of [
  [
    'an ES module, with what BullMQ requires at run time',
    'esm',
    {js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url)"},
  ],
  ['CommonJS', 'cjs', {}],
] as const)
  test(`esbuild makes one file of it: ${title}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'aio-tasks-bundle-'))
    t.teardown(() => rm(folder, {recursive: true}))
    const file = join(folder, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
    await build({
      stdin: {contents: program, resolveDir: root, sourcefile: 'program.ts', loader: 'ts'},
      tsconfig: join(root, 'tsconfig.json'),
      bundle: true,
      platform: 'node',
      format,
      banner: extra,
      outfile: file,
      logLevel: 'silent',
    })
    const {stdout, stderr} = await run(process.execPath, [file, queueOf(t, redis).name, `${redis.port}`])
    t.is(stderr, '')
    t.is(stdout, '2,4,6\n')
  })
