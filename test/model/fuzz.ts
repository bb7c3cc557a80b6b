/** More runs than the tests make: `npm run fuzz -- --runs N [--seed S] [--path P] [--source KIND]`. */
import {parseArgs} from 'node:util'
import * as fc from 'fast-check'
import {check} from './check.js'
import {reportOf} from './report.js'
import {scenario} from './scenario.js'
import {type SourceKind, sourceKinds} from './sources.js'

const {values} = parseArgs({
  options: {
    runs: {type: 'string', default: '20000'},
    seed: {type: 'string', default: String(Date.now() & 0x7f_ff_ff_ff)},
    path: {type: 'string'},
    source: {type: 'string'},
  },
})
const kinds = sourceKinds.filter((kind: SourceKind) => values.source === undefined || kind === values.source)
if (kinds.length === 0) throw new RangeError(`--source must be one of: ${sourceKinds.join(', ')}`)
if (values.path !== undefined && kinds.length > 1)
  throw new RangeError('--path needs the --source that it was found with')

const seed = Number(values.seed)
let made = 0
let findings = 0
console.log(`seed ${seed}`)
for (const kind of kinds) {
  const numRuns = Math.ceil(Number(values.runs) / kinds.length)
  const property = fc.asyncProperty(scenario(kind), fc.scheduler(), check)
  const path = values.path === undefined ? {} : {path: values.path, endOnFailure: true}
  const details = await fc.check(property, {numRuns, seed, ...path})
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
