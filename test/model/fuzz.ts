/** More runs than the tests make: `npm run fuzz -- --runs N [--seed S] [--kind KIND [--path P]]`. */
import {parseArgs} from 'node:util'
import {judge, shares} from './kinds.js'

const {values} = parseArgs({
  options: {
    runs: {type: 'string', default: '20000'},
    seed: {type: 'string', default: String(Date.now() & 0x7f_ff_ff_ff)},
    path: {type: 'string'},
    kind: {type: 'string'},
  },
})
const kinds = [...shares].filter(([kind]) => values.kind === undefined || kind === values.kind)
if (kinds.length === 0) throw new RangeError(`--kind must be one of: ${[...shares.keys()].join(', ')}`)
if (values.path !== undefined && kinds.length > 1)
  throw new RangeError('--path needs the --kind that it was found with')

const seed = Number(values.seed)
let all = 0
let findings = 0
console.log(`seed ${seed}`)
for (const [kind, share] of kinds) {
  const numRuns = Math.ceil(Number(values.runs) * (kinds.length === 1 ? 1 : share))
  const {made, report} = await judge(kind, {numRuns, seed, ...(values.path !== undefined && {path: values.path})})
  all += made
  console.log(`${kind}: ${made} runs`)
  if (report === undefined) continue
  findings++
  console.log(`\n${report}\n`)
}
console.log(`${all} runs, ${findings} findings`)
process.exitCode = findings === 0 ? 0 : 1
