/** Consumers: fast, slow, several at once, leaving, and none at all. */
import {ignoreError, type Real} from './calls.js'
import type {Model} from './model.js'
import type {Inside} from './places.js'
import type {ConsumerPlan} from './scenario.js'
import type {World} from './world.js'

/** Consumes as planned. What it gives settles when the consumer has finished, and never rejects. */
export async function consume(plan: ConsumerPlan, model: Model, inside: Inside, real: Real): Promise<void> {
  const {runner, world} = real
  switch (plan.kind) {
    case 'none':
      return
    case 'loop':
      await loop(plan, inside, real)
      return
    case 'two loops':
      await Promise.all([loop(plan, inside, real), loop({...plan, leavesAt: undefined}, inside, real)])
      return
    case 'burst':
      for (let taken = 0; !model.isDrained && taken < 40; taken += plan.width) {
        if (plan.isSlow) await world.step('the consumer')
        await Promise.all(Array.from({length: plan.width}, () => ignoreError(runner.next())))
      }
      return
    case 'run':
      await ended(model, real, 'run()', runner.run())
      return
    case 'toArray':
      await ended(model, real, 'toArray()', runner.toArray())
  }
}

async function loop({isSlow, leavesAt, throws}: ConsumerPlan, inside: Inside, {runner, world}: Real): Promise<void> {
  let taken = 0
  let hasThrown = false
  try {
    for await (const _ of runner) {
      inside.reach('body')
      if (isSlow) await world.step('the loop body')
      if (taken++ !== leavesAt) continue
      world.say('the loop is left')
      hasThrown = throws
      if (throws) throw 'the loop body'
      break
    }
  } catch (error) {
    if (hasThrown && error !== 'the loop body')
      world.problem(`the error of the loop body is masked by ${String(error)}`)
  }
}

/**
 * Settles once the run is over, and rejects just if that was not a graceful end. It does not wait for tasks whose
 * outcome was told early: what ends the run while only those are left comes too late to make it reject.
 */
async function ended(model: Model, {world}: Real, label: string, promise: Promise<unknown>): Promise<void> {
  const comesLate = model.isDrained
  try {
    const collected = await promise
    const isRaised = model.outcome !== undefined && model.outcome.kind !== 'left'
    if (isRaised && !model.wasOver) world.problem(`${label} does not reject`)
    if (Array.isArray(collected)) checkCollected(model, world, collected)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'InvalidStateError') {
      if (!comesLate) world.problem(`${label} does not come too late`)
      return
    }
    if (model.outcome === undefined || model.outcome.kind === 'left')
      world.problem(`${label} rejects: ${String(error)}`)
    else if (!model.outcome.isReason(error)) world.problem(`${label} rejects with ${String(error)}`)
  }
  if (!model.isDrained && (!model.hasToldEarly || model.open.size > 0))
    world.problem(`${label} settles before the run is over`)
}

/** What was collected is what came, in order, but for what a `next()` has got. */
function checkCollected(model: Model, world: World, collected: readonly unknown[]): void {
  let place = 0
  for (const value of collected) {
    while (place < model.available && model.valueAt(place) !== value) place++
    if (place++ >= model.available) world.problem('toArray() gives what did not come, or not in order')
  }
}
