import {execute} from './execute.js'
import type {Report} from './report.js'

const script = `
  const {ConcurrentRunner} = require('aio-tasks')
  ConcurrentRunner.map([1, 2], (n) => n * 2).run().then(({succeeded}) => console.log(succeeded))`

/** CommonJS can `require()` the built package too; tells only if it cannot. */
export async function requireBuilt(program: string, folder: string): Promise<Report> {
  const {output, errors} = await execute(program, ['--input-type=commonjs', '--eval', script], {cwd: folder})
  const failed = output === '2\n' ? [] : [{title: 'works', error: output + errors}]
  return {passed: [], failed, leftOut: []}
}
