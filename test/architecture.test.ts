/** What `src` must be that the linter cannot say; who may import whom stands in `.oxlintrc.json`. */
import {readdirSync, readFileSync} from 'node:fs'
import test from 'ava'

const folder = new URL('../src/', import.meta.url)

const files: ReadonlyArray<{readonly name: string; readonly text: string}> = readdirSync(folder, {
  recursive: true,
  encoding: 'utf8',
})
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({name, text: readFileSync(new URL(name, folder), 'utf8')}))

test('every file of src begins with a comment that says its one job', (t) => {
  t.true(files.some(({name}) => name === 'index.ts'))
  for (const {name, text} of files) t.regex(text, /^\/\*\* \S.{20,}\. \*\/\n/, name)
})

test('the dependencies at run time are eventemitter3 and p-defer', (t) => {
  const {dependencies} = JSON.parse(readFileSync(new URL('../package.json', folder), 'utf8')) as {dependencies: object}
  t.deepEqual(Object.keys(dependencies).sort(), ['eventemitter3', 'p-defer'])
})

test('types.ts has no code that runs', (t) => {
  const {text = ''} = files.find(({name}) => name === 'types.ts') ?? {}
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '')
  t.regex(code, /^export (type|interface) /m)
  t.notRegex(code, /^(?!import type )import |^\s*(?:export\s+)?(?:const|let|var|function|class|enum)\b/m)
})
