/** Random runs with retries, a governor, groups and items that are read ahead, held against what the contract says. */
import type {Arbitrary, Scheduler} from 'fast-check'
import * as fc from 'fast-check'
import {
  ConcurrentRunner,
  type Governor,
  type MapOptions,
  type Permit,
  type PermitOutcome,
  type PermitRequest,
  type RunnerOptions,
  type Task,
  type TaskContext,
  TaskQueue,
} from '../../src/index.js'
import {record} from './arbitraries.js'
import {World} from './world.js'

const attempts = ['resolves', 'rejects', 'throws', 'gives', 'stuck', 'rejects when aborted'] as const
const places = ['start', 'retry', 'result', 'error', 'task', 'when', 'acquire', 'release', 'take', 'give'] as const
const actions = ['pause', 'resume', 'limit 1', 'limit 3', 'stop', 'abort', 'return'] as const
type Place = (typeof places)[number]
type Action = (typeof actions)[number]

interface TaskPlan {
  readonly isPromise: boolean
  /** What each attempt does; all later ones resolve. */
  readonly attempts: ReadonlyArray<(typeof attempts)[number]>
}

export interface Policies {
  readonly source: 'array' | 'generator' | 'async' | 'queue' | 'map' | 'mapped async'
  readonly tasks: readonly TaskPlan[]
  readonly limit: number | undefined
  readonly highWaterMark: number | undefined
  readonly ordered: boolean
  readonly yieldExceptions: boolean
  readonly timeout: boolean
  readonly releaseOnTimeout: boolean
  readonly retry:
    | {
        readonly attempts: number
        readonly waiting: number | undefined
        readonly budget: number | undefined
        readonly fails: 'never' | 'when' | 'delay'
        readonly failsAt: number
      }
    | undefined
  readonly governor:
    | {
        readonly answers: 'at once' | 'later' | 'either'
        /** It has `tryAcquire`, which gives each second permit that is free. */
        readonly canTry: boolean
        readonly capacity: number
        readonly fails: 'never' | 'throws' | 'rejects'
        readonly failsAt: number
      }
    | undefined
  readonly readAhead: number | undefined
  /** Of mapped items only: their number, and what holds for each. */
  readonly groups:
    | {readonly count: number; readonly limit: number; readonly isGoverned: boolean; readonly failsAt: number}
    | undefined
  readonly consumer: 'loop' | 'run' | 'toArray'
  readonly outside: readonly Action[]
  readonly inside: ReadonlyArray<{readonly place: Place; readonly nth: number; readonly action: Action}>
  readonly jitter: readonly number[]
}

function maybe<V>(arbitrary: Arbitrary<V>): Arbitrary<V | undefined> {
  return fc.oneof({weight: 1, arbitrary: fc.constant(undefined)}, {weight: 4, arbitrary})
}

const action = fc.constantFrom<Action>('pause', 'pause', 'resume', 'resume', 'resume', ...actions)

export const policies: Arbitrary<Policies> = record<Policies>({
  source: fc.constantFrom('array', 'generator', 'async', 'queue', 'map', 'map', 'mapped async'),
  tasks: fc.array(
    record<TaskPlan>({
      isPromise: fc.integer({min: 0, max: 7}).map((value) => value === 0),
      attempts: fc.array(fc.constantFrom('rejects', 'rejects', 'throws', ...attempts), {maxLength: 4}),
    }),
    {minLength: 1, maxLength: 8},
  ),
  limit: fc.constantFrom(undefined, 1, 2, 3, Infinity),
  highWaterMark: fc.constantFrom(undefined, undefined, 0, 1, Infinity),
  ordered: fc.boolean(),
  yieldExceptions: fc.constantFrom(true, true, false),
  timeout: fc.constantFrom(false, false, true),
  releaseOnTimeout: fc.boolean(),
  retry: maybe(
    record({
      attempts: fc.constantFrom(1, 2, 3, Infinity),
      waiting: fc.constantFrom(undefined, 1, 2),
      budget: fc.constantFrom(undefined, 0, 1, 2),
      fails: fc.constantFrom('never' as const, 'never', 'when', 'delay'),
      failsAt: fc.nat(3),
    }),
  ),
  governor: maybe(
    record({
      answers: fc.constantFrom('at once' as const, 'later', 'either'),
      canTry: fc.boolean(),
      capacity: fc.constantFrom(1, 2, Infinity),
      fails: fc.constantFrom('never' as const, 'never', 'throws', 'rejects'),
      failsAt: fc.nat(4),
    }),
  ),
  readAhead: fc.constantFrom(undefined, undefined, 0, 1, 2, Infinity),
  groups: maybe(
    record({
      count: fc.integer({min: 1, max: 4}),
      limit: fc.constantFrom(1, 1, 2, Infinity),
      isGoverned: fc.boolean(),
      failsAt: fc.nat(30),
    }),
  ),
  consumer: fc.constantFrom('loop', 'loop', 'run', 'toArray'),
  outside: fc.oneof(fc.constant([]), fc.array(action, {maxLength: 4})),
  inside: fc.oneof(
    fc.constant([]),
    fc.array(record({place: fc.constantFrom(...places), nth: fc.nat(3), action}), {maxLength: 2}),
  ),
  jitter: fc.array(fc.nat(5), {minLength: 1, maxLength: 6}),
})

/** Throws, with all that happened, if a run breaks the contract. */
export async function checkPolicies(scenario: Policies, scheduler: Scheduler): Promise<void> {
  const world = new World(scheduler, scenario.jitter, 0)
  await world.rule(() => new Check(scenario, world).run())
  if (world.problems.length === 0) return
  throw new Error(`${world.problems.join('\n')}\n\nWhat happened:\n${world.log.join('\n')}\n`)
}

/** What is known of one task. */
interface Known {
  state: 'new' | 'running' | 'waiting' | 'told'
  /** Attempts that were called. */
  calls: number
  /** Retries that were told. */
  retries: number
  /** The last attempt that has failed, with what. */
  error: unknown
  /** Attempts that were called and have not settled. */
  live: number
}

interface Held {
  readonly name: string
  readonly context: TaskContext | undefined
  isReleased: boolean
}

class Check {
  readonly #scenario: Policies
  readonly #world: World
  readonly #runner: ConcurrentRunner<unknown, boolean>
  readonly #queue = new TaskQueue()
  readonly #known = new Map<number, Known>()
  readonly #counts = new Map<Place, number>()
  readonly #permits = new Map<TaskContext, Held>()
  readonly #outcomes = new Map<TaskContext, PermitOutcome>()
  readonly #called = new WeakSet<TaskContext>()
  readonly #values: unknown[] = []
  #isOver = false
  #isStopped = false
  #isPaused = false
  #mayEnd = false
  #limit: number
  /** The highest limit so far. */
  #mostLimit: number
  /** Requests that are not answered yet. */
  readonly #asking = new Set<PermitRequest>()
  #asked = 0
  #permitsHeld = 0
  #groupPermits = 0
  readonly #lineWaiters: Array<() => void> = []
  #retriesTaken = 0
  #attemptsEntered = 0
  #decisions = 0
  #started = 0
  #told = 0
  #drains = 0
  #raised: {readonly error: unknown} | undefined

  constructor(scenario: Policies, world: World) {
    this.#scenario = scenario
    this.#world = world
    const {limit, highWaterMark, ordered, yieldExceptions, timeout, releaseOnTimeout, readAhead} = scenario
    const options: RunnerOptions = {
      limit,
      highWaterMark,
      ordered,
      yieldExceptions,
      timeout: timeout ? 20 : undefined,
      releaseOnTimeout,
      readAhead,
      governor: this.#governor(),
      retry: this.#retry(),
    }
    this.#runner = this.#make(options)
    this.#limit = this.#mostLimit = this.#runner.limit
    this.#listen()
  }

  async run(): Promise<void> {
    const {consumer, outside} = this.#scenario
    const world = this.#world
    let hasEnded = false
    const consumed = this.#consume(consumer).then(() => (hasEnded = true))
    for (const [place, made] of outside.entries())
      void world.step(`call ${place}: ${made}`).then(() => this.#act(made, 'outside'))
    await world.settle()
    world.release()
    await world.settle()
    if (this.#scenario.source === 'queue') this.#queue.close()
    for (let count = 0; count < 4; count++) {
      if (this.#isPaused) this.#act('resume', 'the end') // a listener may pause it again
      await world.settle()
    }
    if (this.#drains !== 1) world.problem(`${this.#drains} times drain`)
    if (!hasEnded) world.problem('the consumer hears of no end')
    else await consumed
    this.#checkOver()
  }

  // What the run is made of

  #make(options: RunnerOptions): ConcurrentRunner<unknown, boolean> {
    const {source, tasks} = this.#scenario
    const all = source === 'array' || source === 'queue' ? tasks.map((plan) => this.#task(plan)) : []
    switch (source) {
      case 'array':
        return new ConcurrentRunner(all, options)
      case 'generator':
        return new ConcurrentRunner(this.#lazily(tasks), options)
      case 'async':
        return new ConcurrentRunner(this.#async(tasks.map((plan) => this.#call(plan))), options)
      case 'map':
        return ConcurrentRunner.map(this.#pull(tasks), (plan, context) => this.#call(plan)(context), {
          ...options,
          ...this.#groups(),
        })
      case 'mapped async':
        return ConcurrentRunner.map(this.#slowly(tasks), (plan, context) => this.#call(plan)(context), {
          ...options,
          ...this.#groups(),
        })
      default:
        for (const [place, task] of all.entries())
          this.#queue.push(task, {priority: place % 3 === 2 ? 1 : 0}).catch(() => {})
        this.#queue.closeWhenIdle()
        return new ConcurrentRunner(this.#queue, options)
    }
  }

  *#lazily(tasks: readonly TaskPlan[]): Generator<Task<unknown>> {
    for (const plan of this.#pull(tasks)) yield this.#task(plan)
  }

  async *#async(
    tasks: ReadonlyArray<(context: TaskContext) => unknown>,
  ): AsyncGenerator<(context: TaskContext) => unknown> {
    for await (const task of this.#slowly(tasks)) yield task
  }

  async *#slowly<I>(items: readonly I[]): AsyncGenerator<I> {
    for (const item of this.#pull(items)) {
      await this.#world.step('source')
      yield item
    }
  }

  *#pull<I>(items: readonly I[]): Generator<I> {
    const {groups, source, readAhead} = this.#scenario
    const isGrouped = groups !== undefined && (source === 'map' || source === 'mapped async')
    const most = isGrouped ? Math.max(1, readAhead ?? 100) : (readAhead ?? 0)
    for (const [place, item] of items.entries()) {
      // One more may wait for its permit, or is about to start.
      if (place - this.#started > most + 1) this.#world.problem(`item ${place} is pulled, and ${this.#started} started`)
      if (this.#isOver || this.#isStopped) this.#world.problem(`item ${place} is pulled after the end`)
      yield item
    }
  }

  #groups(): MapOptions<TaskPlan, number> {
    const {groups, tasks} = this.#scenario
    if (groups === undefined) return {}
    const {count, limit, isGoverned, failsAt} = groups
    let asked = 0
    const groupOf = (plan: TaskPlan): number => {
      if (asked++ === failsAt) throw 'no group'
      return tasks.indexOf(plan) % count
    }
    return {
      group: groupOf,
      groups: {limit, ...(isGoverned ? {governor: () => this.#gate()} : {})},
    }
  }

  /** The governor of a group: lets one through at a time, and now and then only later. */
  #gate(): Required<Pick<Governor, 'acquire' | 'tryAcquire'>> {
    let isTaken = false
    let asked = 0
    const waiters: Array<() => void> = []
    const take = (): Permit => {
      isTaken = true
      let isHeld = true
      this.#groupPermits++
      return {
        release: () => {
          if (!isHeld) this.#world.problem("a group's permit is released twice")
          isHeld = isTaken = false
          this.#groupPermits--
          waiters.shift()?.()
        },
      }
    }
    return {
      tryAcquire: () => (isTaken || asked++ % 3 === 1 ? undefined : take()),
      acquire: async ({signal} = {}) => {
        await this.#world.step('permit of a group')
        // oxlint-disable-next-line eslint/no-unmodified-loop-condition -- the signal aborts
        while (isTaken && !signal?.aborted)
          await new Promise<void>((resolve) => {
            waiters.push(resolve)
            signal?.addEventListener('abort', () => resolve())
          })
        if (signal?.aborted) {
          waiters.shift()?.()
          throw signal.reason
        }
        return take()
      },
    }
  }

  #task(plan: TaskPlan): Task<unknown> {
    if (!plan.isPromise) return this.#call(plan)
    return plan.attempts.length > 0 ? Promise.reject('promise') : Promise.resolve('promise')
  }

  #call(plan: TaskPlan): (context: TaskContext) => unknown {
    return (context) => {
      const {index, attempt} = context
      const known = this.#of(index)
      this.#world.say(`task ${index}.${attempt} is called`)
      if (attempt !== ++known.calls) this.#world.problem(`attempt ${attempt} of ${index} is call number ${known.calls}`)
      if (attempt !== known.retries + 1) this.#world.problem(`attempt ${attempt} of ${index} without a retry`)
      if (known.state === 'told') this.#world.problem(`task ${index} is called after its outcome`)
      if (this.#isOver) this.#world.problem(`task ${index} is called after the end`)
      if (attempt > 1 && this.#isStopped) this.#world.problem(`task ${index} is tried again after stop()`)
      if (attempt > 1 && this.#isPaused) this.#world.problem(`task ${index} is tried again while paused`)
      if (known.live > 0 && !this.#scenario.releaseOnTimeout) this.#world.problem(`two attempts of ${index} run`)
      if (this.#scenario.governor !== undefined && this.#permits.get(context)?.isReleased !== false)
        this.#world.problem(`attempt ${attempt} of ${index} has no permit`)
      known.state = 'running'
      known.live++
      this.#called.add(context)
      this.#checkGroup(index)
      const live = [...this.#known.values()].reduce((sum, each) => sum + each.live, 0)
      if (live > this.#limit && attempt > 1 && !this.#scenario.releaseOnTimeout)
        this.#world.problem(`${live} attempts run with limit ${this.#limit}`)
      this.#reach('task')
      return this.#attempt(plan.attempts[attempt - 1] ?? 'resolves', context, known)
    }
  }

  #checkGroup(index: number): void {
    const {groups, source, releaseOnTimeout} = this.#scenario
    if (groups === undefined || releaseOnTimeout || (source !== 'map' && source !== 'mapped async')) return
    const most = groups.isGoverned ? 1 : groups.limit
    let live = 0
    for (const [place, known] of this.#known) if ((place - index) % groups.count === 0) live += known.live
    if (live > most) this.#world.problem(`${live} of the group of ${index} run; the limit is ${most}`)
  }

  #attempt(how: (typeof attempts)[number], context: TaskContext, known: Known): unknown {
    const name = `${context.index}.${context.attempt}`
    const fulfil = (): string => {
      known.live--
      this.#outcomes.set(context, {status: 'ok', value: name})
      return name
    }
    const fail = (error: unknown = `failed ${name}`): never => {
      known.live--
      this.#outcomes.set(context, {status: 'failed', error})
      throw error
    }
    switch (how) {
      case 'gives':
        return fulfil()
      case 'throws':
        return fail()
      case 'resolves':
        return this.#world.step(name).then(fulfil)
      case 'rejects':
        return this.#world.step(name).then(() => fail())
      case 'stuck':
        return this.#world.never().then(fulfil)
      default: {
        const {signal} = context
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve())
          if (signal.aborted) resolve()
          else void this.#world.never().then(resolve)
        }).then(() => (signal.aborted ? fail(signal.reason) : fulfil()))
      }
    }
  }

  #retry(): RunnerOptions['retry'] {
    const {retry} = this.#scenario
    if (retry === undefined) return undefined
    const decide = (which: 'when' | 'delay'): void => {
      if (which === 'when') this.#reach('when')
      if (retry.fails === which && this.#decisions++ === retry.failsAt) throw `${which} failed`
    }
    const {budget} = retry
    const world = this.#world
    return {
      attempts: retry.attempts,
      waiting: retry.waiting,
      when: ({error, context}) => {
        this.#of(context.index).error = error
        decide('when')
        return true
      },
      delay: () => {
        decide('delay')
        return 7
      },
      budget: {
        take: () => {
          this.#reach('take')
          if (budget !== undefined && this.#retriesTaken >= budget) return false
          this.#retriesTaken++
          return true
        },
        give: () => {
          if (--this.#retriesTaken < 0) world.problem('a retry is given back twice')
          this.#reach('give')
        },
        enter: () => void this.#attemptsEntered++,
        leave: () => {
          if (--this.#attemptsEntered < 0) world.problem('an attempt is left twice')
        },
      },
    }
  }

  #governor(): Governor | undefined {
    const {governor} = this.#scenario
    if (governor === undefined) return undefined
    let tried = 0
    const tryAcquire = ({context}: PermitRequest = {}): Permit | undefined => {
      this.#world.say(`try for ${context?.index}.${context?.attempt}`)
      const number = tried++
      this.#reach('acquire')
      if (this.#permitsHeld >= governor.capacity || number % 2 === 1) return undefined
      this.#asked++
      return this.#permit(context)
    }
    return {
      ...(governor.canTry && {tryAcquire}),
      acquire: (request = {}) => {
        const {context} = request
        const number = this.#asked++
        this.#world.say(`ask for ${context?.index}.${context?.attempt}`)
        // One that was given up may not have heard of it yet.
        if ([...this.#asking].some(({signal}) => signal?.aborted === false))
          this.#world.problem('the governor is asked for two tasks at once')
        this.#asking.add(request)
        this.#reach('acquire')
        const isFailing = number === governor.failsAt
        if (isFailing && governor.fails === 'throws') {
          this.#asking.delete(request)
          throw 'no permit'
        }
        const isLater = governor.answers === 'later' || (governor.answers === 'either' && number % 2 === 0)
        if (isLater || this.#permitsHeld >= governor.capacity || (isFailing && governor.fails === 'rejects'))
          return this.#later(request, isFailing && governor.fails === 'rejects')
        this.#asking.delete(request)
        return this.#permit(context)
      },
    }
  }

  async #later(request: PermitRequest, isFailing: boolean): Promise<Permit> {
    const {context, signal} = request
    try {
      await this.#world.step(`permit for ${context?.index}.${context?.attempt}`)
      if (isFailing) throw 'no permit'
      // oxlint-disable-next-line eslint/no-unmodified-loop-condition -- the signal aborts
      while (this.#permitsHeld >= (this.#scenario.governor?.capacity ?? Infinity) && !signal?.aborted)
        await new Promise<void>((resolve) => {
          this.#lineWaiters.push(resolve)
          signal?.addEventListener('abort', () => resolve())
        })
      // Half of them heed the signal.
      if (signal?.aborted && context !== undefined && context.index % 2 === 0) throw signal.reason
      return this.#permit(context)
    } finally {
      this.#asking.delete(request)
    }
  }

  #permit(context: TaskContext | undefined): Permit {
    const held: Held = {name: `${context?.index}.${context?.attempt}`, context, isReleased: false}
    this.#permitsHeld++
    if (context !== undefined) this.#permits.set(context, held)
    return {release: (outcome) => this.#released(held, outcome)}
  }

  #released(held: Held, outcome: PermitOutcome | undefined): void {
    const {name, context} = held
    this.#world.say(`release ${name}: ${outcome?.status}`)
    if (held.isReleased) this.#world.problem(`the permit of ${name} is released twice`)
    held.isReleased = true
    this.#permitsHeld--
    for (const resolve of this.#lineWaiters.splice(0)) resolve()
    if (context !== undefined && outcome !== undefined) this.#checkRelease(name, context, outcome)
    this.#reach('release')
  }

  #checkRelease(name: string, context: TaskContext, outcome: PermitOutcome): void {
    const settled = this.#outcomes.get(context)
    const wasCalled = this.#called.has(context)
    const hasTimedOut = outcome.status === 'failed' && isTimeout(outcome.error)
    if (!wasCalled) {
      const isPromise = this.#scenario.tasks.some((plan) => plan.isPromise)
      if (outcome.status !== 'unused' && !isPromise) this.#world.problem(`${name} was not called: ${outcome.status}`)
    } else if (outcome.status === 'unused') this.#world.problem(`${name} was called, and its permit is unused`)
    else if (settled === undefined) {
      if (!this.#scenario.releaseOnTimeout || !(hasTimedOut || outcome.status === 'aborted'))
        this.#world.problem(`the permit of ${name} is released while it runs`)
    } else if (outcome.status === 'aborted') {
      if (!context.signal.aborted) this.#world.problem(`${name} was not aborted`)
    } else if (outcome.status !== settled.status && !hasTimedOut)
      this.#world.problem(`${name} is released as ${outcome.status}; expected ${settled.status}`)
  }

  // What happens

  #listen(): void {
    const world = this.#world
    this.#runner
      .on('start', ({index}) => {
        world.say(`start ${index}`)
        const known = this.#of(index)
        if (known.state !== 'new') world.problem(`task ${index} starts twice`)
        known.state = 'running'
        this.#started++
        if (this.#isPaused && this.#asked === 0) world.problem(`task ${index} starts while paused`)
        const open = this.#started - this.#told
        const {retry} = this.#scenario
        const waiting = retry === undefined ? 0 : (retry.waiting ?? Math.max(this.#mostLimit, 100))
        if (open > this.#mostLimit + waiting) world.problem(`${open} tasks are open`)
        this.#reach('start')
      })
      .on('retry', ({index, attempt}, {error, attempt: told, delay}) => {
        world.say(`retry ${index}.${attempt}`)
        const known = this.#of(index)
        if (attempt !== ++known.retries || told !== attempt)
          world.problem(`retry ${attempt} of ${index} is another one`)
        if (known.state === 'told') world.problem(`task ${index} waits after its outcome`)
        if (attempt >= (this.#scenario.retry?.attempts ?? 1)) world.problem(`task ${index} has too many attempts`)
        if (error === 'promise') world.problem('a promise is tried again')
        if (error !== known.error || delay !== 7) world.problem(`retry of ${index} tells another error`)
        if (this.#isStopped || this.#isOver) world.problem(`task ${index} waits after the end`)
        known.state = 'waiting'
        this.#reach('retry')
      })
      .on('result', (_, {index}) => {
        world.say(`result ${index}`)
        this.#tell(index)
        this.#reach('result')
      })
      .on('error', (error, context) => {
        world.say(`error ${context?.index}: ${error.message}`)
        if (context !== undefined) this.#tell(context.index)
        if (!this.#scenario.yieldExceptions && !this.#scenario.ordered) this.#isOver = true
        this.#reach('error')
      })
      .on('drain', (stats) => {
        world.say('drain')
        this.#drains++
        if (stats.retrying !== 0 || stats.running !== 0) world.problem('drain while tasks wait or run')
        if (stats.started !== this.#started || stats.succeeded + stats.failed !== this.#told)
          world.problem(`the stats are wrong: ${JSON.stringify(stats)}`)
      })
  }

  #tell(index: number): void {
    const known = this.#of(index)
    if (known.state === 'new' || known.state === 'told')
      this.#world.problem(`task ${index}, which is ${known.state}, has an outcome`)
    known.state = 'told'
    this.#told++
  }

  #of(index: number): Known {
    let known = this.#known.get(index)
    if (known === undefined) {
      known = {state: 'new', calls: 0, retries: 0, error: undefined, live: 0}
      this.#known.set(index, known)
    }
    return known
  }

  #reach(at: Place): void {
    const count = this.#counts.get(at) ?? 0
    this.#counts.set(at, count + 1)
    for (const {place, nth, action: made} of this.#scenario.inside)
      if (place === at && nth === count) this.#act(made, place)
  }

  #act(made: Action, from: string): void {
    this.#world.say(`${made} from ${from}`)
    const runner = this.#runner
    switch (made) {
      case 'pause':
        this.#isPaused = true
        return runner.pause()
      case 'resume':
        this.#isPaused = false
        return runner.resume()
      case 'stop':
        this.#isStopped = this.#mayEnd = true
        void runner.stop()
        return
      case 'abort':
        this.#isOver = this.#mayEnd = true
        return runner.abort('aborted')
      case 'return':
        this.#isOver = this.#mayEnd = true
        void runner.return()
        return
      default:
        this.#limit = Number(made.slice(6))
        this.#mostLimit = Math.max(this.#mostLimit, this.#limit)
        runner.limit = this.#limit
    }
  }

  async #consume(consumer: Policies['consumer']): Promise<void> {
    try {
      if (consumer === 'run') await this.#runner.run()
      else if (consumer === 'toArray') this.#values.push(...(await this.#runner.toArray()))
      else
        for await (const value of this.#runner) {
          this.#values.push(value)
          await this.#world.step('consumer')
        }
    } catch (error) {
      this.#raised = {error}
    }
  }

  // When all is over

  #checkOver(): void {
    const world = this.#world
    const {tasks, consumer, yieldExceptions, ordered, releaseOnTimeout} = this.#scenario
    for (const [index, {state, live}] of this.#known) {
      if (state !== 'told') world.problem(`task ${index} has no outcome`)
      if (live > 0) world.problem(`task ${index} still runs`)
    }
    for (const {name, isReleased} of this.#permits.values())
      if (!isReleased) world.problem(`the permit of ${name} is not released`)
    if (this.#permitsHeld > 0) world.problem('a permit is lost')
    if (this.#groupPermits > 0) world.problem('a permit of a group is lost')
    if (this.#retriesTaken !== 0) world.problem(`${this.#retriesTaken} retries are not given back`)
    if (this.#attemptsEntered !== 0) world.problem(`${this.#attemptsEntered} attempts are not left`)
    if (world.timers.size > 0 && !releaseOnTimeout) world.problem('a timer is left')
    if (world.reported.length > 0) world.problem(`reported: ${world.reported.join(', ')}`)
    if (this.#queue.running > 0) world.problem(`the queue counts ${this.#queue.running} as running`)
    if (this.#mayEnd) return
    if (yieldExceptions) {
      if (this.#raised !== undefined) world.problem(`raised: ${String(this.#raised.error)}`)
      if (this.#told !== tasks.length) world.problem(`${this.#told} of ${tasks.length} tasks are told`)
      if (consumer !== 'run' && this.#values.length !== tasks.length)
        world.problem(`${this.#values.length} of ${tasks.length} results are delivered`)
    }
    if (this.#queue.size > 0 && yieldExceptions) world.problem('a task is left in the queue')
    if (!ordered || consumer !== 'loop') return
    const delivered = this.#values.flatMap((value) =>
      typeof value === 'string' && value !== 'promise' ? [Number(value.split('.')[0])] : [],
    )
    if (delivered.some((index, place) => index < (delivered[place - 1] ?? 0))) world.problem('results out of order')
    const failed = this.#raised?.error
    if (failed instanceof Error && 'index' in failed && failed.index !== this.#values.length)
      world.problem(`the failure of ${String(failed.index)} comes behind ${this.#values.length} results`)
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}
