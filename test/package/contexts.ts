/** The installed package keeps async contexts apart on Node 20 to 26, Bun and Deno. */
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {transformSync} from 'esbuild'
import {type Check, samples} from './project.js'
import {patience, programs} from './runtimes.js'

export const contexts: Check = (project) => {
  const {code} = transformSync(readFileSync(join(samples, 'contexts.ts'), 'utf8'), {loader: 'ts', format: 'esm'})
  project.write('contexts.js', code)
  const versions = programs.map(([name, program, ...args]) => {
    const run = spawnSync(program, [...args, 'contexts.js'], {
      cwd: project.folder,
      encoding: 'utf8',
      env: {...process.env, DENO_DIR: project.folder},
      timeout: patience,
    })
    assert.equal(run.status, 0, `${program}: ${run.stdout}${run.stderr}${run.error?.message ?? ''}`)
    assert.deepEqual(JSON.parse(run.stdout), {trials: 4, found: []}, program)
    return name
  })
  return [`async contexts on ${versions.length} runtimes: ${[...new Set(versions)].join(', ')}`]
}
