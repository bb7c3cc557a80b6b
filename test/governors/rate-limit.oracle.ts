/** Judges `RateLimit` by the sentence that it promises, with a list of all that was charged. */
import {type Outcome, RateLimit} from '../../src/governors/index.js'
import {Random} from '../helpers/random.js'
import {assert, type Caller, Callers, outcomes} from './callers.js'
import {settled, type VirtualClock} from './virtual-clock.js'

interface Charge {
  readonly at: number
  cost: number
}

/** Throws when a step is wrong. Gives the number of permits. */
export async function checkRateLimit(clock: VirtualClock, seed: number, steps: number): Promise<number> {
  const random = new Random(seed)
  const amount = random.integer(1, 20)
  const per = random.integer(1, 200)
  const limit = new RateLimit({amount, per})
  const callers = new Callers(limit, () => clock.now)
  let charges: Charge[] = []
  const chargeOf = new Map<Caller, Charge>()
  let heldUntil = -Infinity
  let permits = 0

  const spent = (): number => {
    charges = charges.filter(({at}) => at > clock.now - per)
    return charges.reduce((sum, {cost}) => sum + cost, 0)
  }
  const record = (): void => {
    for (const caller of callers.granted.splice(0)) {
      permits++
      const charge = {at: caller.at, cost: Math.min(caller.cost, amount)}
      charges.push(charge)
      chargeOf.set(caller, charge)
      const inWindow = charges.filter(({at}) => at > caller.at - per && at <= caller.at)
      const sum = inWindow.reduce((total, {cost}) => total + cost, 0)
      assert(sum <= amount, `the window that ends at ${caller.at} holds ${sum} of ${amount}`)
      assert(caller.at >= heldUntil, 'nobody starts before a hold is over')
    }
  }
  const cost = (): number => random.pick([1, 1, 1, 0, 0.5, random.integer(1, amount), amount, amount + 7])

  for (let step = 0; step < steps; step++) {
    switch (random.integer(0, 11)) {
      case 0:
      case 1:
      case 2:
        if (callers.waiting.length < 30) callers.acquire(random, cost())
        break
      case 3:
        callers.giveUp(random)
        break
      case 4: {
        const asked = cost()
        const fits =
          callers.waiting.length === 0 && clock.now >= heldUntil && spent() + Math.min(asked, amount) <= amount
        assert(callers.tryAcquire(asked) === fits, 'tryAcquire gives a permit exactly if one can be had')
        break
      }
      case 5:
      case 6: {
        const caller = callers.takeOne(random)
        const charge = caller && chargeOf.get(caller)
        if (caller === undefined || charge === undefined) break
        chargeOf.delete(caller)
        const outcome = random.pick<Outcome | undefined>(outcomes)
        caller.permit?.release(outcome)
        if (outcome?.status === 'unused') charges = charges.filter((other) => other !== charge)
        caller.permit?.release({status: 'unused'}) // changes nothing
        caller.permit?.correct?.(0) // changes nothing either
        break
      }
      case 7: {
        const caller = random.pick([callers.holding[0], callers.holding.at(-1)])
        const charge = caller && chargeOf.get(caller)
        if (caller === undefined || charge === undefined) break
        const corrected = cost()
        charge.cost = Math.min(corrected, amount)
        caller.permit?.correct?.(corrected)
        break
      }
      case 8:
        if (!random.chance(0.1)) break
        if (random.chance(0.5)) {
          const ms = random.integer(0, 2 * per)
          limit.holdFor(ms)
          heldUntil = Math.max(heldUntil, clock.now + ms)
        } else {
          const ms = random.integer(-per, per)
          limit.holdUntil(random.chance(0.5) ? new Date(Date.now() + ms) : Date.now() + ms)
          heldUntil = Math.max(heldUntil, clock.now + Math.max(0, ms))
        }
        break
      case 9:
        await clock.jump(random.integer(0, random.chance(0.02) ? 100 * per : per))
        break
      default: {
        // Some milliseconds one by one, to see the very one in which a waiter can start.
        for (let ms = random.integer(0, Math.min(per, 6)); ms > 0; ms--) {
          await clock.advance(1)
          record()
          check()
        }
      }
    }
    await settled()
    record()
    check()
    if (step % 16 === 0) callers.checkListeners()
    if (callers.holding.length > 40) callers.holding.splice(0, 20)
  }
  return permits

  function check(): void {
    const [first] = callers.waiting
    const sum = spent()
    if (first !== undefined)
      assert(
        clock.now < heldUntil || sum + Math.min(first.cost, amount) > amount,
        `the first waiter could start at ${clock.now}: ${sum} + ${first.cost} of ${amount}`,
      )
    const timers = first === undefined ? 0 : 1
    assert(clock.timers === timers, `${timers} timers, not ${clock.timers}`)
    const isIdle = charges.length === 0 && first === undefined && clock.now >= heldUntil
    assert(limit.isIdle === isIdle, `isIdle is ${isIdle}`)
  }
}
