/**
 * Packs the package, installs the tarball into an empty project, and uses it there as strangers would:
 * by import, by require, and from TypeScript against the published types. Run by `npm run test:package`.
 */
import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-smoke-'))

function run(command: string, args: string[], cwd: string): string {
  return execFileSync(command, args, {cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']})
}

try {
  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], root))
  const [{filename, files}] = packed as [{filename: string; files: Array<{path: string}>}]

  const paths = files.map(({path}) => path)
  const unexpected = paths.filter(
    (path) => !/^(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path),
  )
  assert.deepEqual(unexpected, [], 'the tarball holds nothing else')
  for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts'])
    assert(paths.includes(path), `the tarball holds ${path}`)
  for (const path of paths.filter((name) => name.endsWith('.map'))) {
    const {sources} = JSON.parse(readFileSync(join(root, path), 'utf8')) as {sources: string[]}
    for (const source of sources) {
      const target = join(path, '..', source)
      assert(paths.includes(target), `${path} points to ${target}, which is in the tarball`)
    }
  }

  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify({name: 'consumer', private: true, type: 'module'}))
  const {devDependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<'typescript' | 'bullmq' | 'ioredis' | '@types/node', string>
  }
  const typescript = `typescript@${devDependencies.typescript}`
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, filename), typescript], project)

  writeFileSync(
    join(project, 'import.mjs'),
    `import {concurrent} from 'aio-tasks'
     console.log(await concurrent([async () => 1, Promise.resolve(2)], {ordered: true}).toArray())`,
  )
  assert.equal(run('node', ['import.mjs'], project), '[ 1, 2 ]\n')

  writeFileSync(
    join(project, 'require.cjs'),
    `const {ConcurrentRunner} = require('aio-tasks')
     ConcurrentRunner.map([1, 2], (n) => n * 2).run().then(({succeeded}) => console.log(succeeded))`,
  )
  assert.equal(run('node', ['--no-warnings', 'require.cjs'], project), '2\n')

  writeFileSync(
    join(project, 'consumer.ts'),
    `import {ConcurrentError, ConcurrentRunner, type TaskContext} from 'aio-tasks'
     class Named extends ConcurrentRunner<string, true, {renamed: [from: string, to: string]}> {
       protected override async execute(task: () => string, context: TaskContext): Promise<string> {
         this.emit('renamed', 'a', 'b')
         return task() + context.index
       }
     }
     const runner = new Named([() => 'a'], {yieldExceptions: true})
     runner.on('renamed', (from, to) => from + to).on('drain', ({started}) => started.toFixed())
     for await (const value of runner) console.log(value instanceof ConcurrentError ? value.index : value.toUpperCase())
     // @ts-expect-error a result is a string or an error, and no number
     const wrong: number = (await runner.next()).value`,
  )
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        module: 'NodeNext',
        lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
      },
      files: ['consumer.ts'],
    }),
  )
  run(join(project, 'node_modules/.bin/tsc'), ['-p', project], project)
  assert.equal(run('node', ['consumer.js'], project), 'A0\n')

  // Past one machine: without its optional peer it says what to install, and with it, it works.
  const isMissed = '/aio-tasks\\/bullmq needs the package bullmq, .* npm install bullmq/.test(error.message)'
  writeFileSync(
    join(project, 'missing.cjs'),
    `try {
       require('aio-tasks/bullmq')
     } catch (error) {
       console.log(${isMissed})
     }
     import('aio-tasks/bullmq').catch((error) => console.log(${isMissed}))`,
  )
  assert.equal(run('node', ['--no-warnings', 'missing.cjs'], project), 'true\ntrue\n')

  const peers = (['bullmq', 'ioredis', '@types/node'] as const).map((name) => `${name}@${devDependencies[name]}`)
  run('npm', ['install', '--no-audit', '--no-fund', ...peers], project)
  writeFileSync(
    join(project, 'cluster.ts'),
    `import {ConcurrentRunner} from 'aio-tasks'
     import {RemoteJobError, remoteTasks, workerTasks} from 'aio-tasks/bullmq'
     const connection = {host: '127.0.0.1', port: 6379}
     const tasks = remoteTasks<{n: number}, string>([{n: 1}], {queue: 'q', connection, jobId: ({n}) => 'n' + n.toFixed()})
     const jobs = workerTasks('q', (job: {data: {n: number}}, signal) => signal.aborted ? '' : job.data.n.toFixed(), {connection})
     export const run = () => new ConcurrentRunner(jobs, {limit: 4}).on('result', (value) => value.toUpperCase())
     // @ts-expect-error a result is a string, and no number
     export const wrong = async (): Promise<number[]> => new ConcurrentRunner(tasks).toArray()
     console.log(typeof RemoteJobError, typeof run().drained.then)`,
  )
  const compilerOptions = {target: 'ES2022', module: 'NodeNext', types: ['node'], strict: true, skipLibCheck: true}
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({compilerOptions, files: ['cluster.ts']}))
  run(join(project, 'node_modules/.bin/tsc'), ['-p', project], project)
  assert.equal(run('node', ['cluster.js'], project), 'function function\n')
  writeFileSync(join(project, 'cluster.cjs'), `console.log(Object.keys(require('aio-tasks/bullmq')).join())`)
  assert.equal(run('node', ['--no-warnings', 'cluster.cjs'], project), 'RemoteJobError,remoteTasks,workerTasks\n')

  console.log(`${filename}: ${paths.length} files; import, require and TypeScript consumer work, aio-tasks/bullmq too`)
} finally {
  rmSync(folder, {recursive: true, force: true})
}
