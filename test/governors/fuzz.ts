/** More steps than the tests make: `tsx test/governors/fuzz.ts [--steps 1000000] [--seed S] [--only NAME]`. */
import {parseArgs} from 'node:util'
import {checkGroups} from '../queue/groups.oracle.js'
import {checkAdaptiveLimit} from './adaptive-limit.oracle.js'
import {checkAll} from './all.oracle.js'
import {checkRateLimit} from './rate-limit.oracle.js'
import {checkRetryBudget} from './retry-budget.oracle.js'
import {checkSemaphore} from './semaphore.oracle.js'
import {VirtualClock} from './virtual-clock.js'

const {values} = parseArgs({
  options: {
    steps: {type: 'string', default: '1000000'},
    seed: {type: 'string', default: String(Date.now() & 0x7f_ff_ff_ff)},
    only: {type: 'string'},
  },
})
const oracles: Readonly<
  Record<string, (clock: VirtualClock, seed: number, steps: number) => number | Promise<number>>
> = {
  Semaphore: checkSemaphore,
  RateLimit: checkRateLimit,
  AdaptiveLimit: checkAdaptiveLimit,
  RetryBudget: (_, seed, steps) => checkRetryBudget(seed, steps),
  all: checkAll,
  groups: checkGroups,
}
const perSeed = 1000
const first = Number(values.seed)
let findings = 0
for (const [name, check] of Object.entries(oracles)) {
  if (values.only !== undefined && values.only !== name) continue
  let [steps, permits] = [0, 0]
  for (let seed = first; steps < Number(values.steps); seed++) {
    const clock = VirtualClock.install()
    try {
      permits += await check(clock, seed, perSeed)
      steps += perSeed
    } catch (error) {
      findings++
      console.log(`${name}, seed ${seed}:`, error)
      break
    } finally {
      VirtualClock.uninstall()
    }
  }
  console.log(`${name}: ${steps} ${name === 'all' ? 'acquisitions' : 'steps'}, ${permits} granted, from seed ${first}`)
}
process.exitCode = findings === 0 ? 0 : 1
