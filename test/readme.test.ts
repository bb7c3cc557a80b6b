/**
 * The README's TypeScript snippets are programs: they compile, run, end by themselves, and print what their
 * comments `// → line` say. Where there is no such comment, what they print is not compared.
 */
import {readFile} from 'node:fs/promises'
import {availableParallelism} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {ConcurrentRunner} from '../src/index.js'
import {
  compile,
  type Ended,
  needsRedis,
  notesSnippets,
  problemOf,
  readmeSnippets,
  removeFolder,
  root,
  runSnippet,
  snippetFolder,
} from './helpers/snippets.js'

test('every TypeScript snippet of the README and of the notes in the package compiles on its own, runs, ends and prints what it says', async (t) => {
  const snippets = [...(await readmeSnippets()), ...(await notesSnippets())]
  t.true(snippets.length > 3)
  const folder = await snippetFolder(snippets)
  t.teardown(() => removeFolder(folder))
  t.is(await compile(folder), '')
  const check = async (snippet: (typeof snippets)[number]): Promise<string | undefined> =>
    problemOf(snippet, await runSnippet(folder, snippet))
  const alone = snippets.filter((snippet) => !needsRedis(snippet))
  const problems = await ConcurrentRunner.map(alone, check, {limit: availableParallelism()}).toArray()
  t.is(problems.length, alone.length)
  t.deepEqual(
    problems.filter((problem) => problem !== undefined),
    [],
  )
})

test('the first snippet of the README is the quickstart example', async (t) => {
  const quickstart = await readFile(join(root, 'examples/quickstart.ts'), 'utf8')
  const [first] = await readmeSnippets()
  t.true(quickstart.includes(first?.code ?? 'no snippet'))
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
