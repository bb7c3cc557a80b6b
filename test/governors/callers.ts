/** Callers of a governor, as a model sees them: who waits, in which order, and who was given a permit. */
import {getEventListeners} from 'node:events'
import type {Governor, Outcome, Permit, Request} from '../../src/governors/index.js'
import type {Random} from '../helpers/random.js'

export interface Caller {
  readonly cost: number
  readonly controller: AbortController
  /** Whether it shares its signal with others. */
  readonly isShared: boolean
  permit: Permit | undefined
  /** The clock when it was given the permit. */
  at: number
}

/** How something may have gone; `undefined` stands for `ok`. */
export const outcomes: readonly [undefined, ...Outcome[]] = [
  undefined,
  {status: 'ok', value: 1},
  {status: 'failed', error: new Error('HTTP 404')},
  {status: 'failed', error: {status: 429}},
  {status: 'aborted'},
  {status: 'unused'},
]

/** Says what has gone wrong. */
export function assert(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new Error(message)
}

export class Callers {
  readonly waiting: Caller[] = []
  readonly holding: Caller[] = []
  /** Given a permit since this was last emptied, in order. */
  readonly granted: Caller[] = []
  /** What went wrong where nobody could be told. */
  #failure: {readonly error: unknown} | undefined
  readonly #governor: Governor
  readonly #now: () => number
  /** A signal that lives long and never aborts. */
  readonly #longLived = new AbortController()

  constructor(governor: Governor, now: () => number) {
    this.#governor = governor
    this.#now = now
  }

  acquire(random: Random, cost: number): void {
    const isShared = random.chance(0.5)
    const controller = isShared ? this.#longLived : new AbortController()
    const caller: Caller = {cost, controller, isShared, permit: undefined, at: 0}
    const answer = this.#governor.acquire({cost, signal: controller.signal})
    if ('then' in answer) {
      this.waiting.push(caller)
      void this.#wait(caller, answer)
    } else {
      assert(this.waiting.length === 0, 'nobody is served before those who wait')
      this.#give(caller, answer)
    }
  }

  async #wait(caller: Caller, answer: PromiseLike<Permit>): Promise<void> {
    const {signal} = caller.controller
    try {
      const permit = await answer
      assert(this.waiting[0] === caller, 'the first who waits is served first')
      this.waiting.shift()
      this.#give(caller, permit)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) this.#failure ??= {error}
    }
  }

  /** Whether a permit was given. */
  tryAcquire(cost: number): boolean {
    const request: Request = {cost}
    const permit = this.#governor.tryAcquire?.(request)
    if (permit === undefined) return false
    assert(this.waiting.length === 0, 'nobody is served before those who wait')
    this.#give({cost, controller: this.#longLived, isShared: true, permit, at: 0}, permit)
    return true
  }

  /** One of those who wait gives up, if it can. */
  giveUp(random: Random): void {
    const index = random.integer(0, this.waiting.length - 1)
    const caller = this.waiting[index]
    if (caller === undefined || caller.isShared) return
    this.waiting.splice(index, 1)
    caller.controller.abort()
  }

  /** One of those who hold a permit, which it loses now. */
  takeOne(random: Random): Caller | undefined {
    return this.holding.splice(random.integer(0, this.holding.length - 1), 1)[0]
  }

  /** There is one listener where a signal is waited with, and none where it is not. */
  checkListeners(): void {
    if (this.#failure) throw this.#failure.error
    const expected = this.waiting.some(({isShared}) => isShared) ? 1 : 0
    const count = getEventListeners(this.#longLived.signal, 'abort').length
    assert(count === expected, `the shared signal has ${expected} listeners, not ${count}`)
    for (const {controller, isShared} of this.holding)
      if (!isShared) assert(getEventListeners(controller.signal, 'abort').length === 0, 'no listener is left')
  }

  #give(caller: Caller, permit: Permit): void {
    caller.permit = permit
    caller.at = this.#now()
    this.holding.push(caller)
    this.granted.push(caller)
  }
}
