/**
 * A program that uses the entries works when bundled into one file: as ES module, as CommonJS, and for a server by
 * Vite.
 */
import {execFile} from 'node:child_process'
import {mkdtemp, readdir, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import ava, {type ExecutionContext} from 'ava'
import {build} from 'esbuild'
import {build as viteBuild} from 'vite'
import {queueOf} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()
const root = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

const program = `
import {ConcurrentRunner} from 'aio-tasks'
import {RemoteJobError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import {RemoteJobError as SameError} from 'aio-tasks/remote'
const [queue, port] = process.argv.slice(2)
const connection = {host: '127.0.0.1', port: Number(port)}
const worker = new ConcurrentRunner(workerTasks(queue, ({data}) => data * 2, {connection}))
const working = worker.run()
new ConcurrentRunner(remoteTasks([1, 2, 3], {queue, connection}), {ordered: true}).toArray().then(async (results) => {
  await worker.stop()
  await working
  console.log(results.join(), RemoteJobError === SameError)
})`

/** Runs the bundle in a folder without any packages. */
async function check(t: ExecutionContext, file: string): Promise<void> {
  const {stdout, stderr} = await run(process.execPath, [file, queueOf(t, redis).name, `${redis.port}`], {cwd: tmpdir()})
  t.is(stderr, '')
  t.is(stdout, '2,4,6 true\n')
}

async function folderOf(t: ExecutionContext, place = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(place, '.aio-tasks-bundle-'))
  t.teardown(() => rm(folder, {recursive: true}))
  return folder
}

for (const [title, format, extra] of [
  [
    'an ES module, with what BullMQ requires at run time',
    'esm',
    {js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url)"},
  ],
  ['CommonJS', 'cjs', {}],
] as const)
  test(`the program runs when esbuild bundles it into one file: ${title}`, async (t) => {
    const folder = await folderOf(t)
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
    await check(t, file)
  })

for (const [title, noExternal] of [
  ['with everything in it', true],
  ['with BullMQ left outside, as Vite does with packages', /^aio-tasks/],
] as const)
  test(`the program runs when Vite builds it for a server: ${title}`, async (t) => {
    // Built within the project, so that the packages outside the bundle are found.
    const folder = await folderOf(t, noExternal === true ? tmpdir() : join(root, 'node_modules'))
    const entry = join(folder, 'program.ts')
    const outDir = join(folder, 'dist')
    await writeFile(entry, program)
    const complaints: string[] = []
    await viteBuild({
      root,
      configFile: false,
      logLevel: 'silent',
      resolve: {
        alias: [
          {find: /^aio-tasks$/, replacement: join(root, 'src/index.ts')},
          {find: /^aio-tasks\/(.*)$/, replacement: join(root, 'src/$1/index.ts')},
        ],
      },
      ssr: {noExternal},
      build: {
        ssr: entry,
        outDir,
        rolldownOptions: {onLog: (_level, {message}) => complaints.push(message)},
      },
    })
    t.deepEqual(complaints, [])
    const [file = '', ...others] = await readdir(outDir)
    t.deepEqual(others, [], 'it is one file')
    await check(t, join(outDir, file))
  })
