/**
 * The TypeScript snippets of the README and of the other pages are programs: they compile, run, end by themselves, and
 * print what their comments `// → line` say. Where there is no such comment, what they print is not compared.
 */
import {existsSync} from 'node:fs'
import {readdir, readFile} from 'node:fs/promises'
import {availableParallelism} from 'node:os'
import {dirname, join} from 'node:path'
import test from 'ava'
import {ConcurrentRunner} from '../src/index.js'
import {
  compile,
  documentSnippets,
  documents,
  type Ended,
  needsServer,
  problemOf,
  removeFolder,
  root,
  runSnippet,
  snippetFolder,
} from './helpers/snippets.js'

test('every TypeScript snippet of every page compiles on its own, runs, ends and prints what it says', async (t) => {
  const snippets = (await Promise.all(documents.map(documentSnippets))).flat()
  t.true(snippets.length > 3)
  const folder = await snippetFolder(snippets)
  t.teardown(() => removeFolder(folder))
  t.is(await compile(folder), '')
  const check = async (snippet: (typeof snippets)[number]): Promise<string | undefined> =>
    problemOf(snippet, await runSnippet(folder, snippet))
  const alone = snippets.filter((snippet) => !needsServer(snippet))
  const problems = await ConcurrentRunner.map(alone, check, {limit: availableParallelism()}).toArray()
  t.is(problems.length, alone.length)
  t.deepEqual(
    problems.filter((problem) => problem !== undefined),
    [],
  )
})

/** What is in a page under which name: as GitHub makes anchors of headings. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

test('every link of every page to another file, or to a heading, leads somewhere', async (t) => {
  const dead: string[] = []
  for (const document of documents) {
    const text = await readFile(join(root, document), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : join(dirname(document), path)
      const isThere = existsSync(join(root, file))
      if (isThere && anchor === undefined) continue
      if (!isThere || !anchorsOf(await readFile(join(root, file), 'utf8')).includes(anchor ?? ''))
        dead.push(`${document}: ${target}`)
    }
  }
  t.deepEqual(dead, [])
})

test('every method that the map of the sources names is there', async (t) => {
  const names = (await readdir(join(root, 'src'), {recursive: true})).filter((name) => name.endsWith('.ts'))
  const sources = (await Promise.all(names.map((name) => readFile(join(root, 'src', name), 'utf8')))).join('\n')
  const text = await readFile(join(root, 'src/README.md'), 'utf8')
  const methods = [...text.matchAll(/`(?:\w+\.)?(#?\w+)\(\)`/g)].map(([, name = '']) => name)
  t.true(methods.length > 20)
  t.deepEqual(
    methods.filter(
      (name) => !new RegExp(`^(?: {2}(?:async |protected )?|export function )${name}[(<]`, 'm').test(sources),
    ),
    [],
  )
})

test('every file that the page about the tests names is there', async (t) => {
  const text = await readFile(join(root, 'test/README.md'), 'utf8')
  const names = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map(([, name = '']) => name)
  t.true(names.length > 20)
  t.deepEqual(
    names.filter((name) => !existsSync(join(root, 'test', name))),
    [],
  )
})

/** The text files in a folder and below it, but for packages and what is built. */
async function textFiles(folder: string): Promise<string[]> {
  const names: string[] = []
  for (const entry of await readdir(join(root, folder), {withFileTypes: true})) {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) names.push(...(/\.(?:md|ts|js|json|yml)$|^run$/.test(path) ? [path] : []))
    else if (!['node_modules', 'dist', '.git', 'coverage'].includes(entry.name)) names.push(...(await textFiles(path)))
  }
  return names
}

test('every npm script that a page or a source file names is there', async (t) => {
  const {scripts} = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {scripts: Record<string, string>}
  const missing: string[] = []
  let named = 0
  for (const file of await textFiles('.'))
    for (const [, script = ''] of (await readFile(join(root, file), 'utf8')).matchAll(/npm run ([\w:-]+)/g)) {
      named++
      if (scripts[script] === undefined) missing.push(`${file}: npm run ${script}`)
    }
  t.true(named > 20)
  t.deepEqual(missing, [])
})

test('the README is at most 350 lines long, and its first snippet is ten lines of JavaScript that print what it says', async (t) => {
  const text = await readFile(join(root, 'README.md'), 'utf8')
  t.true(text.split('\n').length <= 351)
  const [first] = await documentSnippets('README.md')
  const [, printed] = /^```ts\n.*?^```\n.*?^```\n(.*?)^```$/ms.exec(text) ?? []
  t.truthy(printed)
  t.true((first?.code.trim().split('\n').length ?? 0) <= 10)
  const snippet = {place: 'README.md:1', code: first?.code ?? ''}
  const folder = await snippetFolder([snippet])
  t.teardown(() => removeFolder(folder))
  const {stdout, status} = await runSnippet(folder, snippet)
  t.deepEqual({stdout, status}, {stdout: printed, status: 0})
})

// The check itself

const judged = test.macro({
  exec(t, code: string, ended: Partial<Ended>, expected: RegExp | undefined) {
    const problem = problemOf({place: 'README.md:7', code}, {status: 0, stdout: '', stderr: '', ...ended})
    if (expected === undefined) t.is(problem, undefined)
    else t.regex(problem ?? 'nothing wrong', expected)
  },
  title: (title) => `a snippet ${title}`,
})
test('that ends well is right', judged, 'run()', {stdout: 'anything\n'}, undefined)
test(
  'that fails is wrong',
  judged,
  'run()',
  {status: 1, stderr: 'Error: no'},
  /README\.md:7 ends with status 1\nError: no/,
)
test('that hangs is wrong', judged, 'run()', {status: null}, /does not end by itself/)
test('that prints what it says is right', judged, 'log(1) // → 1\n// → 2 a', {stdout: '1\n2 a\n'}, undefined)
test('that prints something else is wrong', judged, 'log(1) // → 1', {stdout: '2\n'}, /promises\n1\nand prints\n2/)
test('that prints more is wrong', judged, 'log(1) // → 1', {stdout: '1\n2\n'}, /promises\n1\nand prints\n1\n2/)
test('that prints less is wrong', judged, 'log(1) // → 1\n// → 2', {stdout: '1\n'}, /promises\n1\n2\nand prints\n1/)
