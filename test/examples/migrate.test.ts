/** The examples that show what calls of other libraries are here print what their comments say. */
import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import test from 'ava'
import {problemOf, root} from '../helpers/snippets.js'
import {command, ended, start} from './child.js'

const names = (await readdir(join(root, 'examples/migrate'))).map((file) => file.replace(/\.ts$/, ''))

test('there is a way from each library that the README compares', async (t) => {
  const compared = /^\| \| aio-tasks \|(.+)\|$/m.exec(await readFile(join(root, 'README.md'), 'utf8'))?.[1] ?? ''
  const libraries = compared.split('|').map((cell) => cell.trim().split(' ')[0]?.toLowerCase())
  t.true(libraries.length > 4)
  const ways = new Set(names.map((name) => name.replace('from-', '')))
  t.deepEqual(
    libraries.filter((library) => library !== undefined && !ways.has(library)),
    ['effect'], // its programs are written in another way altogether
  )
})

for (const name of names)
  test(`${name} prints what its comments say, and ends by itself`, async (t) => {
    const code = await readFile(join(root, `examples/migrate/${name}.ts`), 'utf8')
    t.true(code.includes('// → '))
    const outcome = await ended(start(command(`migrate/${name}`)))
    t.is(problemOf({place: name, code}, outcome), undefined)
    t.is(outcome.stderr, '')
  })
