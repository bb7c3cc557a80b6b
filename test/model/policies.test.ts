/** Retries and governors keep the contract together with all else, in 20,000 random runs, the same each time. */
import test from 'ava'
import * as fc from 'fast-check'
import {checkPolicies, policies} from './policies.js'

const seed = 1
const numRuns = 20_000

test.serial(`in ${numRuns} random runs retries and a governor keep the contract`, async (t) => {
  t.timeout(600_000, 'on a machine that is very busy')
  const details = await fc.check(fc.asyncProperty(policies, fc.scheduler(), checkPolicies), {numRuns, seed})
  t.log(`${details.numRuns} runs, seed ${seed}`)
  if (!details.failed) return t.pass()
  const scenario = fc.stringify(details.counterexample?.[0])
  const command = `npx tsx test/model/policies.fuzz.ts ${numRuns} ${seed} ${details.counterexamplePath}`
  return t.fail(`${scenario}\n${String(details.errorInstance)}\nAgain: ${command}`)
})
