/** Governors made of others: all of them at once, and one that is asked for another cost. */
import type {TaskContext} from 'aio-tasks'
import {checkCost, checkFunction, describe} from './check.js'
import {
  type DisposablePermit,
  type Governor,
  joins,
  type LocalGovernor,
  type Outcome,
  type Permit,
  type RenewablePermit,
  type Request,
  renew,
} from './governor.js'
import {type Waiter, WaitingLine} from './line.js'

/**
 * Asks several governors, and starts something when all of them allow it. A permit is taken from each by `tryAcquire`,
 * or from none: while one refuses, nothing is held of the others, so nothing deadlocks, whatever the order. Its waiters
 * are served first come, first served. One governor without `tryAcquire` may come last: the others' permits are held
 * while it is asked, and those of rates are charged anew when it has answered.
 *
 * @param governors What has to agree: each but the last with `tryAcquire`, and none twice.
 * @returns A governor. It has `tryAcquire` if the last one has it.
 * @throws A `TypeError` if something is no governor, has no `tryAcquire` and is not last, or is given twice.
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
  const leaves = governors.flatMap(leavesOf)
  const twice = leaves.find((leaf, index) => leaves.indexOf(leaf) !== index)
  if (twice !== undefined) throw new TypeError(`all must be given each governor once; got ${describe(twice)} twice`)
  return new Combined(governors)
}

/**
 * The same governor, asked for the cost of each task. Requests without a context, as those by hand, are passed on as
 * they are.
 *
 * @param governor The governor to ask.
 * @param cost The cost of every task, or a function of its context: a finite number ≥ 0.
 * @param actual The true cost, from the task's value: replaces the first one when the task has succeeded, if the
 *   governor corrects costs, as `RateLimit` does.
 * @returns A governor. It has `tryAcquire` if the given one has it.
 * @throws A `TypeError` or `RangeError` for bad arguments; and `acquire` or `release`, if a function gives no cost.
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
    throw new TypeError(`cost must be a finite number ≥ 0, or a function of the context; got ${describe(cost)}`)
  if (actual !== undefined) checkFunction('actual', actual)
  return new Weighed(
    governor,
    typeof cost === 'number' ? () => cost : (cost as (context: TaskContext) => number),
    actual as ((value: unknown, context: TaskContext) => number) | undefined,
  )
}

/** The first waiter, while what refused it is asked to give a permit when it can. */
interface Wait {
  readonly waiter: Waiter<Request, DisposablePermit>
  readonly governor: Governor
}

class Combined implements LocalGovernor {
  /** Only where every governor can tell at once. */
  readonly tryAcquire?: (request?: Request) => DisposablePermit | undefined
  readonly governors: readonly Governor[]
  readonly #line: WaitingLine<Request, DisposablePermit> = new WaitingLine(
    (request) => this.#take(request),
    () => this.#waitForRefusal(),
  )
  /** By governor: what is held for the first waiter, or for the request that is looked at. */
  #held: Array<Permit | undefined> = []
  /** The governor that had no permit when last asked, and its promise if it was asked by `acquire`. */
  #refusal: {readonly index: number; readonly promise?: PromiseLike<Permit>} = {index: 0}
  #wait: Wait | undefined

  constructor(governors: readonly Governor[]) {
    this.governors = governors
    joins.set(this, (request, resolve, reject) => this.#line.join(request, request.signal, resolve, reject))
    if (governors.every(canTry))
      this.tryAcquire = (request = {}) => (this.#line.first === undefined ? this.#take(request) : undefined)
  }

  get isIdle(): boolean {
    return this.#line.first === undefined && this.governors.every(({isIdle}) => isIdle === true)
  }

  acquire(request: Request = {}): DisposablePermit | Promise<DisposablePermit> {
    const {signal} = request
    if (signal?.aborted) return Promise.reject(signal.reason)
    const permit = this.#line.first === undefined ? this.#take(request) : undefined
    return permit ?? this.#line.wait(request, signal)
  }

  /** A permit of each governor that gives one now, or `undefined`. What is held already counts. */
  #take(request: Request): DisposablePermit | undefined {
    if (this.#wait !== undefined) return undefined // called by a listener or a member in the middle of a wait
    const held = this.#held
    try {
      const {governors} = this
      for (let index = 0; index < governors.length; index++) {
        const governor = governors[index]
        if (governor === undefined || held[index] !== undefined) continue
        if (canTry(governor)) {
          const permit = governor.tryAcquire(request)
          if (permit === undefined) return this.#refuse(index)
          held[index] = permit
        } else {
          const answer = governor.acquire(request)
          if (isPromise(answer)) {
            this.#refusal = {index, promise: answer}
            return undefined // the others stay held, so that the answer can be used when it comes
          }
          held[index] = answer
        }
      }
    } catch (error) {
      this.#giveBack()
      throw error
    }
    this.#held = []
    return new CombinedPermit(held as Permit[])
  }

  #refuse(index: number): undefined {
    this.#giveBack()
    this.#refusal = {index}
  }

  #giveBack(): void {
    const held = this.#held
    this.#held = []
    for (const permit of held) permit?.release({status: 'unused'})
  }

  /** Waits for the governor that has refused the first waiter. */
  #waitForRefusal(): void {
    const waiter = this.#line.first
    if (waiter === this.#wait?.waiter) return // as before, or nobody
    if (this.#wait !== undefined) {
      // The first waiter has given up. What it waits for is released when it comes.
      this.#wait = undefined
      this.#giveBack()
      if (waiter !== undefined) this.#line.serve()
      return
    }
    if (waiter === undefined) return
    const {index, promise} = this.#refusal
    const governor = this.governors[index]
    if (governor === undefined) return
    const wait: Wait = {waiter, governor}
    this.#wait = wait
    const resolve = (permit: Permit): void => this.#answered(wait, index, permit)
    const reject = (reason: unknown): void => this.#failed(wait, reason)
    if (promise) promise.then(resolve, reject)
    else waitFor(governor, waiter.ask, resolve, reject)
  }

  #answered(wait: Wait, index: number, permit: Permit): void {
    if (this.#wait !== wait) return permit.release({status: 'unused'})
    this.#wait = undefined
    this.#held[index] = permit
    const stale = this.#held.findIndex((held, other) => other !== index && isStale(held))
    if (stale !== -1) this.#refuse(stale)
    if (stale === -1) this.#line.serve()
    else this.#waitForRefusal()
  }

  #failed(wait: Wait, error: unknown): void {
    if (this.#wait !== wait) return
    this.#wait = undefined
    this.#giveBack()
    this.#line.fail(wait.waiter, error)
  }
}

/** A permit of each governor. */
class CombinedPermit implements DisposablePermit, RenewablePermit {
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
        failure ??= {error} // the others must be released all the same
      }
    }
    if (failure) throw failure.error
  }

  [renew](): boolean {
    return this.#permits?.every((permit) => !isStale(permit)) ?? false
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

  get isIdle(): boolean {
    return this.governor.isIdle === true
  }

  acquire(request: Request = {}): DisposablePermit | Promise<DisposablePermit> {
    const wrap = (permit: Permit): DisposablePermit => new WeighedPermit(permit, request.context, this.#actual)
    const answer = this.governor.acquire(this.#weigh(request))
    return isPromise(answer) ? Promise.resolve(answer).then(wrap) : wrap(answer)
  }

  #weigh(request: Request): Request {
    const {context, signal} = request
    return context === undefined ? request : {cost: checkCost(this.#cost(context)), context, signal}
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
    this.#permit = permit
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

  [renew](): boolean {
    return !isStale(this.#permit)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/** Waits for a permit: of our governors without a promise, of others with one even if there is a permit at once. */
function waitFor(
  governor: Governor,
  request: Request,
  resolve: (permit: Permit) => void,
  reject: (reason: unknown) => void,
): void {
  try {
    const enter = joins.get(governor)
    if (enter) enter(request, resolve, reject)
    else Promise.resolve(governor.acquire(request)).then(resolve, reject)
  } catch (error) {
    reject(error)
  }
}

/** Whether a permit was worth something only when it was given, and cannot be had now. */
function isStale(permit: RenewablePermit | undefined): boolean {
  return permit?.[renew]?.() === false
}

/** Those who really decide behind a governor of this file. */
function leavesOf(governor: Governor): readonly Governor[] {
  if (governor instanceof Combined) return governor.governors.flatMap(leavesOf)
  return governor instanceof Weighed ? leavesOf(governor.governor) : [governor]
}

function canTry(governor: Governor): governor is Governor & Required<Pick<Governor, 'tryAcquire'>> {
  return typeof governor.tryAcquire === 'function'
}

function checkGovernor(name: string, governor: Governor): void {
  if (typeof governor?.acquire !== 'function')
    throw new TypeError(`${name} must be a governor, an object with acquire; got ${describe(governor)}`)
}

function isPromise(answer: Permit | PromiseLike<Permit>): answer is PromiseLike<Permit> {
  return 'then' in answer && typeof answer.then === 'function'
}
