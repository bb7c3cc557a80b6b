/** A few random runs of the models, the same each time, for what no test of its own has noticed. */
import test from 'ava'
import {judge, shares} from '../model/kinds.js'

for (const [kind, share] of shares)
  test.serial(`the model agrees: ${kind}`, async (t) => {
    const {report} = await judge(kind, {numRuns: Math.ceil(900 * share), seed: 1, endOnFailure: true})
    t.is(report, undefined)
  })
