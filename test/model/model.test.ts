/**
 * Whatever happens to a run, it keeps the contract: 20,000 random runs, the same each time, while `npm run fuzz`
 * makes new ones. A failure prints its seed and path, with which `npm run fuzz` makes it again.
 */
import test from 'ava'
import * as fc from 'fast-check'
import {check} from './check.js'
import {reportOf} from './report.js'
import {scenario} from './scenario.js'
import {sourceKinds} from './sources.js'

const seed = 1
const numRuns = Math.ceil(20_000 / sourceKinds.length)

// One after the other: each run takes over the clock and the timers.
for (const kind of sourceKinds) {
  test.serial(`in ${numRuns} random runs a runner keeps the contract, its source being: ${kind}`, async (t) => {
    t.timeout(600_000, 'on a machine that is very busy')
    const details = await fc.check(fc.asyncProperty(scenario(kind), fc.scheduler(), check), {numRuns, seed})
    t.log(`${details.numRuns} runs, seed ${seed}`)
    if (!details.failed) return t.pass()
    const command = `npm run fuzz -- --source '${kind}' --seed ${seed} --path ${details.counterexamplePath}`
    return t.fail(`${reportOf(details)}\nAgain: ${command}`)
  })
}
