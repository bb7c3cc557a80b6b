/**
 * Runs the suite on Node 20, 22, 24 and 26, Bun, Deno and Chromium, and prints how it went. Run by
 * `npm run test:runtimes`; names such as `bun` after `--` choose some of them, `--json` prints JSON.
 */
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {runAva} from './ava.js'
import {bun, deno, nodes, versionOf} from './binaries.js'
import {installBuilt} from './built.js'
import {runChromium} from './chromium.js'
import {runPrograms} from './programs.js'
import {requireBuilt} from './require.js'
import {exampleFiles} from './suite.js'
import {reasons, table} from './table.js'
import {type Tally, tally} from './tally.js'

const args = process.argv.slice(2)
const chosen = args.filter((arg) => !arg.startsWith('--')).map((name) => name.toLowerCase())
const unknown = chosen.find((name) => !['node', 'bun', 'deno', 'chromium'].includes(name))
if (unknown !== undefined) throw new RangeError(`no runtime is called ${unknown}`)
const isChosen = (name: string): boolean => chosen.length === 0 || chosen.includes(name)
const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-runtimes-'))
const tallies: Tally[] = []
let census: Map<string, number> | undefined

function note(result: Tally): void {
  tallies.push(result)
  console.error(`${result.runtime} ${result.version}: ${result.passed} passed, ${result.failures.length} failed`)
  for (const failure of result.failures) console.error(`\n✘ ${failure}`)
}

try {
  await installBuilt(folder)
  if (isChosen('node'))
    for (const node of nodes) {
      const reports = await runAva(node.program)
      census ??= new Map([...reports].map(([file, {passed, failed}]) => [file, passed.length + failed.length]))
      reports.set("require('aio-tasks')", await requireBuilt(node.program, folder))
      note(tally({runtime: node.name, version: await versionOf(node)}, reports, census))
    }
  if (isChosen('bun'))
    note(tally({runtime: 'Bun', version: await versionOf(bun)}, await runPrograms([bun.program], folder), census))
  if (isChosen('deno')) {
    const command = [
      deno.program,
      'run',
      '-A',
      '--quiet',
      '--no-lock',
      '--cached-only',
      '--node-modules-dir=manual',
    ] as const
    note(tally({runtime: 'Deno', version: await versionOf(deno)}, await runPrograms(command, folder), census))
  }
  if (isChosen('chromium')) {
    const {version, reports} = await runChromium(folder)
    note(tally({runtime: 'Chromium', version}, reports, census))
  }
} finally {
  rmSync(folder, {recursive: true, force: true})
}

if (args.includes('--json')) console.log(JSON.stringify(tallies, undefined, 2))
else {
  console.log(`\n${table(tallies)}\n\n${reasons(tallies)}`)
  console.log(`Left out everywhere: test/examples, ${exampleFiles().length} files, which npm run examples runs.`)
}
if (tallies.some(({failures}) => failures.length > 0)) process.exitCode = 1
