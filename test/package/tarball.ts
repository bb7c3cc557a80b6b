/** What is in the tarball: a module and its declarations for each entry, notes, and nothing else; and that it is small. */
import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {entries} from '../../.config/entries.js'
import {type Check, root} from './project.js'

const mostFiles = 16
/** Five entries, a third of it doc comments: a change that needs more raises this, and says what for. */
const mostBytes = 100_000

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
}

export const tarball: Check = ({tarball: name, paths, bytes}) => {
  const built = entries.flatMap(({output}) => ['index.js', 'index.d.ts'].map((file) => join('dist', output, file)))
  const others = ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist/AGENTS.md', 'package.json']
  assert.deepEqual(paths.toSorted(), [...built, ...others].toSorted())
  assert(paths.length <= mostFiles, `${paths.length} files, and there may be ${mostFiles}`)
  assert(bytes <= mostBytes, `${bytes} bytes packed, and there may be ${mostBytes}`)

  const {exports} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const exported = Object.fromEntries(
    entries.map(({name: entry, output}) => [
      entry.replace('aio-tasks', '.'),
      {types: `./${join('dist', output, 'index.d.ts')}`, default: `./${join('dist', output, 'index.js')}`},
    ]),
  )
  assert.deepEqual(exports, {...exported, './package.json': './package.json'}, 'package.json exports every entry')
  return [`${name}: ${paths.length} files, ${bytes} bytes packed, ${entries.length} entries`]
}
