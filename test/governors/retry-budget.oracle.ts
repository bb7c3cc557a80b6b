/** Judges `RetryBudget` by lists of the attempts that run and the retries that wait. */
import {RetryBudget} from '../../src/governors/index.js'
import {Random} from '../helpers/random.js'
import {assert} from './callers.js'

/** Throws when a step is wrong. Gives the number of retries. */
export function checkRetryBudget(seed: number, steps: number): number {
  const random = new Random(seed)
  const ratio = random.pick([0, 0.1, 0.25, 0.5, 1, 2])
  const min = random.integer(0, 5)
  const budget = new RetryBudget({ratio, min})
  let [running, retrying, waiting, retries] = [0, 0, 0, 0]
  for (let step = 0; step < steps; step++) {
    switch (random.integer(0, 3)) {
      case 0:
        running++
        budget.enter()
        break
      case 1: {
        if (running === 0) break
        running--
        budget.leave()
        if (retrying > 0 && random.chance(retrying / (running + 1))) {
          retrying--
          budget.give()
        }
        if (!random.chance(0.7)) break // it succeeded
        const allowed = Math.max(min, ratio * running)
        const isGiven = budget.take()
        assert(isGiven === waiting + retrying + 1 <= allowed, `${waiting + retrying} of ${allowed}: ${isGiven}`)
        if (isGiven) waiting++
        break
      }
      case 2:
        if (waiting === 0) break
        waiting--
        if (random.chance(0.2)) {
          budget.give() // given up while it waited
          break
        }
        retries++
        retrying++
        running++
        budget.enter()
        break
      default:
    }
  }
  return retries
}
