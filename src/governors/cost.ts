/** The cost that a request names. */
import {checkNumber} from '../checks.js'
import type {Request} from './governor.js'

/** The cost of a request. */
export function costOf(request: Request | undefined): number {
  const cost = request?.cost
  return cost === undefined ? 1 : checkCost(cost)
}

/** Returns the cost if it is a valid number. Called for each request, so the valid case comes first. */
export function checkCost(cost: number): number {
  if (typeof cost === 'number' && cost >= 0 && cost < Infinity) return cost
  return checkNumber('cost', cost, 'a finite number >= 0', () => false)
}
