/** A queue keeps what was pushed whatever runners come and go: random services, the same each time. */
import test from 'ava'
import * as fc from 'fast-check'
import {reportOf} from './report.js'
import {checkRestarts, restarts} from './restarts.js'

const seed = 1
const numRuns = 10_000

test.serial(`in ${numRuns} random services each push is answered once, whatever runners come and go`, async (t) => {
  t.timeout(600_000, 'on a machine that is very busy')
  const details = await fc.check(fc.asyncProperty(restarts, fc.scheduler(), checkRestarts), {numRuns, seed})
  t.log(`${details.numRuns} runs, seed ${seed}`)
  if (!details.failed) return t.pass()
  const command = `npm run fuzz -- --source restarts --seed ${seed} --path ${details.counterexamplePath}`
  return t.fail(`${reportOf(details)}\nAgain: ${command}`)
})
