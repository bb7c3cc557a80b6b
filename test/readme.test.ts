/** The README's TypeScript snippets compile, each on its own, and the first one is the quickstart. */
import {execFile} from 'node:child_process'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import test from 'ava'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(join(root, 'README.md'), 'utf8')
const snippets = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)

test('every TypeScript snippet of the README compiles on its own', async (t) => {
  t.true(snippets.length > 3)
  // Inside the project, where `aio-tasks` and the types of Node are found.
  const folder = await mkdtemp(join(root, 'node_modules', '.snippets-'))
  t.teardown(() => rm(folder, {recursive: true}))
  await Promise.all(
    snippets.map((code, index) => writeFile(join(folder, `snippet-${index}.ts`), `${code}\nexport {}\n`)),
  )
  const paths = {'aio-tasks': [join(root, 'src/index.ts')], 'aio-tasks/bullmq': [join(root, 'src/bullmq/index.ts')]}
  const compilerOptions = {paths, noEmit: true, isolatedDeclarations: false, declaration: false, noUnusedLocals: false}
  const config = {extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: []}
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await t.notThrowsAsync(
    promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch((error: {stdout: string}) => {
      throw new Error(error.stdout)
    }),
  )
})

test('the first snippet of the README is the quickstart example', async (t) => {
  const quickstart = await readFile(join(root, 'examples/quickstart.ts'), 'utf8')
  t.true(quickstart.includes(snippets[0] ?? 'no snippet'))
})
