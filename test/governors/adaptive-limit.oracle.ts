/** Judges `AdaptiveLimit` by what it promises of each single step, whatever the limit is. */
import {AdaptiveLimit, type Outcome} from '../../src/governors/index.js'
import {Random} from '../helpers/random.js'
import {assert, type Caller, Callers, outcomes} from './callers.js'
import {settled, type VirtualClock} from './virtual-clock.js'

/** Throws when a step is wrong. Gives the number of permits. */
export async function checkAdaptiveLimit(clock: VirtualClock, seed: number, steps: number): Promise<number> {
  const random = new Random(seed)
  const min = random.integer(1, 4)
  const max = min + random.integer(0, 30)
  const start = random.integer(min, max)
  const adaptive = new AdaptiveLimit({min, max, start})
  const callers = new Callers(adaptive, () => clock.now)
  const isDemanding = random.chance(0.5)
  const overloads = random.fraction() * 0.3
  /** Permits that were given before the limit was last cut: their overloads are told of by that. */
  let excused = new Set<Caller>()
  /** Limits so far. */
  const seen = new Set([start])
  let hasLearned = false
  let permits = 0

  for (let step = 0; step < steps; step++) {
    const before = adaptive.limit
    const open = callers.holding.length
    switch (random.integer(0, 6)) {
      case 0:
      case 1:
      case 2:
        if (callers.waiting.length < (isDemanding ? 20 : 1)) callers.acquire(random, random.integer(0, 3))
        assert(adaptive.limit === before, 'a request changes no limit')
        break
      case 3:
        callers.giveUp(random)
        assert(adaptive.limit === before, 'giving up changes no limit')
        break
      case 4: {
        const fits = callers.waiting.length === 0 && open < before
        assert(callers.tryAcquire(1) === fits, 'tryAcquire gives a permit exactly if one can be had')
        break
      }
      default: {
        const caller = callers.takeOne(random)
        if (caller === undefined) break
        const isOverload = random.chance(overloads)
        const outcome = isOverload ? outcomes[3] : random.pick<Outcome | undefined>(outcomes)
        caller.permit?.release(outcome)
        const after = adaptive.limit
        if (outcome?.status === 'failed' && outcome === outcomes[3]) {
          if (excused.has(caller)) assert(after === before, 'overloads of one round trip make one cut')
          else {
            const isTenth = after <= before && after >= Math.floor(before * 0.9) - 1
            const isEarlier = after < before && after >= Math.floor(before / 2) - 1 && seen.has(after)
            assert(isTenth || isEarlier, `a cut takes a tenth, or goes back: ${before} to ${after}`)
            assert(after >= min, 'no cut goes below min')
            excused = new Set(callers.holding)
            hasLearned = true
          }
        } else if (outcome === undefined || outcome.status === 'ok') {
          if (open < before / 2) assert(after === before, 'the limit grows only while half of it is in use')
          else {
            assert(after === before || after === before + 1, 'a success adds one at most')
            hasLearned = true
          }
        } else assert(after === before, `${outcome.status} changes no limit`)
        caller.permit?.release(outcomes[3])
        assert(adaptive.limit === after, 'a second release changes nothing')
        excused.delete(caller)
      }
    }
    await settled()
    permits += callers.granted.splice(0).length
    const {limit} = adaptive
    seen.add(limit)
    assert(Number.isSafeInteger(limit) && limit >= min && limit <= max, `the limit ${limit} is from ${min} to ${max}`)
    if (callers.holding.length > open) assert(callers.holding.length <= limit, 'nobody starts beyond the limit')
    if (callers.waiting.length > 0) assert(callers.holding.length >= limit, 'the first waits only at the limit')
    if (callers.holding.length > 0 || callers.waiting.length > 0) assert(!adaptive.isIdle, 'in use it is not idle')
    else if (!hasLearned) assert(adaptive.isIdle, 'as long as nothing was learned it is idle when nobody uses it')
    else if (limit !== start) assert(!adaptive.isIdle, 'with another limit than the first it is not idle')
    assert(clock.timers === 0, 'there is no timer')
    if (step % 16 === 0) callers.checkListeners()
  }
  return permits
}
