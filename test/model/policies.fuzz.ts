/** More runs of the model of policies: `tsx test/model/policies.fuzz.ts RUNS [SEED [PATH]]`. */
import * as fc from 'fast-check'
import {checkPolicies, policies} from './policies.js'

const [runs = '20000', seed = String(Date.now() & 0x7f_ff_ff_ff), path] = process.argv.slice(2)
const property = fc.asyncProperty(policies, fc.scheduler(), checkPolicies)
const replay = path === undefined ? {} : {path, endOnFailure: true}
const details = await fc.check(property, {numRuns: Number(runs), seed: Number(seed), ...replay})
console.log(`${details.numRuns} runs, seed ${seed}`)
if (details.failed) {
  console.log(fc.stringify(details.counterexample?.[0]))
  console.log(String(details.errorInstance))
  console.log(`Again: npx tsx test/model/policies.fuzz.ts ${runs} ${seed} ${details.counterexamplePath}`)
  process.exitCode = 1
}
