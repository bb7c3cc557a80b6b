/** What is in the tarball: everything that is needed, with the sources that the maps point to, and nothing else. */
import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Check} from './project.js'

const allowed = /^(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/
const needed = ['README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']

export const tarball: Check = ({folder, tarball: name, paths}) => {
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path)),
    [],
    'the tarball holds nothing else',
  )
  for (const path of needed) assert(paths.includes(path), `the tarball holds ${path}`)
  for (const path of paths.filter((other) => other.startsWith('dist/') && !other.endsWith('.map')))
    assert(paths.includes(`${path}.map`), `${path} has a map`)

  const maps = paths.filter((path) => path.endsWith('.map'))
  for (const path of maps) {
    const content = readFileSync(join(folder, 'node_modules/aio-tasks', path), 'utf8')
    const {sources} = JSON.parse(content) as {sources: string[]}
    for (const source of sources) {
      const target = join(path, '..', source)
      assert(paths.includes(target), `${path} points to ${target}, which is in the tarball`)
    }
  }
  return [`${name}: ${paths.length} files, and ${maps.length} maps that lead to sources in it`]
}
