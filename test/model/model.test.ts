/**
 * Whatever happens to a run, it keeps the contract: 25,000 random runs, the same each time, while `npm run fuzz` makes
 * new ones. A failure prints its seed and path, with which `npm run fuzz` makes it again.
 */
import test from 'ava'
import {judge, type Kind, shares} from './kinds.js'

const titles: Partial<Record<Kind, string>> = {
  policies: 'retries and a governor keep the contract',
  restarts: 'each push is answered once, whatever runners come and go',
}

// One after the other: each run takes over the clock and the timers.
for (const [kind, share] of shares) {
  const numRuns = Math.ceil(25_000 * share)
  const title = titles[kind] ?? `a runner keeps the contract, its source being: ${kind}`
  test.serial(`in ${numRuns} random runs ${title}`, async (t) => {
    t.timeout(600_000, 'on a machine that is very busy')
    const {made, report} = await judge(kind, {numRuns, seed: 1})
    t.log(`${made} runs`)
    t.is(report, undefined)
  })
}
