/** Governors made of other governors: `all` asks several, and `weigh` asks a governor for another cost. */

import type {TaskContext} from 'aio-tasks'
import {checkFunction, describe, isThenable} from '../checks.js'
import {permitError, releasePermit, unused, whenSettled} from '../task.js'
import {checkCost} from './cost.js'
import {
  type DisposablePermit,
  type Governor,
  joins,
  keep,
  type LocalGovernor,
  type Outcome,
  type Permit,
  type RenewablePermit,
  type Request,
  renew,
} from './governor.js'
import {type Waiter, WaitingLine} from './line.js'

/**
 * Asks several governors, and starts a task when all of them allow it. `tryAcquire` takes a permit from each governor
 * or from none: while one governor refuses, no permit of the others is held, so that tasks that need only the others
 * can start. Waiters are served first come, first served.
 *
 * Where other code takes the governors all the time, two of them may never be free in the same moment. So a waiter that
 * was given a permit eight times, and could not use it since another governor refused, keeps its permits while it waits
 * for the missing ones. Every `all` keeps permits in the same order, for one second at first, then for twice as long
 * each time, and for a minute at most. So there is no deadlock, in whatever order the governors are passed to `all`, or
 * are taken by hand.
 *
 * The last governor may lack `tryAcquire`: the permits of the others are held while it is asked. A held permit of a
 * rate counts as a start in the moment in which the permit is used.
 *
 * @param governors The governors that must all agree. Each but the last has `tryAcquire`, and no governor is given
 * twice.
 * @returns A governor. It has `tryAcquire` if the last governor has it.
 * @throws A `TypeError` if an argument is no governor, lacks `tryAcquire` and is not the last, or is given twice.
 * @example
 * ```ts
 * const api = all(new Semaphore(10), new RateLimit({amount: 50, per: 1000}))
 *
 * async function get(url: string, signal: AbortSignal): Promise<string> {
 *   using permit = await api.acquire({signal})
 *   return await load(url, {signal})
 * }
 * ```
 */
export function all(...governors: readonly Governor[]): LocalGovernor {
  if (governors.length === 0) throw new TypeError('all must be given at least one governor; got none')
  for (const [index, governor] of governors.entries()) {
    const name = `governor ${index + 1} of ${governors.length}`
    checkGovernor(name, governor)
    if (!canTry(governor) && index < governors.length - 1)
      throw new TypeError(`${name} must have tryAcquire, or come last; got ${describe(governor)} without it`)
  }
  const parts = governors.flatMap(partsOf)
  const leaves = parts.map(leafOf)
  const twice = leaves.find((leaf, index) => leaves.indexOf(leaf) !== index)
  if (twice !== undefined) throw new TypeError(`all must be given each governor once; got ${describe(twice)} twice`)
  return new Combined(parts.sort((one, other) => rankOf(one) - rankOf(other)))
}

/**
 * Wraps a governor, and asks it for the cost of each task. Requests without a context, such as those made by hand, are
 * passed on unchanged.
 *
 * @param governor The governor to ask.
 * @param cost The cost of every task, or a function of its context: a finite number ≥ 0.
 * @param actual Computes the true cost from the task's value. It replaces the first cost when the task has succeeded,
 *   if the governor corrects costs, as `RateLimit` does.
 * @returns A governor. It has `tryAcquire` if the given governor has it.
 * @throws A `TypeError` or `RangeError` for bad arguments. `acquire` and `release` throw if a function returns no valid
 * cost.
 * @example
 * ```ts
 * const requests = new RateLimit({amount: 500, per: 60_000})
 * const tokens = new RateLimit({amount: 90_000, per: 60_000})
 * const estimate = ({index}: TaskContext): number => (urls[index] ?? '').length / 4
 * const model = all(requests, weigh(tokens, estimate, (reply: {tokens: number}) => reply.tokens))
 * ```
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the type of the value is the caller's to name
export function weigh<Value = unknown, Item = unknown>(
  governor: Governor,
  cost: number | ((context: TaskContext<Item>) => number),
  actual?: (value: Value, context: TaskContext<Item>) => number,
): LocalGovernor {
  checkGovernor('governor', governor)
  if (typeof cost === 'number') checkCost(cost)
  else if (typeof cost !== 'function')
    throw new TypeError(`cost must be a finite number >= 0, or a function of the context; got ${describe(cost)}`)
  if (actual !== undefined) checkFunction('actual', actual)
  return new Weighed(
    governor,
    typeof cost === 'number' ? () => cost : (cost as (context: TaskContext) => number),
    actual as ((value: unknown, context: TaskContext) => number) | undefined,
  )
}

/** The first waiter's wait for the governor that refused it. */
interface Wait {
  readonly waiter: Waiter<Request, DisposablePermit>
  readonly part: Governor
}

/**
 * After this number of permits in a row that could not be used, a waiter keeps its permits while it waits for the
 * others.
 */
const patience = 8

/** How long a waiter keeps its permits, in milliseconds; each further time twice as long, up to the longest time. */
const firstKeep = 1000
const longestKeep = 60_000

class Combined implements LocalGovernor {
  /** Present only where every part has `tryAcquire`. */
  readonly tryAcquire?: (request?: Request) => DisposablePermit | undefined
  /**
   * The parts in the order that every `all` uses: so two that keep a permit and wait for another never wait for each
   * other.
   */
  readonly parts: readonly Governor[]
  readonly #line: WaitingLine<Request, DisposablePermit> = new WaitingLine(
    (request) => this.#take(request),
    () => this.#waitForRefusal(),
  )
  /** By part: the permit that is held for the first waiter, or for the request that is being tried. */
  #held: Array<Permit | undefined> = []
  /** The part that refused when last asked, and its promise if it was asked by `acquire`. */
  #refusal: {readonly index: number; readonly promise?: PromiseLike<Permit>} = {index: 0}
  #wait: Wait | undefined
  /** How many permits the first waiter was given after a wait. */
  #given = 0
  #keepFor = firstKeep
  /** Timer that ends the keeping. Set only while permits are kept. */
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(parts: readonly Governor[]) {
    this.parts = parts
    if (parts.every(canTry))
      this.tryAcquire = (request = {}) => (this.#line.first === undefined ? this.#take(request) : undefined)
  }

  get isIdle(): boolean {
    return this.#line.first === undefined && this.parts.every(({isIdle}) => isIdle === true)
  }

  acquire(request: Request = {}): DisposablePermit | Promise<DisposablePermit> {
    const {signal} = request
    if (signal?.aborted) return Promise.reject(signal.reason)
    const permit = this.#line.first === undefined ? this.#take(request) : undefined
    return permit ?? this.#line.wait(request, signal)
  }

  /** A permit of each part, or `undefined` if a part gives none now. Held permits count. */
  #take(request: Request): DisposablePermit | undefined {
    if (this.#wait !== undefined) return undefined // called by a listener or a part during a wait
    const held = this.#held
    try {
      const {parts} = this
      for (let index = 0; index < parts.length; index++) {
        const part = parts[index]
        if (part === undefined || held[index] !== undefined) continue
        if (canTry(part)) {
          const permit = part.tryAcquire(request)
          if (permit === undefined) return this.#refuse(index)
          held[index] = checkPermit(permit)
        } else {
          const answer = part.acquire(request)
          if (isThenable(answer)) {
            this.#refusal = {index, promise: answer}
            return undefined // the other permits stay held, so that the awaited permit can be used when it comes
          }
          held[index] = checkPermit(answer)
        }
      }
      if (this.#given > 0) {
        // Permits may have been kept during the wait.
        const stale = held.findIndex(isStale)
        if (stale !== -1) return this.#refuse(stale)
      }
    } catch (error) {
      this.#giveBack()
      throw error
    }
    this.#held = []
    this.#startAnew()
    return new CombinedPermit(held as Permit[])
  }

  #refuse(index: number): undefined {
    this.#giveBack(this.#given >= patience ? index : 0)
    this.#refusal = {index}
  }

  /** Gives back the held permits of the parts from an index on. */
  #giveBack(from = 0): void {
    const {length} = this.#held
    for (let index = from; index < length; index++) {
      const permit = this.#held[index]
      this.#held[index] = undefined
      if (permit !== undefined) releasePermit(permit, unused)
    }
  }

  /** Called when the first waiter has changed, or when no request waits. */
  #startAnew(): void {
    this.#given = 0
    this.#keepFor = firstKeep
  }

  /** Waits for the part that has refused the first waiter. */
  #waitForRefusal(): void {
    const waiter = this.#line.first
    if (this.#wait !== undefined) {
      // The first waiter has left the line. The permit that it waits for is released when it comes.
      this.#endWait()
      this.#giveBack()
      this.#startAnew()
      this.#line.serve()
      return
    }
    if (waiter === undefined || waiter.signal?.aborted) return // an aborted waiter leaves the line soon
    const {index, promise} = this.#refusal
    const part = this.parts[index]
    if (part === undefined) return
    const wait: Wait = {waiter, part}
    this.#wait = wait
    this.#keep(promise === undefined)
    const resolve = (permit: Permit): void => this.#answered(wait, index, permit)
    const reject = (reason: unknown): void => this.#failed(wait, reason)
    if (promise) whenGiven(promise, resolve, reject)
    else waitFor(part, waiter.ask, resolve, reject)
  }

  /**
   * Keeps the held permits while another part is asked. The time is bounded where other code may hold that part and
   * wait for a held permit.
   */
  #keep(isBounded: boolean): void {
    const held: readonly RenewablePermit[] = this.#held.filter((permit) => permit !== undefined)
    for (const permit of held) permit[keep]?.()
    if (!isBounded || held.length === 0) return
    this.#timer = setTimeout(() => this.#giveBack(), this.#keepFor)
    this.#keepFor = Math.min(2 * this.#keepFor, longestKeep)
  }

  #endWait(): void {
    this.#wait = undefined
    clearTimeout(this.#timer)
  }

  #answered(wait: Wait, index: number, permit: Permit): void {
    if (this.#wait !== wait) return releasePermit(permit, unused)
    this.#endWait()
    this.#held[index] = permit
    this.#given++
    this.#line.serve()
  }

  #failed(wait: Wait, error: unknown): void {
    if (this.#wait !== wait) return
    this.#endWait()
    this.#giveBack()
    this.#startAnew()
    this.#line.fail(wait.waiter, error)
  }
}

/** A permit of each part, as one permit. */
class CombinedPermit implements DisposablePermit {
  #permits: readonly Permit[] | undefined

  constructor(permits: readonly Permit[]) {
    this.#permits = permits
  }

  release(outcome?: Outcome): void {
    const permits = this.#permits
    if (permits === undefined) return
    this.#permits = undefined
    let failure: {readonly error: unknown} | undefined
    for (const permit of permits) {
      try {
        permit.release(outcome)
      } catch (error) {
        failure ??= {error} // the other permits must be released all the same
      }
    }
    if (failure) throw failure.error
  }

  correct(cost: number): void {
    for (const permit of this.#permits ?? []) permit.correct?.(cost)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

class Weighed implements LocalGovernor {
  readonly tryAcquire?: (request?: Request) => DisposablePermit | undefined
  readonly governor: Governor
  readonly #cost: (context: TaskContext) => number
  readonly #actual: ((value: unknown, context: TaskContext) => number) | undefined

  constructor(
    governor: Governor,
    cost: (context: TaskContext) => number,
    actual: ((value: unknown, context: TaskContext) => number) | undefined,
  ) {
    this.governor = governor
    this.#cost = cost
    this.#actual = actual
    joins.set(this, (request, resolve, reject) => {
      const wrap = (permit: Permit): void => resolve(new WeighedPermit(permit, request.context, actual))
      waitFor(governor, this.#weigh(request), wrap, reject)
    })
    if (canTry(governor))
      this.tryAcquire = (request = {}) => {
        const permit = governor.tryAcquire(this.#weigh(request))
        return permit && new WeighedPermit(permit, request.context, this.#actual)
      }
  }

  /** The parts of a governor that is made of several; each is asked for the same cost. */
  get parts(): readonly Governor[] {
    return partsOf(this.governor).map((part) => new Weighed(part, this.#cost, this.#actual))
  }

  get isIdle(): boolean {
    return this.governor.isIdle === true
  }

  acquire(request: Request = {}): DisposablePermit | Promise<DisposablePermit> {
    const {context} = request
    const answer = this.governor.acquire(this.#weigh(request))
    if (!isThenable(answer)) return new WeighedPermit(answer, context, this.#actual)
    return Promise.resolve(answer).then((permit) => new WeighedPermit(permit, context, this.#actual))
  }

  #weigh(request: Request): Request {
    const {context} = request
    return context === undefined ? request : new WeighedRequest(request, context, checkCost(this.#cost(context)))
  }
}

/** A request whose signal is made when it is first read, so that only governors that wait pay for it. */
class WeighedRequest implements Request {
  readonly cost: number
  readonly context: TaskContext
  readonly #request: Request

  constructor(request: Request, context: TaskContext, cost: number) {
    this.#request = request
    this.context = context
    this.cost = cost
  }

  get signal(): AbortSignal | undefined {
    return this.#request.signal
  }
}

class WeighedPermit implements DisposablePermit, RenewablePermit {
  #permit: Permit | undefined
  readonly #context: TaskContext | undefined
  readonly #actual: ((value: unknown, context: TaskContext) => number) | undefined

  constructor(
    permit: Permit,
    context: TaskContext | undefined,
    actual: ((value: unknown, context: TaskContext) => number) | undefined,
  ) {
    this.#permit = checkPermit(permit)
    this.#context = context
    this.#actual = actual
  }

  release(outcome?: Outcome): void {
    const permit = this.#permit
    if (permit === undefined) return
    this.#permit = undefined
    try {
      if (this.#actual && this.#context && outcome?.status === 'ok')
        permit.correct?.(checkCost(this.#actual(outcome.value, this.#context)))
    } finally {
      permit.release(outcome)
    }
  }

  correct(cost: number): void {
    this.#permit?.correct?.(cost)
  }

  [keep](): void {
    const permit: RenewablePermit | undefined = this.#permit
    permit?.[keep]?.()
  }

  [renew](): boolean {
    return !isStale(this.#permit)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/** Waits for a permit: of our own governors without a promise, of other governors always with a promise. */
function waitFor(
  governor: Governor,
  request: Request,
  resolve: (permit: Permit) => void,
  reject: (reason: unknown) => void,
): void {
  try {
    const enter = joins.get(governor)
    if (enter) enter(request, resolve, reject)
    else whenGiven(governor.acquire(request), resolve, reject)
  } catch (error) {
    // Not at once: each of ten thousand waiters would be rejected by a call inside the call for the one before it.
    whenSettled(undefined, () => reject(error), reject)
  }
}

/** Calls one of the two, later, when a governor has answered. */
function whenGiven(
  answer: Permit | PromiseLike<Permit>,
  resolve: (permit: Permit) => void,
  reject: (reason: unknown) => void,
): void {
  const given = (permit: Permit): void => {
    const error = permitError(permit)
    if (error === undefined) resolve(permit)
    else reject(error)
  }
  whenSettled(answer, given, reject)
}

/** Whether a permit counts in the moment in which it is used, and cannot be used now. */
function isStale(permit: RenewablePermit | undefined): boolean {
  return permit?.[renew]?.() === false
}

/** The governors that `all` asks in place of a governor: its parts, if it is made of several. */
function partsOf(governor: Governor): readonly Governor[] {
  if (governor instanceof Combined) return governor.parts
  return governor instanceof Weighed ? governor.parts : [governor]
}

/** The governor that decides, behind any wrappers. */
function leafOf(part: Governor): Governor {
  return part instanceof Weighed ? leafOf(part.governor) : part
}

let ranks = 0
const rankByLeaf = new WeakMap<Governor, number>()

/** The number of a part in the order in which every `all` takes its parts. A part without `tryAcquire` comes last. */
function rankOf(part: Governor): number {
  if (!canTry(part)) return Infinity
  const leaf = leafOf(part)
  const rank = rankByLeaf.get(leaf) ?? ranks++
  rankByLeaf.set(leaf, rank)
  return rank
}

function canTry(governor: Governor): governor is Governor & Required<Pick<Governor, 'tryAcquire'>> {
  return typeof governor.tryAcquire === 'function'
}

function checkGovernor(name: string, governor: Governor): void {
  if (typeof governor?.acquire !== 'function')
    throw new TypeError(`${name} must be a governor, an object with acquire; got ${describe(governor)}`)
}

function checkPermit(given: Permit): Permit {
  const error = permitError(given)
  if (error !== undefined) throw error
  return given
}
