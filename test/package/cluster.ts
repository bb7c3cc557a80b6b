/** `aio-tasks/bullmq` names BullMQ where it is not installed, and works and compiles where it is. */
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {type Check, root, run, samples} from './project.js'

const missing = `
const tell = ({message}) => console.log(/Cannot find package 'bullmq'/.test(message))
try {
  require('aio-tasks/bullmq')
} catch (error) {
  tell(error)
}
import('aio-tasks/bullmq').catch(tell)
`

export const cluster: Check = (project) => {
  const {folder} = project
  const outputOf = (name: string): string =>
    spawnSync(process.execPath, ['--no-warnings', name], {cwd: folder, encoding: 'utf8'}).stdout

  project.write('missing.cjs', missing)
  assert.equal(outputOf('missing.cjs'), 'true\ntrue\n')

  const {devDependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const peers = ['bullmq', 'ioredis', '@types/node'].map((name) => `${name}@${devDependencies[name]}`)
  run('npm', ['install', '--no-audit', '--no-fund', ...peers], folder)

  project.write('cluster/cluster.ts', readFileSync(join(samples, 'cluster.ts'), 'utf8'))
  const compilerOptions = {target: 'ES2022', module: 'NodeNext', types: ['node'], strict: true, skipLibCheck: true}
  project.write('cluster/tsconfig.json', JSON.stringify({compilerOptions, files: ['cluster.ts']}))
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'cluster'], folder)
  assert.equal(outputOf('cluster/cluster.js'), 'function function\n')

  project.write('cluster.cjs', `console.log(Object.keys(require('aio-tasks/bullmq')).join())`)
  assert.equal(outputOf('cluster.cjs'), 'EngineError,LostJobError,RemoteJobError,remoteTasks,workerTasks\n')
  return ['aio-tasks/bullmq: without BullMQ it names it; with it, import, require() and types']
}
