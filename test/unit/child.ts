import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {typescript} from '../helpers/typescript.js'

/** Runs code as a module in a process of its own, for what would end this one. `src` is at `./src`. */
export function runInChild(code: string): {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
} {
  return spawnSync(process.execPath, [typescript, '--input-type=module', '--eval', code], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  })
}
