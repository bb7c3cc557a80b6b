/** The entries of the package: `src/index.ts`, and each folder of `src` that has an `index.ts` of its own. */
import {existsSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

export const root: string = fileURLToPath(new URL('..', import.meta.url))

export interface Entry {
  /** What its users import, such as `aio-tasks/bullmq`. */
  readonly name: string
  /** The folder of its sources. */
  readonly folder: string
  /** Its folder in `dist`, from there. */
  readonly output: string
}

const src = join(root, 'src')
const core: Entry = {name: 'aio-tasks', folder: src, output: '.'}

export const entries: readonly Entry[] = [
  core,
  ...readdirSync(src)
    .filter((name) => existsSync(join(src, name, 'index.ts')))
    .map((name) => ({name: `aio-tasks/${name}`, folder: join(src, name), output: name})),
]
