/**
 * More runs than the tests make: `npm run fuzz -- --runs N [--seed S] [--path P] [--source KIND]`. Beside the kinds of
 * sources there is `restarts`: one queue, whose runners come and go.
 */
import {parseArgs} from 'node:util'
import * as fc from 'fast-check'
import {check} from './check.js'
import {reportOf} from './report.js'
import {checkRestarts, restarts} from './restarts.js'
import {scenario} from './scenario.js'
import {sourceKinds} from './sources.js'

const {values} = parseArgs({
  options: {
    runs: {type: 'string', default: '20000'},
    seed: {type: 'string', default: String(Date.now() & 0x7f_ff_ff_ff)},
    path: {type: 'string'},
    source: {type: 'string'},
  },
})
const allKinds = [...sourceKinds, 'restarts'] as const
const kinds = allKinds.filter((kind) => values.source === undefined || kind === values.source)
if (kinds.length === 0) throw new RangeError(`--source must be one of: ${allKinds.join(', ')}`)
if (values.path !== undefined && kinds.length > 1)
  throw new RangeError('--path needs the --source that it was found with')

const seed = Number(values.seed)
let made = 0
let findings = 0
console.log(`seed ${seed}`)
for (const kind of kinds) {
  const numRuns = Math.ceil(Number(values.runs) / kinds.length)
  const path = values.path === undefined ? {} : {path: values.path, endOnFailure: true}
  const parameters = {numRuns, seed, ...path}
  const details =
    kind === 'restarts'
      ? await fc.check(fc.asyncProperty(restarts, fc.scheduler(), checkRestarts), parameters)
      : await fc.check(fc.asyncProperty(scenario(kind), fc.scheduler(), check), parameters)
  made += details.numRuns
  if (!details.failed) {
    console.log(`${kind}: ${details.numRuns} runs`)
    continue
  }
  findings++
  console.log(`\n${kind}: found in run ${details.numRuns}, shrunk ${details.numShrinks} times`)
  console.log(reportOf(details))
  console.log(`Again: npm run fuzz -- --source '${kind}' --seed ${seed} --path ${details.counterexamplePath}\n`)
}
console.log(`${made} runs, ${findings} findings`)
process.exitCode = findings === 0 ? 0 : 1
