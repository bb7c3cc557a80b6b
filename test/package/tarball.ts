/** What is in the tarball: a module and its declarations for each entry, notes, and nothing else; and that it is small. */
import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {entries} from '../../.config/entries.js'
import {type Check, root} from './project.js'

const mostFiles = 16
/** A change that needs more raises this, and says what for. What fills the package: `test/README.md`. */
const mostBytes = 103_500

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>
}

export const tarball: Check = ({folder, tarball: name, paths, bytes}) => {
  const built = entries.flatMap(({output}) => ['index.js', 'index.d.ts'].map((file) => join('dist', output, file)))
  const others = ['LICENSE', 'README.md', 'dist/AGENTS.md', 'package.json']
  assert.deepEqual(paths.toSorted(), [...built, ...others].toSorted())
  assert(paths.length <= mostFiles, `${paths.length} files, and there may be ${mostFiles}`)
  assert(bytes <= mostBytes, `${bytes} bytes packed, and there may be ${mostBytes}`)

  // V8 reads a text that has one other character as two bytes each, and takes 5 % longer to import it.
  for (const {output} of entries)
    assert.match(readFileSync(join(folder, 'node_modules/aio-tasks/dist', output, 'index.js'), 'utf8'), /^[\0-\x7f]*$/)

  const {exports} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const exported = Object.fromEntries(
    entries.map(({name: entry, output}) => [
      entry.replace('aio-tasks', '.'),
      {types: `./${join('dist', output, 'index.d.ts')}`, default: `./${join('dist', output, 'index.js')}`},
    ]),
  )
  assert.deepEqual(exports, {...exported, './package.json': './package.json'}, 'package.json exports every entry')
  return [
    `${name}: ${paths.length} files, ${bytes} bytes packed, ${entries.length} entries`,
    ...parts(join(folder, 'node_modules/aio-tasks')),
  ]
}

/** What the parts of the package have, each compressed by itself. */
function parts(folder: string): string[] {
  const compressed = (texts: readonly string[]): number =>
    texts.reduce((sum, text) => sum + gzipSync(text, {level: 9}).length, 0)
  const textsOf = (names: readonly string[]): string[] => names.map((name) => readFileSync(join(folder, name), 'utf8'))
  const built = (file: string): string[] => textsOf(entries.map(({output}) => join('dist', output, file)))
  const declarations = built('index.d.ts')
  const bare = declarations.map((text) => text.replaceAll(/\/\*\*.*?\*\//gs, ''))
  return [
    `code: ${compressed(built('index.js'))} bytes`,
    `declarations: ${compressed(bare)} bytes, and ${compressed(declarations) - compressed(bare)} for their doc comments`,
    `pages and package.json: ${compressed(textsOf(['README.md', 'LICENSE', 'dist/AGENTS.md', 'package.json']))} bytes`,
  ]
}
