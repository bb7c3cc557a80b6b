/** A few random runs of the models, the same each time, for what no test of its own has noticed. */
import test from 'ava'
import * as fc from 'fast-check'
import {check} from '../model/check.js'
import {checkPolicies, policies} from '../model/policies.js'
import {checkRestarts, restarts} from '../model/restarts.js'
import {scenario} from '../model/scenario.js'
import {sourceKinds} from '../model/sources.js'

const seed = 1
const numRuns = Math.ceil(300 / sourceKinds.length)

for (const kind of sourceKinds)
  test.serial(`the model agrees, the source being: ${kind}`, async (t) => {
    const property = fc.asyncProperty(scenario(kind), fc.scheduler(), check)
    const {failed} = await fc.check(property, {numRuns, seed, endOnFailure: true})
    t.false(failed)
  })

test.serial('the model of retries and governors agrees', async (t) => {
  const property = fc.asyncProperty(policies, fc.scheduler(), checkPolicies)
  const {failed} = await fc.check(property, {numRuns: 100, seed, endOnFailure: true})
  t.false(failed)
})

test.serial('the model of a queue whose runners come and go agrees', async (t) => {
  const property = fc.asyncProperty(restarts, fc.scheduler(), checkRestarts)
  const {failed} = await fc.check(property, {numRuns: 100, seed, endOnFailure: true})
  t.false(failed)
})
