/** Consumers: fast, slow, several at once, leaving, and none at all. */
import {ignoreError, type Real} from './calls.js'
import type {Model} from './model.js'
import type {Inside} from './places.js'
import type {ConsumerPlan} from './scenario.js'

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

/** Settles once the run has drained, and rejects just if that was not a graceful end. */
async function ended(model: Model, {world}: Real, label: string, promise: Promise<unknown>): Promise<void> {
  try {
    await promise
    if (model.outcome !== undefined && model.outcome.kind !== 'left') world.problem(`${label} does not reject`)
  } catch (error) {
    if (model.outcome === undefined || model.outcome.kind === 'left')
      world.problem(`${label} rejects: ${String(error)}`)
    else if (!model.outcome.isReason(error)) world.problem(`${label} rejects with ${String(error)}`)
  }
  if (!model.isDrained) world.problem(`${label} settles before the drain`)
}
