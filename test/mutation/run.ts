/**
 * Breaks the library one operator at a time, and lists the breaks that no test notices. Run by `npm run mutation`;
 * after `--`: `--file src/run.ts` (as often as wanted), `--sample N [--seed S]`, `--processes N`, `--json FILE`,
 * `--least SCORE` to fail below it, `--tests test/ending.test.ts` (as often as wanted) to run no other tests.
 */
import {writeFileSync} from 'node:fs'
import {availableParallelism} from 'node:os'
import {parseArgs} from 'node:util'
import {baseline} from './baseline.js'
import {instrument} from './mutants.js'
import {score, survivors, table} from './report.js'
import {sample} from './sample.js'
import {root} from './suite.js'
import {judge} from './verdict.js'
import {workshop} from './workshop.js'

const {values} = parseArgs({
  options: {
    file: {type: 'string', multiple: true, default: []},
    tests: {type: 'string', multiple: true, default: []},
    sample: {type: 'string'},
    seed: {type: 'string', default: '1'},
    processes: {type: 'string', default: String(availableParallelism())},
    json: {type: 'string'},
    least: {type: 'string', default: '0'},
  },
})
const instrumented = await instrument(root)
const unknown = values.file.find((file) => !instrumented.sources.has(file))
if (unknown !== undefined) throw new RangeError(`${unknown} is no file of the library's; --file src/run.ts is`)
const ofFiles = instrumented.mutants.filter(({file}) => values.file.length === 0 || values.file.includes(file))
const mutants = values.sample === undefined ? ofFiles : sample(ofFiles, Number(values.sample), Number(values.seed))
const shop = await workshop(instrumented)
try {
  const tests = await baseline(shop, values.tests)
  console.log(`${tests.tests} tests pass without a mutant, in ${tests.seconds.toFixed(1)} s; ${mutants.length} mutants`)
  for (const test of tests.leftOut) console.log(`left out, since it fails without a mutant: ${test}`)
  const startedAt = performance.now()
  let done = 0
  const processes = Number(values.processes)
  const verdicts = await judge(mutants, {shop, tests, processes}, (verdict) => {
    const {file, line, status, ms} = verdict
    done++
    const survivor = survivors([verdict])
    if (survivor !== '') console.log(survivor)
    if (done % 100 === 0 || ms > 20_000)
      console.error(`${done} of ${mutants.length}: ${file}:${line} ${status} in ${(ms / 1000).toFixed(1)} s`)
  })
  console.log(`\n${table(verdicts)}`)
  console.log(`In ${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes.`)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({score: score(verdicts), verdicts}, null, 2))
  if (score(verdicts) < Number(values.least)) process.exitCode = 1
} finally {
  shop.dispose()
}
