/**
 * Random services: one queue, callers that push, withdraw and clear, and runners of every kind that come and go. Each
 * task runs once, or its push says why it did not; every task is counted once; nothing waits that need not.
 */
import type {Arbitrary, Scheduler} from 'fast-check'
import * as fc from 'fast-check'
import {
  ConcurrentError,
  ConcurrentRunner,
  type ReservedPush,
  type RunnerOptions,
  type Source,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../../src/index.js'
import {record} from './arbitraries.js'
import {World} from './world.js'

const taskKinds = ['value', 'resolve', 'resolve', 'reject', 'throw', 'never', 'rejects when aborted'] as const
const readerKinds = [
  'direct',
  'direct',
  'run()',
  'map()',
  'a generator that wraps',
  'a generator that passes on',
  'a generator that gathers',
  'by hand',
] as const
const endings = ['stop', 'stop in time', 'abort', 'abort twice', 'return', 'dispose'] as const

export interface PushStep {
  readonly kind: 'push'
  readonly task: (typeof taskKinds)[number]
  readonly priority: number
  readonly hasSignal: boolean
  readonly hasTimeout: boolean
  readonly isReserved: boolean
  /** What the task does when it is called. */
  readonly inside: SimpleStep | undefined
}

interface OpenStep {
  readonly kind: 'open'
  readonly reader: (typeof readerKinds)[number]
  readonly limit: number
  readonly ordered: boolean
  readonly hasTimeout: boolean
  readonly releaseOnTimeout: boolean
  readonly yieldExceptions: boolean
  readonly hook: 'none' | 'ready' | 'execute fails'
  /** What a reader by hand does with each task in turn. */
  readonly habits: ReadonlyArray<'call' | 'call twice' | 'keep'>
}

type SimpleStep =
  | {readonly kind: 'end'; readonly nth: number; readonly by: (typeof endings)[number]}
  | {readonly kind: 'pause' | 'resume' | 'signal' | 'remove'; readonly nth: number}
  | {readonly kind: 'limit'; readonly nth: number; readonly limit: number}
  | {readonly kind: 'clear' | 'idle'}

type Step = PushStep | OpenStep | SimpleStep

export interface Restarts {
  readonly capacity: number
  /** Between them everything comes to rest. */
  readonly phases: ReadonlyArray<readonly Step[]>
  readonly finale: 'close' | 'close when idle' | 'shutdown' | 'shutdown in time'
  readonly jitter: readonly number[]
}

const anyPlace = fc.nat(5)
const limits = fc.constantFrom(1, 1, 2, 3, Infinity)

const simpleStep: Arbitrary<SimpleStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: record<SimpleStep>({kind: fc.constant('end'), nth: anyPlace, by: fc.constantFrom(...endings)}),
  },
  {
    weight: 3,
    arbitrary: record<SimpleStep>({
      kind: fc.constantFrom('pause', 'resume', 'resume', 'signal', 'remove'),
      nth: anyPlace,
    }),
  },
  {weight: 1, arbitrary: record<SimpleStep>({kind: fc.constant('limit'), nth: anyPlace, limit: limits})},
  {weight: 1, arbitrary: record<SimpleStep>({kind: fc.constantFrom('clear', 'idle', 'idle')})},
)

const pushStep: Arbitrary<PushStep> = record<PushStep>({
  kind: fc.constant('push'),
  task: fc.constantFrom(...taskKinds),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  hasSignal: fc.constantFrom(false, false, true),
  hasTimeout: fc.constantFrom(false, false, false, true),
  isReserved: fc.constantFrom(false, false, true),
  inside: fc.oneof({weight: 6, arbitrary: fc.constant(undefined)}, {weight: 1, arbitrary: simpleStep}),
})

const openStep: Arbitrary<OpenStep> = record<OpenStep>({
  kind: fc.constant('open'),
  reader: fc.constantFrom(...readerKinds),
  limit: limits,
  ordered: fc.boolean(),
  hasTimeout: fc.constantFrom(false, false, false, true),
  releaseOnTimeout: fc.boolean(),
  yieldExceptions: fc.constantFrom(true, true, true, false),
  hook: fc.constantFrom('none', 'none', 'none', 'ready', 'execute fails'),
  habits: fc.array(fc.constantFrom('call', 'call', 'call twice', 'keep'), {minLength: 1, maxLength: 3}),
})

const anyStep: Arbitrary<Step> = fc.oneof(
  {weight: 5, arbitrary: pushStep},
  {weight: 2, arbitrary: openStep},
  {weight: 3, arbitrary: simpleStep},
)

export const restarts: Arbitrary<Restarts> = record<Restarts>({
  capacity: fc.constantFrom(1, 2, 4, Infinity, Infinity),
  phases: fc.array(fc.array(anyStep, {maxLength: 12, size: 'max'}), {maxLength: 3}),
  finale: fc.constantFrom('close', 'close when idle', 'shutdown', 'shutdown in time'),
  jitter: fc.array(fc.nat(5), {minLength: 1, maxLength: 6}),
})

/** Throws, with all that happened, if a service breaks the contract. */
export async function checkRestarts(plan: Restarts, scheduler: Scheduler): Promise<void> {
  const world = new World(scheduler, plan.jitter, 0)
  await world.rule(() => new Service(plan, world).run())
  for (const error of world.reported) world.problem(`reported: ${String(error)}`)
  if (world.problems.length === 0) return
  throw new Error(`${world.problems.join('\n')}\n\nWhat happened:\n${world.log.join('\n')}\n`)
}

/** One push, and what became of its task. */
interface Push {
  readonly number: number
  readonly plan: PushStep
  readonly controller: AbortController
  calls: number
  isLive: boolean
  /** What the task gave. */
  settled: {readonly value: number} | {readonly cause: unknown} | undefined
  /** What the push gave. */
  outcome: {readonly value: number} | {readonly reason: unknown} | undefined
  /** Why it may have been rejected without a call. */
  taken: string | undefined
  isRefused: boolean
  reader: Reader | undefined
}

/** A reader of the queue, and how it may be driven. */
interface Reader {
  readonly name: string
  readonly plan: OpenStep
  readonly runner: ConcurrentRunner<number, boolean> | undefined
  readonly iterator: AsyncIterator<TaskFunction<number>> | undefined
  limit: number
  isPaused: boolean
  isOver: boolean
  /** Its tasks may be told to have failed before they settle. */
  mayGiveUp: boolean
  live: number
}

const taskTimeout = 20
const stopTimeout = 7919
const shutdownTimeout = 104_729

class Hooked extends ConcurrentRunner<number, boolean> {
  readonly #hook: OpenStep['hook']
  readonly #world: World
  #executions = 0

  constructor(source: Source<number>, options: RunnerOptions, hook: OpenStep['hook'], world: World) {
    super(source, options)
    this.#hook = hook
    this.#world = world
  }

  protected override ready(): Promise<void> | void {
    return this.#hook === 'ready' ? this.#world.step('ready()') : undefined
  }

  /** Fails each second time, before it has called the task. */
  protected override execute(task: Task<number>, context: TaskContext): number | PromiseLike<number> {
    if (this.#hook === 'execute fails' && this.#executions++ % 2 === 1) throw 'execute failed'
    return super.execute(task, context)
  }
}

class Service {
  readonly #plan: Restarts
  readonly #world: World
  readonly #queue: TaskQueue<number>
  readonly #pushes: Push[] = []
  readonly #readers: Reader[] = []
  readonly #pending = new Map<Promise<unknown>, string>()
  /** The reader whose task is about to be called. */
  #starting: Reader | undefined
  #isClosed = false
  /** Nobody disturbs any more what is left to be done. */
  #isFinal = false
  /** `run()` has made a runner. */
  #hasRun = false
  #isForced = false

  constructor(plan: Restarts, world: World) {
    this.#plan = plan
    this.#world = world
    this.#queue = new TaskQueue<number>({capacity: plan.capacity})
    world.onTimer = (ms) => {
      if (ms === shutdownTimeout) this.#isForced = true
    }
  }

  async run(): Promise<void> {
    for (const steps of this.#plan.phases) {
      this.#hand('the steps', this.#takeSteps(steps))
      await this.#world.settle()
      this.#checkAtRest()
    }
    this.#world.say('the finale')
    this.#isFinal = true
    for (const [nth, {isPaused}] of this.#readers.entries()) if (isPaused) this.#step({kind: 'resume', nth})
    const isOwn = this.#plan.finale.startsWith('shutdown') && !this.#isAbandoned
    this.#open({...lastReader, reader: isOwn ? 'run()' : 'direct'})
    const keepers = [...this.#readers.keys()].filter((nth) => this.#readers[nth] && keepsTasks(this.#readers[nth]))
    if (this.#plan.finale === 'close') {
      // Runners wait for what others hold and may put back.
      this.#close()
      await this.#world.settle()
      for (const nth of keepers) this.#end(nth, 'return')
    } else {
      for (const nth of keepers) this.#end(nth, 'return')
      this.#close()
    }
    await this.#world.settle()
    this.#checkCounts()
    this.#world.say('all that never settles is let go')
    this.#world.release()
    await this.#world.settle()
    this.#checkOver()
  }

  async #takeSteps(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#world.step(step.kind)
      this.#step(step)
      this.#checkCapacity()
    }
  }

  #hand(label: string, promise: Promise<unknown>): void {
    this.#pending.set(promise, label)
    promise.then(
      () => this.#pending.delete(promise),
      (error: unknown) => {
        this.#pending.delete(promise)
        this.#world.problem(`${label} rejects: ${String(error)}`)
      },
    )
  }

  // Steps

  #step(step: Step): void {
    const queue = this.#queue
    switch (step.kind) {
      case 'push':
        return this.#push(step)
      case 'open':
        return this.#open(step)
      case 'end':
        return this.#end(step.nth, step.by)
      case 'pause':
      case 'resume':
      case 'limit': {
        const reader = this.#readers[step.nth]
        if (reader?.runner === undefined) return
        this.#world.say(`${step.kind} ${reader.name}`)
        if (step.kind === 'limit') reader.runner.limit = reader.limit = step.limit
        else {
          reader.isPaused = step.kind === 'pause'
          reader.runner[step.kind]()
        }
        return
      }
      case 'signal': {
        const push = this.#pushes[step.nth]
        if (push === undefined || !push.plan.hasSignal || push.controller.signal.aborted) return
        this.#world.say(`the signal of push ${push.number}`)
        if (push.calls === 0) push.taken ??= 'signalled'
        push.controller.abort('signalled')
        return
      }
      case 'remove': {
        this.#world.say(`remove ${step.nth}`)
        const push = this.#pushes[step.nth]
        const isThere = push !== undefined && this.#waits(push)
        if (isThere) push.taken = 'removed'
        const removed = queue.remove(({item}) => item === step.nth, 'removed')
        const isSure = !this.#hasFailingHooks && !this.#isAbandoned
        if (isSure && removed !== (isThere ? 1 : 0)) this.#world.problem(`remove() gives ${removed}`)
        return
      }
      case 'clear':
        this.#world.say('clear')
        for (const push of this.#pushes) if (this.#waits(push)) push.taken = 'cleared'
        queue.clear('cleared')
        if (queue.waiting.length > 0) this.#world.problem('a task waits after clear()')
        return
      case 'idle':
        this.#hand('onIdle()', queue.onIdle())
        return
      default:
        return
    }
  }

  /** Whether a task has been accepted and neither called nor taken out. */
  #waits({calls, outcome, taken, isRefused}: Push): boolean {
    return calls === 0 && outcome === undefined && taken === undefined && !isRefused
  }

  #push(plan: PushStep): void {
    if (!plan.isReserved) {
      this.#pushBy((task, options) => this.#queue.push(task, options), plan)
      return
    }
    const asked = this.#queue.room()
    this.#hand(
      'room()',
      asked.then(
        (push) => this.#pushBy(push, plan),
        (error: unknown) => this.#checkRefusal(error, 'room()'),
      ),
    )
  }

  #pushBy(push: ReservedPush<number>, plan: PushStep): void {
    const number = this.#pushes.length
    const own: Push = {
      number,
      plan,
      controller: new AbortController(),
      calls: 0,
      isLive: false,
      settled: undefined,
      outcome: undefined,
      taken: undefined,
      isRefused: false,
      reader: undefined,
    }
    this.#world.say(`push ${number}`)
    const isFull = this.#queue.waiting.length >= this.#plan.capacity
    this.#pushes.push(own)
    const promise = push((context) => this.#call(own, context), {
      priority: plan.priority,
      item: number,
      ...(plan.hasSignal && {signal: own.controller.signal}),
      ...(plan.hasTimeout && {timeout: taskTimeout}),
    })
    own.isRefused = !this.#queue.waiting.some(({item}) => item === number)
    const told = promise.then(
      (value) => this.#told(own, {value}),
      (reason: unknown) => this.#told(own, {reason}, isFull),
    )
    this.#hand(`push ${number}`, told)
  }

  #told(push: Push, outcome: NonNullable<Push['outcome']>, mayBeFull = false): void {
    const {number, settled, calls} = push
    push.outcome = outcome
    this.#world.say(`push ${number} gives ${'value' in outcome ? outcome.value : String(outcome.reason)}`)
    if ('value' in outcome) {
      if (settled === undefined || !('value' in settled) || settled.value !== outcome.value)
        this.#world.problem(`push ${number} has another result`)
      return
    }
    const {reason} = outcome
    if (settled !== undefined && 'cause' in settled && settled.cause === reason) return
    // A task that execute() has not called fails as any other.
    const isFailing = reason === 'execute failed' || isTimeout(reason)
    if (this.#hasFailingHooks && (isFailing || this.#readers.some(({mayGiveUp}) => mayGiveUp))) return
    if (calls > 0) {
      const {reader} = push
      if (isTimeout(reason) && (push.plan.hasTimeout || reader?.plan.hasTimeout)) return
      if (reader?.mayGiveUp || this.#isForced) return
      this.#world.problem(`push ${number} fails with ${String(reason)}`)
      return
    }
    if (push.taken === reason) return
    if (this.#isForced && reason instanceof DOMException && reason.name === 'TimeoutError') return
    if (!push.isRefused && reason instanceof DOMException)
      this.#world.problem(`push ${number} was accepted, and is refused`)
    if (reason instanceof DOMException && reason.name === 'QuotaExceededError') {
      if (!mayBeFull && !this.#pushes.some(({plan}) => plan.isReserved))
        this.#world.problem(`push ${number} is refused`)
      if (push.plan.isReserved) this.#world.problem(`push ${number} is refused though a place was reserved`)
      return
    }
    this.#checkRefusal(reason, `push ${number}`)
  }

  #checkRefusal(reason: unknown, label: string): void {
    if (reason instanceof DOMException && reason.name === 'InvalidStateError' && this.#isClosed) return
    if (reason instanceof ConcurrentError && reason.message.startsWith('No runner of the queue') && this.#hasRun) return
    this.#world.problem(`${label} is refused: ${String(reason)}`)
  }

  // Tasks

  #call(push: Push, context: TaskContext): number | Promise<number> {
    const {number, plan, controller} = push
    const reader = this.#starting
    this.#world.say(`task ${number} is called by ${reader?.name}`)
    if (++push.calls > 1) this.#world.problem(`task ${number} is called twice`)
    if (push.outcome !== undefined) this.#world.problem(`task ${number} is called after its push was told`)
    if (push.taken !== undefined) this.#world.problem(`task ${number} is called though it was ${push.taken}`)
    if (context.item !== number && reader?.plan.reader !== 'map()')
      this.#world.problem(`task ${number} has another item: ${String(context.item)}`)
    push.isLive = true
    push.reader = reader
    if (reader !== undefined) {
      if (++reader.live > reader.limit && !reader.plan.releaseOnTimeout && reader.runner !== undefined)
        this.#world.problem(`${reader.live} tasks of ${reader.name} run`)
      if (reader.isOver) this.#world.problem(`${reader.name} calls a task after its end`)
    }
    this.#checkOrder(push)
    this.#checkCapacity()
    if (plan.inside !== undefined && !this.#isFinal) this.#step(plan.inside)
    const settle = (settled: NonNullable<Push['settled']>): void => {
      this.#world.say(`task ${number} settles`)
      push.isLive = false
      push.settled = settled
      if (reader !== undefined) reader.live--
    }
    const fulfil = (): number => {
      settle({value: number})
      return number
    }
    const fail = (cause: unknown): never => {
      settle({cause})
      throw cause
    }
    switch (plan.task) {
      case 'value':
        return fulfil()
      case 'throw':
        return fail(`thrown ${number}`)
      case 'resolve':
        return this.#world.step(`task ${number}`).then(fulfil)
      case 'reject':
        return this.#world.step(`task ${number}`).then(() => fail(`rejected ${number}`))
      case 'never':
        return this.#world.never().then(fulfil)
      default:
        void controller
        return this.#untilAborted(context.signal).then((isAborted) =>
          isAborted ? fail(context.signal.reason) : fulfil(),
        )
    }
  }

  #untilAborted(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(true)
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve(true))
      void this.#world.never().then(() => resolve(false))
    })
  }

  get #hasFailingHooks(): boolean {
    return this.#readers.some(({plan}) => plan.hook === 'execute fails')
  }

  /** Where no reader takes tasks before it calls them, what comes first is called first. */
  #checkOrder(push: Push): void {
    const takesAhead = ({plan, runner, isOver}: Reader): boolean => !isDirect(plan) && (runner !== undefined || !isOver)
    if (this.#hasFailingHooks || this.#readers.some(takesAhead)) return
    for (const other of this.#pushes) {
      if (other === push || !this.#waits(other)) continue
      const {priority} = other.plan
      if (priority > push.plan.priority || (priority === push.plan.priority && other.number < push.number))
        this.#world.problem(`task ${push.number} is called before ${other.number}`)
    }
  }

  // Readers

  #open(plan: OpenStep): void {
    const name = `${plan.reader} ${this.#readers.length}`
    this.#world.say(`open ${name}`)
    if (plan.reader === 'by hand') return this.#readByHand(name, plan)
    const runner = this.#runner(plan)
    const reader = this.#note({name, plan, runner, iterator: undefined})
    runner.on('start', () => {
      this.#starting = reader
    })
    const over = (): void => {
      reader.isOver = true
    }
    runner.on('drain', over)
    if (plan.reader !== 'run()') void runner.run().catch(() => {})
    this.#hand(`drained of ${name}`, runner.drained)
  }

  #note(given: Pick<Reader, 'name' | 'plan' | 'runner' | 'iterator'>): Reader {
    const reader: Reader = {
      ...given,
      limit: given.plan.limit,
      isPaused: false,
      isOver: false,
      mayGiveUp: false,
      live: 0,
    }
    this.#readers.push(reader)
    return reader
  }

  #runner(plan: OpenStep): ConcurrentRunner<number, boolean> {
    const queue = this.#queue
    const options = {
      limit: plan.limit,
      ordered: plan.ordered,
      releaseOnTimeout: plan.releaseOnTimeout,
      timeout: plan.hasTimeout ? taskTimeout : undefined,
    }
    const yielding = {...options, yieldExceptions: plan.yieldExceptions}
    switch (plan.reader) {
      case 'run()':
        this.#hasRun = true
        return queue.run(options)
      case 'map()':
        return ConcurrentRunner.map(queue, (task, context) => task(context), yielding)
      case 'a generator that wraps':
        return new ConcurrentRunner<number, boolean>(async function* () {
          for await (const task of queue) yield (context: TaskContext) => task(context)
        }, yielding)
      case 'a generator that passes on':
        return new ConcurrentRunner<number, boolean>(async function* () {
          for await (const task of queue) yield task
        }, yielding)
      case 'a generator that gathers':
        return new ConcurrentRunner<number, boolean>((signal) => gather(queue, signal), yielding)
      default:
        return plan.hook === 'none'
          ? new ConcurrentRunner<number, boolean>(queue, yielding)
          : new Hooked(queue, yielding, plan.hook, this.#world)
    }
  }

  #readByHand(name: string, plan: OpenStep): void {
    const iterator = this.#queue[Symbol.asyncIterator]()
    const reader = this.#note({name, plan, runner: undefined, iterator})
    const context: TaskContext = {index: 0, item: undefined, attempt: 1, signal: new AbortController().signal}
    const read = async (): Promise<void> => {
      for (let count = 0; ; count++) {
        const {done, value: task} = await iterator.next()
        if (done) break
        await this.#world.step(`${name} has a task`)
        if (reader.isOver) continue
        const habit = plan.habits[count % plan.habits.length]
        if (habit === 'keep') continue
        for (let calls = habit === 'call' ? 1 : 2; calls > 0; calls--) {
          this.#starting = reader
          Promise.resolve(task(context)).catch(() => {})
        }
      }
    }
    this.#hand(name, read())
  }

  #end(index: number, by: (typeof endings)[number]): void {
    const reader = this.#readers[index]
    if (reader === undefined) return
    const {runner, iterator, name} = reader
    this.#world.say(`${by} ${name}`)
    if (runner === undefined) {
      reader.isOver = true
      this.#hand(`return of ${name}`, iterator?.return?.() ?? Promise.resolve())
      return
    }
    switch (by) {
      case 'stop':
        return this.#hand(`stop() of ${name}`, runner.stop())
      case 'stop in time':
        reader.mayGiveUp = true
        return this.#hand(`stop({timeout}) of ${name}`, runner.stop({timeout: stopTimeout}))
      case 'abort twice':
        reader.mayGiveUp = true
        runner.abort('aborted')
        return runner.abort('aborted')
      case 'abort':
        if (runner.state === 'closing') reader.mayGiveUp = true
        return runner.abort('aborted')
      case 'return':
        return this.#hand(`return() of ${name}`, runner.return())
      default:
        return this.#hand(`disposal of ${name}`, runner[Symbol.asyncDispose]())
    }
  }

  #close(): void {
    const queue = this.#queue
    this.#isClosed = true
    switch (this.#plan.finale) {
      case 'close':
        return queue.close()
      case 'close when idle':
        return queue.closeWhenIdle()
      case 'shutdown':
        return this.#hand('shutdown()', queue.shutdown())
      default:
        return this.#hand('shutdown({timeout})', queue.shutdown({timeout: shutdownTimeout}))
    }
  }

  // Checks

  #checkCapacity(): void {
    const {length} = this.#queue.waiting
    if (length > this.#plan.capacity) this.#world.problem(`${length} tasks wait`)
  }

  /** Every task whose push has not settled is counted once, and so is one that runs on. */
  #checkCounts(): void {
    let unsettled = 0
    let runOn = 0
    for (const push of this.#pushes) {
      if (push.outcome === undefined) unsettled++
      else if (push.isLive && !isReleased(push)) runOn++
    }
    const {size, running} = this.#queue
    if (size + running !== unsettled + runOn)
      this.#world.problem(`${size} wait and ${running} run; ${unsettled} pushes are open, ${runOn} run on`)
  }

  /** Whether `run()` had made runners, and nobody reads the queue any more. */
  get #isAbandoned(): boolean {
    const isReading = ({runner, isOver}: Reader): boolean =>
      runner === undefined ? !isOver : runner.state === 'running' || runner.state === 'idle'
    return this.#hasRun && !this.#readers.some(isReading)
  }

  #checkAtRest(): void {
    this.#checkCounts()
    this.#checkCapacity()
    const {size} = this.#queue
    if (size === 0) return
    if (this.#isAbandoned && !this.#mayBeHeld) this.#world.problem(`${size} wait and no runner is left`)
    // A reader that does not take tasks at the moment when they can start may hold one.
    const isHolding = this.#readers.some(({runner, plan, isPaused, live, limit}) => {
      return keepsTasks({runner, plan}) || (!isDirect(plan) && (isPaused || live >= limit))
    })
    if (isHolding || this.#mayBeHeld) return
    for (const {runner, plan, limit, isPaused, live, name} of this.#readers)
      if (runner?.state === 'running' && !isPaused && live < limit && !plan.releaseOnTimeout)
        this.#world.problem(`${size} wait though ${name} could run them`)
  }

  /** A generator that was left while it waited still does, and gets the next task, which goes back. */
  get #mayBeHeld(): boolean {
    return this.#readers.some(({plan, runner}) => plan.reader.startsWith('a generator') && runner?.state !== 'running')
  }

  #checkOver(): void {
    for (const label of this.#pending.values()) this.#world.problem(`${label} does not settle`)
    for (const {number, calls, outcome} of this.#pushes)
      if (calls === 0 && outcome !== undefined && 'value' in outcome)
        this.#world.problem(`push ${number} gives a value`)
    const {size, running} = this.#queue
    if (size + running > 0) this.#world.problem(`${size} wait and ${running} run when all is over`)
  }
}

/** Whether its runner counts a task no more that has timed out. */
function isReleased({reader, outcome}: Push): boolean {
  if (!reader?.plan.releaseOnTimeout || !isDirect(reader.plan) || outcome === undefined) return false
  return 'reason' in outcome && isTimeout(outcome.reason)
}

/** Whether it may keep a task for as long as it likes. */
function keepsTasks({runner, plan}: Pick<Reader, 'runner' | 'plan'>): boolean {
  return runner === undefined || plan.reader === 'a generator that gathers'
}

function isDirect({reader}: OpenStep): boolean {
  return reader === 'direct' || reader === 'run()'
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.message.startsWith('The task took longer')
}

const lastReader: OpenStep = {
  kind: 'open',
  reader: 'direct',
  limit: Infinity,
  ordered: false,
  hasTimeout: false,
  releaseOnTimeout: false,
  yieldExceptions: true,
  hook: 'none',
  habits: ['call'],
}

/**
 * Takes three tasks before it gives them. The signal ends its wait for the next one, as nothing else would: what it has
 * then goes back.
 */
async function* gather(queue: TaskQueue<number>, signal: AbortSignal): AsyncGenerator<TaskFunction<number>> {
  const tasks = queue[Symbol.asyncIterator]()
  signal.addEventListener('abort', () => void tasks.return?.())
  let batch: Array<TaskFunction<number>> = []
  for await (const task of {[Symbol.asyncIterator]: () => tasks}) {
    batch.push(task)
    if (batch.length < 3) continue
    yield* batch
    batch = []
  }
  yield* batch
}
