/** Node loads the package by `import` and by `require()`, and runs the README's first program, without a warning. */
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {type Check, root} from './project.js'

const imported = `
import {concurrent} from 'aio-tasks'
console.log(await concurrent([async () => 1, Promise.resolve(2)], {ordered: true}).toArray())
`

const required = `
const {ConcurrentRunner} = require('aio-tasks')
ConcurrentRunner.map([1, 2], (n) => n * 2).run().then(({succeeded}) => console.log(succeeded))
`

export const loads: Check = (project) => {
  project.write('import.mjs', imported)
  project.write('require.cjs', required)
  const outputOf = (name: string, ...flags: readonly string[]): string => {
    const {stdout, stderr} = spawnSync(process.execPath, [...flags, name], {cwd: project.folder, encoding: 'utf8'})
    // Early releases of Node 20 and 22 with require() of a module warn about it, whatever the module.
    assert.match(stderr, /^(\(node:\d+\) ExperimentalWarning: CommonJS module [^]*require\(\)[^]*)?$/)
    return stdout
  }
  assert.equal(outputOf('import.mjs'), '[ 1, 2 ]\n')
  assert.equal(outputOf('require.cjs'), '2\n')

  // Its first lines, and what they print below; what they fetch is answered without a network.
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, first = '', printed] = /^```ts\n(.*?)^```$.*?^```\n(.*?)^```$/ms.exec(readme) ?? []
  project.write('first.mjs', first)
  assert.equal(outputOf('first.mjs', `--import=${new URL('../helpers/fetch.js', import.meta.url).href}`), printed)
  return [`Node ${process.versions.node}: import, require(), and the first program of the README`]
}
