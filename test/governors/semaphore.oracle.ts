/** Judges `Semaphore` by a count of the places that its callers hold. */
import {type Outcome, Semaphore} from '../../src/governors/index.js'
import {Random} from '../helpers/random.js'
import {assert, type Caller, Callers, outcomes} from './callers.js'
import {settled, type VirtualClock} from './virtual-clock.js'

/** Throws when a step is wrong. Gives the number of permits. */
export async function checkSemaphore(clock: VirtualClock, seed: number, steps: number): Promise<number> {
  const random = new Random(seed)
  const semaphore = new Semaphore(random.integer(1, 8))
  const callers = new Callers(semaphore, () => clock.now)
  const places = new Map<Caller, number>()
  let permits = 0

  const taken = (): number => [...places.values()].reduce((sum, cost) => sum + cost, 0)
  const charged = (cost: number): number => Math.min(cost, semaphore.capacity)
  const cost = (): number => random.pick([1, 1, 1, 1, 0, 0.5, random.integer(1, 8), 20])

  for (let step = 0; step < steps; step++) {
    switch (random.integer(0, 6)) {
      case 0:
      case 1:
        if (callers.waiting.length < 20) callers.acquire(random, cost())
        break
      case 2:
        callers.giveUp(random)
        break
      case 3: {
        const asked = cost()
        const fits = callers.waiting.length === 0 && taken() + charged(asked) <= semaphore.capacity
        assert(callers.tryAcquire(asked) === fits, 'tryAcquire gives a permit exactly if one can be had')
        break
      }
      case 4:
        if (random.chance(0.1)) semaphore.capacity = random.chance(0.1) ? Infinity : random.integer(1, 8)
        break
      default: {
        const caller = callers.takeOne(random)
        if (caller === undefined) break
        const outcome = random.pick<Outcome | undefined>(outcomes)
        if (random.chance(0.3)) caller.permit?.[Symbol.dispose]?.()
        else caller.permit?.release(outcome)
        places.delete(caller)
        caller.permit?.release()
        caller.permit?.[Symbol.dispose]?.()
      }
    }
    await settled()
    for (const caller of callers.granted.splice(0)) {
      permits++
      places.set(caller, charged(caller.cost))
      assert(taken() <= semaphore.capacity, `${taken()} places are taken of ${semaphore.capacity}`)
    }
    const [first] = callers.waiting
    if (first !== undefined)
      assert(taken() + charged(first.cost) > semaphore.capacity, 'the first waits only if there is no room for it')
    assert(clock.timers === 0, 'there is no timer')
    assert(semaphore.isIdle === (places.size === 0 && first === undefined), 'isIdle means: nobody holds, nobody waits')
    if (step % 16 === 0) callers.checkListeners()
  }
  return permits
}
