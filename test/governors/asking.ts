/** How tests ask governors. */
import type {Permit} from '../../src/governors/index.js'
import type {TaskContext} from '../../src/index.js'
import {settled} from './virtual-clock.js'

/** The permit that must be there at once. */
export function now<P extends Permit>(answer: P | PromiseLike<P> | undefined): P {
  if (answer === undefined || 'then' in answer) throw new Error('there is no permit yet')
  return answer
}

/** Whether a promise has been fulfilled. */
export async function isGiven(answer: Permit | PromiseLike<Permit>): Promise<boolean> {
  let given = false
  void Promise.resolve(answer).then(() => (given = true))
  await settled()
  return given
}

export const contextOf = <Item>(item: Item): TaskContext & {item: Item} => ({
  index: 0,
  signal: new AbortController().signal,
  item,
  attempt: 1,
})
