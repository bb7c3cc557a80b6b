/**
 * Runs AVA quietly, by `npm test`: failures as AVA tells them, and a line for each file. `npm test -- --built` builds, and
 * tests what is built; see `hooks.js`. Other arguments go to AVA; with a file of tests among them, AVA tells everything.
 */
import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'
import {prepare} from './typescript-hooks.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const given = process.argv.slice(2)
const isBuilt = given.includes('--built')
const args = given.filter((arg) => arg !== '--built')
const isWhole = args.every((arg) => arg.startsWith('-'))
/** All but the tests of parts that no entry exports, of the sources' text, of the examples' arguments, and of tools. */
const others = ['unit/**', 'architecture.test.ts', 'docs.test.ts', 'examples/usage.test.ts', 'mutation/**']
const ofEntries = ['test/**/*.test.ts', ...others.map((pattern) => `!test/${pattern}`)]
const files = isBuilt && isWhole ? ofEntries : []
// Node 26 warns of what `preload.js` calls, on the stderr of programs whose stderr the tests look at.
const preload = isBuilt ? ` --import=${new URL('preload.js', import.meta.url).href} --disable-warning=DEP0205` : ''

/** The TypeScript in a folder and below it, but for packages, as paths from there. */
const sourcesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), {withFileTypes: true}).flatMap((entry) => {
    if (entry.isDirectory() && entry.name !== 'node_modules')
      return sourcesIn(join(folder, entry.name)).map((name) => join(entry.name, name))
    return /(?<!\.d)\.ts$/.test(entry.name) ? [entry.name] : []
  })

/** How AVA writes a file's name before the title of a test. */
const prefixes = sourcesIn('test')
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => name.replace('.test.ts', '').split(/[\\/]/).join(' › '))

await prepare(
  ['src', 'test', 'examples'].flatMap((folder) => sourcesIn(folder).map((name) => join(root, folder, name))),
)

if (isBuilt)
  execFileSync(process.execPath, [...process.execArgv, '.config/build.ts'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })

const ava = spawn(process.execPath, [join(root, 'node_modules/ava/entrypoints/cli.mjs'), ...files, ...args], {
  cwd: root,
  env: {...process.env, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''}${preload}`.trim()},
  stdio: ['inherit', isWhole ? 'pipe' : 'inherit', 'inherit'],
})
const closed = once(ava, 'close')
if (ava.stdout) await summarise(ava.stdout)
const [status] = (await closed) as [number | null]
process.exitCode = status ?? 1

/** Counts what passed by file, and passes everything else on; the lines of the files come before AVA's sum. */
async function summarise(output: NodeJS.ReadableStream): Promise<void> {
  const counts = new Map<string, number>()
  let isPass = false
  for await (const line of createInterface({input: output})) {
    const [, title] = /^ {2}✔ (.*)/.exec(line) ?? []
    if (title !== undefined) {
      const file = prefixes.find((prefix) => title.startsWith(`${prefix} › `)) ?? 'others'
      counts.set(file, (counts.get(file) ?? 0) + 1)
      isPass = true
    } else if (!isPass || !/^ {4}/.test(line)) {
      // What is indented below a test that passed is what it logs.
      isPass = false
      if (line === '  ─') {
        for (const file of [...counts.keys()].toSorted())
          console.log(`  ${String(counts.get(file)).padStart(4)} ✔ ${file}`)
        counts.clear()
      }
      console.log(line)
    }
  }
}
