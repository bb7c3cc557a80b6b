/** Tasks of every kind, and what became of each. */
import type {Arbitrary} from 'fast-check'
import * as fc from 'fast-check'
import type {Task, TaskContext} from '../../src/index.js'
import {record} from './arbitraries.js'
import type {Inside} from './places.js'
import type {World} from './world.js'

export interface Value {
  readonly at: number
}

const functions = [
  'value',
  'resolve',
  'reject',
  'throw',
  'throw undefined',
  'reject undefined',
  'thenable',
  'thenable rejects',
  'thenable settles twice',
  'thenable throws',
  'never settles',
  'rejects when aborted',
  'resolves after abort',
] as const
const promises = ['promise', 'rejected promise', 'promise later', 'promise rejects later'] as const
const others = ['no task', 'disposable no task'] as const

type FunctionKind = (typeof functions)[number]
type PromiseKind = (typeof promises)[number]
export type ItemKind = FunctionKind | PromiseKind | (typeof others)[number]

export interface ItemPlan {
  readonly kind: ItemKind
  readonly disposal: 'none' | 'sync' | 'async' | 'throws' | 'rejects'
}

export const itemPlan: Arbitrary<ItemPlan> = record({
  kind: fc.oneof(
    {weight: 8, arbitrary: fc.constantFrom<ItemKind>('resolve', 'value')},
    {weight: 1, arbitrary: fc.constant('never settles')},
    {weight: 3, arbitrary: fc.constantFrom<ItemKind>(...functions)},
    {weight: 1, arbitrary: fc.constantFrom<ItemKind>(...promises)},
    {weight: 1, arbitrary: fc.constantFrom<ItemKind>(...others)},
  ),
  disposal: fc.oneof(
    {weight: 5, arbitrary: fc.constant('none' as const)},
    {weight: 1, arbitrary: fc.constantFrom('sync' as const, 'async', 'throws', 'rejects')},
  ),
})

/** For a queue, whose `push` refuses what is no task. */
export const taskPlan: Arbitrary<ItemPlan> = itemPlan.filter(
  ({kind}) => kind !== 'no task' && kind !== 'disposable no task',
)

export type Settled = {readonly value: Value} | {readonly cause: unknown}

export interface Item {
  readonly index: number
  readonly plan: ItemPlan
  readonly isTask: boolean
  /** Settles in the order in which it was allowed to, like all steady tasks. */
  readonly isSteady: boolean
  isMade: boolean
  calls: number
  disposals: number
  isDisposing: boolean
  /** Called, and has not settled. */
  isLive: boolean
  settled: Settled | undefined
}

export class Items {
  readonly all: readonly Item[]
  /** Steady tasks in the order in which they settled. */
  readonly settlements: number[] = []
  /** Called with the task that has settled. */
  onSettled: (index: number) => void = () => {}
  /** Whether a task may be called now. */
  mayCall: () => boolean = () => true
  readonly #world: World
  readonly #inside: Inside

  constructor(plans: readonly ItemPlan[], world: World, inside: Inside) {
    this.#world = world
    this.#inside = inside
    this.all = plans.map((plan, index) => ({
      index,
      plan,
      isTask: plan.kind !== 'no task' && plan.kind !== 'disposable no task',
      isSteady: plan.kind === 'resolve' || plan.kind === 'reject',
      isMade: false,
      calls: 0,
      disposals: 0,
      isDisposing: false,
      isLive: false,
      settled: undefined,
    }))
  }

  /** @param isAwaited The source awaits what it gives, so that it has to be a function. */
  make(index: number, isAwaited: boolean): Task<Value> {
    const item = this.all[index]
    if (item === undefined) throw new RangeError(`no item ${index}`)
    item.isMade = true
    return this.#disposable(item, this.#task(item, isAwaited)) as Task<Value>
  }

  /** Tasks that have been called and have not settled. */
  get live(): number {
    let count = 0
    for (const {isLive} of this.all) if (isLive) count++
    return count
  }

  #task(item: Item, isAwaited: boolean): unknown {
    switch (item.plan.kind) {
      case 'no task':
        return isAwaited ? -1 - item.index : {bad: item.index}
      case 'disposable no task':
        return {bad: item.index}
      case 'promise':
      case 'rejected promise':
      case 'promise later':
      case 'promise rejects later': {
        const promise = this.#promise(item, item.plan.kind)
        if (!isAwaited) return promise
        promise.catch(() => {})
        return () => promise
      }
      default: {
        const {kind} = item.plan
        return (context: TaskContext) => this.#call(item, kind, context)
      }
    }
  }

  #promise(item: Item, kind: PromiseKind): Promise<Value> {
    switch (kind) {
      case 'promise':
        return Promise.resolve(this.#fulfil(item))
      case 'rejected promise':
        return Promise.reject(this.#failure(item, `rejected ${item.index}`))
      case 'promise later':
        return this.#world.step(`promise ${item.index}`).then(() => this.#fulfil(item))
      default:
        return this.#world.step(`promise ${item.index}`).then(() => {
          throw this.#failure(item, `rejected ${item.index}`)
        })
    }
  }

  #call(item: Item, kind: FunctionKind, context: TaskContext): unknown {
    const {index} = item
    if (++item.calls > 1) this.#world.problem(`task ${index} is called twice`)
    if (context.index !== index) this.#world.problem(`task ${index} is told that it is ${context.index}`)
    this.#world.say(`task ${index} is called`)
    if (!this.mayCall()) this.#world.problem(`task ${index} is called after the end`)
    item.isLive = true
    this.#inside.reach('task')
    const step = (): Promise<void> => this.#world.step(`task ${index}`)
    switch (kind) {
      case 'value':
        return this.#fulfil(item)
      case 'throw':
        throw this.#failure(item, `thrown ${index}`)
      case 'throw undefined':
        throw this.#failure(item, undefined)
      case 'resolve':
        return step().then(() => this.#fulfil(item))
      case 'reject':
        return step().then(() => {
          throw this.#failure(item, `rejected ${index}`)
        })
      case 'reject undefined':
        return step().then(() => {
          throw this.#failure(item, undefined)
        })
      case 'thenable':
        return thenable((resolve) => void step().then(() => resolve(this.#fulfil(item))))
      case 'thenable rejects':
        return thenable((_, reject) => void step().then(() => reject(this.#failure(item, `rejected ${index}`))))
      case 'thenable settles twice':
        return thenable((resolve, reject) => {
          resolve(this.#fulfil(item))
          reject('again')
          throw new Error('and again')
        })
      case 'thenable throws':
        return thenable(() => {
          throw this.#failure(item, `thrown ${index}`)
        })
      case 'never settles':
        return this.#world.never().then(() => this.#fulfil(item))
      case 'rejects when aborted':
        return this.#aborted(context).then(() => {
          throw this.#failure(item, context.signal.reason)
        })
      default:
        return this.#aborted(context)
          .then(step)
          .then(() => this.#fulfil(item))
    }
  }

  #aborted({index, signal}: TaskContext): Promise<void> {
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#inside.reach('abort listener')
        void this.#world.step(`task ${index} heeds its signal`).then(resolve)
      }
      if (signal.aborted) onAbort()
      else {
        signal.addEventListener('abort', onAbort)
        void this.#world.never().then(resolve)
      }
    })
  }

  #fulfil(item: Item): Value {
    const value = {at: item.index}
    this.#settle(item, {value})
    return value
  }

  #failure(item: Item, cause: unknown): unknown {
    this.#settle(item, {cause})
    return cause
  }

  #settle(item: Item, settled: Settled): void {
    item.settled = settled
    item.isLive = false
    this.onSettled(item.index)
    if (item.isSteady) this.settlements.push(item.index)
    this.#world.say(`task ${item.index} settles`)
  }

  #disposable(item: Item, task: unknown): unknown {
    const {kind, disposal} = item.plan
    if (kind === 'no task' || (disposal === 'none' && kind !== 'disposable no task')) return task
    const begin = (): void => {
      if (++item.disposals > 1) this.#world.problem(`item ${item.index} is disposed of twice`)
      this.#world.say(`item ${item.index} is disposed of`)
      this.#inside.reach('dispose')
    }
    if (disposal === 'async' || disposal === 'rejects') {
      const asyncDispose = async (): Promise<void> => {
        item.isDisposing = true
        begin()
        await this.#world.step(`disposal of ${item.index}`)
        item.isDisposing = false
        this.#world.say(`item ${item.index} has been disposed of`)
        if (disposal === 'rejects') throw new Error(`disposal of ${item.index}`)
      }
      return Object.assign(task as object, {[Symbol.asyncDispose]: asyncDispose})
    }
    const dispose = (): void => {
      begin()
      if (disposal === 'throws') throw new Error(`disposal of ${item.index}`)
    }
    return Object.assign(task as object, {[Symbol.dispose]: dispose})
  }
}

type Then = (resolve: (value: Value) => void, reject: (reason: unknown) => void) => void

function thenable(then: Then): {then: Then} {
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  return {then}
}
