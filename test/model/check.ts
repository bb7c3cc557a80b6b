/** Runs one scenario, and holds what happens against the model. */
import {getEventListeners} from 'node:events'
import type {Scheduler} from 'fast-check'
import * as fc from 'fast-check'
import {
  type ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  type RunnerStats,
  type TaskContext,
} from '../../src/index.js'
import * as calls from './calls.js'
import {consume} from './consumers.js'
import {type Call, InsideCalls} from './inside.js'
import {exactly, Model, named} from './model.js'
import {causedBy, Observed} from './observed.js'
import type {Scenario} from './scenario.js'
import {type Built, buildSource} from './sources.js'
import {Items, type Value} from './tasks.js'
import {World} from './world.js'

/** The most results that may be asked for when a run is over. */
const most = 100

/** Throws, with all that happened, if a scenario breaks the contract. */
export async function check(scenario: Scenario, scheduler: Scheduler): Promise<void> {
  const world = new World(scheduler, scenario.jitter, scenario.isTimePassing ? 1.5 : 0)
  await world.rule(() => new Check(scenario, world).run())
  if (world.problems.length === 0) return
  throw new Error(`${world.problems.join('\n')}\n\nWhat happened:\n${world.log.join('\n')}\n`)
}

class Check {
  readonly #scenario: Scenario
  readonly #world: World
  readonly #model: Model
  readonly #inside: InsideCalls
  readonly #items: Items
  readonly #built: Built
  readonly #runner: Observed
  readonly #controller = new AbortController()
  readonly #real: calls.Real
  /** Promises that were handed out and have not settled. */
  readonly #pending = new Map<PromiseLike<unknown>, string>()
  readonly #contexts = new Map<number, TaskContext>()
  /** The place of the next item that is to start or to be refused. */
  #nextIndex = 0
  #outcomes = 0
  /** Steady tasks whose outcome was reported. */
  #told = 0
  /** Listeners that are being called. */
  #depth = 0
  #events = 0
  #thrown = 0
  #drains = 0
  #state = 0
  /** Waiting for the source to clean up has been given up. */
  #hasGivenUp = false

  constructor(scenario: Scenario, world: World) {
    const {source, options, hooks} = scenario
    this.#scenario = scenario
    this.#world = world
    this.#model = new Model({...options, isOrdered: options.ordered})
    this.#inside = new InsideCalls(scenario.insideCalls, (call, place) => {
      this.#model.within = place
      this.#make(call)
      this.#model.within = undefined
    })
    const hand = (label: string, promise: PromiseLike<unknown>): void => this.#hand(label, promise)
    this.#items = new Items(scenario.items, world, this.#inside)
    this.#built = buildSource(source, {items: this.#items, world, inside: this.#inside, hand})
    this.#items.onSettled = (index) => this.#model.late.delete(index)
    const {probe} = this.#built
    this.#model.onEnding = () => {
      if (probe.isPulling) probe.wasPulling = true
    }
    this.#model.isSourceOver = () => (this.#model.ending !== undefined || this.#isAllRead) && !probe.isCleaning
    probe.onExhausted = () => this.#model.finish('exhausted')
    // A task that goes back to a queue has not used up the ready() that let it through: only a start does.
    probe.mayPull = () => this.#mayStart && (source.isDirect || this.#runner.pass())
    // A queue calls its tasks a tick after they have started.
    this.#items.mayCall = () => this.#model.outcome === undefined || this.#runner.isExecuting || source.kind === 'queue'
    if (options.signal === 'aborted') this.#controller.abort('signalled')
    this.#runner = new Observed(
      this.#built.source,
      {
        limit: options.limit,
        highWaterMark: options.highWaterMark,
        ordered: options.ordered,
        yieldExceptions: options.yieldExceptions,
        timeout: options.timeout ? 20 : undefined,
        releaseOnTimeout: options.releaseOnTimeout,
        signal: this.#hasSignal ? this.#controller.signal : undefined,
      },
      {model: this.#model, world, inside: this.#inside, hooks, onEnd: () => this.#checkEnd()},
    )
    const {runner} = this
    this.#real = {runner, controller: this.#controller, hasSignal: this.#hasSignal, world, hand}
    world.onTimer = (ms) => {
      if (ms !== calls.stopTimeout) return
      this.#model.abort(named('TimeoutError'))
      this.#hasGivenUp = true
    }
    this.#listen()
  }

  get runner(): Observed {
    return this.#runner
  }

  async run(): Promise<void> {
    const {calls: outside, finale, consumer} = this.#scenario
    const model = this.#model
    let consuming: Promise<void> | undefined
    this.#hand(
      'drained',
      this.#runner.drained.then((stats) => this.#checkStats(stats)),
    )
    const begin = calls.control('the consumer comes', () => {
      consuming = consume(consumer, model, this.#inside, this.#real)
      this.#hand('the consumer', consuming)
    })
    // From outside, between all else that happens.
    const commands = [begin, ...outside].map((call) => this.#scheduled(call))
    this.#hand(
      'the calls',
      fc.asyncModelRun(() => ({model, real: this.#real}), commands),
    )
    await this.#settle()
    if (!model.isDrained) {
      this.#make({return: calls.leave, dispose: calls.dispose, abort: calls.abort, stop: calls.stop}[finale])
      await this.#settle()
    }
    if (!model.isDrained && finale !== 'stop') {
      // A second abort waits for no source any longer.
      this.#make(calls.abort)
      this.#make(calls.abort)
      await this.#settle()
    }
    this.#world.say('all that never settles is let go')
    this.#world.release()
    await this.#settle()
    if (!model.isDrained) this.#world.problem('the run does not drain')
    else await this.#takeTheRest()
    this.#built.queue?.clear()
    await this.#settle()
    this.#checkDelivered()
    this.#checkOver()
  }

  get #hasSignal(): boolean {
    return this.#scenario.options.signal !== 'none'
  }

  /** Whether the model allows a pull, or a start, now. */
  get #mayStart(): boolean {
    const model = this.#model
    return model.isStarted && model.isRunning && !model.isPaused && model.hasFreeSlot && model.hasRoom
  }

  /** Whether all of a collection has been read. Nobody sees how that is done. */
  get #isAllRead(): boolean {
    const {kind} = this.#scenario.source
    return (kind === 'array' || kind === 'set') && this.#nextIndex === this.#items.all.length
  }

  #make(call: Call): void {
    if (call.check(this.#model)) void call.run(this.#model, this.#real)
  }

  #scheduled(call: Call): Call {
    return {
      check: () => true,
      run: async (model, real) => {
        await this.#world.step(String(call))
        if (call.check(model)) await call.run(model, real)
      },
      toString: () => String(call),
    }
  }

  #hand(label: string, promise: PromiseLike<unknown>): void {
    this.#pending.set(promise, label)
    const settled = (): void => {
      this.#pending.delete(promise)
    }
    promise.then(settled, (error: unknown) => {
      settled()
      if (label !== 'push()') this.#world.problem(`${label} rejects: ${String(error)}`)
    })
  }

  // While it goes on

  #listen(): void {
    const runner = this.#runner
    const enter = (): void => this.#enter()
    const leave = (): void => {
      this.#depth--
      this.#model.failInOrder()
    }
    runner
      .on('start', enter)
      .on('start', (context) => this.#started(context))
      .on('result', enter)
      .on('result', (value, context) => this.#succeeded(value, context))
      .on('error', enter)
      .on('error', (error, context) => this.#failed(error, context))
      .on('drain', enter)
      .on('drain', (stats) => this.#drained(stats))
    for (const event of ['start', 'result', 'error', 'drain'] as const) {
      runner.on(event, () => {
        this.#inside.reach(event)
        if (this.#events !== this.#scenario.listenerThrowsAt) return
        this.#thrown++
        throw 'a listener'
      })
      runner.on(event, leave)
    }
  }

  #enter(): void {
    this.#depth++
    this.#events++
    if (this.#drains > 0) this.#world.problem('an event after drain')
    this.#checkState()
  }

  #checkState(): void {
    const state = ['idle', 'running', 'finishing', 'closing', 'drained'].indexOf(this.#runner.state)
    if (state < this.#state) this.#world.problem(`the state goes back to ${this.#runner.state}`)
    this.#state = state
    if (this.#hasSignal && getEventListeners(this.#controller.signal, 'abort').length > 1)
      this.#world.problem('more than one listener on the signal')
  }

  #started(context: TaskContext): void {
    const {index} = context
    const model = this.#model
    this.#world.say(`start ${index}`)
    if (!model.isRunning) this.#world.problem(`task ${index} starts after the end`)
    if (!this.#mayStart) this.#world.problem(`task ${index} starts when none may`)
    if (this.#scenario.source.isDirect && !this.#runner.pass())
      this.#world.problem(`task ${index} starts though ready() has not let it through`)
    const {live} = this.#items
    if (!this.#scenario.options.releaseOnTimeout && live >= model.limit)
      this.#world.problem(`task ${index} starts while ${live} run`)
    this.#take(index)
    model.started++
    model.open.add(index)
    this.#contexts.set(index, context)
    const bound = model.limit + model.highWaterMark
    if (!model.isDiscarding && model.unconsumed > bound) this.#world.problem(`${model.unconsumed} tasks on their way`)
  }

  #take(index: number): void {
    if (index !== this.#nextIndex) this.#world.problem(`item ${index} comes before ${this.#nextIndex}`)
    this.#nextIndex++
  }

  #succeeded(value: Value, context: TaskContext): void {
    this.#world.say(`result ${context.index}`)
    const item = this.#items.all[context.index]
    const settled = item?.settled
    if (settled === undefined || !('value' in settled) || settled.value !== value)
      this.#world.problem(`task ${context.index} has another result`)
    this.#model.open.delete(context.index)
    this.#model.succeeded++
    this.#model.ready(context.index, value)
    this.#outcome(context)
  }

  #failed(error: ConcurrentError, context: TaskContext | undefined): void {
    this.#world.say(`error ${context?.index ?? '-'}: ${error.message}`)
    if (context === undefined) {
      this.#failedAlone(error)
      return
    }
    const {index} = context
    this.#model.open.delete(index)
    this.#model.failed++
    if (!(error instanceof ConcurrentExecutionError) || error.index !== index)
      this.#world.problem(`the error of task ${index} is none of its own`)
    this.#checkCause(index, error.cause)
    this.#outcome(context)
  }

  #failedAlone(error: ConcurrentError): void {
    const model = this.#model
    const item = this.#items.all[error.index]
    if (error.message.includes('is not a task')) {
      if (item?.isTask !== false) this.#world.problem(`item ${error.index} is a task`)
      this.#take(error.index)
    } else if (error.cause === 'ready failed' && model.ending === undefined) model.fail(exactly(error))
    else if (error.cause === 'cleanup failed') model.fail(exactly(error))
    else if (
      !(error instanceof ConcurrentIteratorError) &&
      !causedBy('shouldRaise failed')(error) &&
      error.cause !== 'ready failed'
    )
      this.#world.problem('an error of unknown origin')
  }

  #checkCause(index: number, cause: unknown): void {
    const item = this.#items.all[index]
    const settled = item?.settled
    if (settled !== undefined && 'cause' in settled && Object.is(settled.cause, cause)) return
    const isOwnTimeout = cause instanceof DOMException && cause.message.startsWith('The task took longer')
    if (!isOwnTimeout && this.#model.outcome?.isReason(cause)) {
      if (this.#hasGivenUp || this.#model.aborts > 1) {
        this.#model.hasToldEarly = true
        if (settled === undefined) this.#toldEarly(index) // or it had just settled, and the runner did not know yet
        return
      }
      if (item?.calls === 0) return // refused
    }
    if (this.#scenario.options.timeout && isOwnTimeout) {
      // A task of a shared queue may have settled before the runner knows it.
      if (!this.#scenario.options.releaseOnTimeout) this.#model.hasToldEarly = true
      if (settled === undefined && !this.#scenario.options.releaseOnTimeout) this.#toldEarly(index)
      return
    }
    if (cause !== 'execute failed') this.#world.problem(`task ${index} failed with ${String(cause)}`)
  }

  #toldEarly(index: number): void {
    const item = this.#items.all[index]
    // A function that was not called: execute() has thrown.
    if (item?.calls !== 0 || item.plan.kind.includes('promise')) this.#model.late.add(index)
    this.#model.hasToldEarly = true
  }

  /** Every start has one outcome, with the same context; and they come in the order in which tasks settle. */
  #outcome(context: TaskContext): void {
    const {index} = context
    this.#outcomes++
    if (this.#contexts.get(index) !== context) this.#world.problem(`task ${index} has no open start`)
    this.#contexts.delete(index)
    const item = this.#items.all[index]
    const isGivenUp = this.#hasGivenUp || this.#model.aborts > 1
    if (!item?.isSteady || item.settled === undefined || this.#scenario.options.timeout || isGivenUp) return
    const expected = this.#items.settlements[this.#told++]
    if (expected !== index) this.#world.problem(`task ${index} is told before ${expected}, which settled first`)
  }

  #drained(stats: RunnerStats): void {
    const model = this.#model
    this.#world.say('drain')
    this.#drains++
    model.isDrained = true
    if (this.#world.timers.size > 0 && !this.#scenario.options.releaseOnTimeout) this.#world.problem('a timer is left')
    if (this.#drains > 1) this.#world.problem('drain twice')
    if (this.#depth > 1) this.#world.problem('drain inside another event')
    if (this.#runner.cleanups !== 1) this.#world.problem('drain before cleanup()')
    if (model.open.size > 0 || model.late.size > 0) this.#world.problem('drain while tasks run')
    if (this.#items.all.some(({isDisposing}) => isDisposing) && !this.#isSourceLost)
      this.#world.problem('drain while an item is being disposed of')
    if (this.#built.probe.isCleaning && !this.#mayOutlive) this.#world.problem('drain before the source is closed')
    if (this.#runner.state !== 'drained') this.#world.problem(`drain in state ${this.#runner.state}`)
    this.#checkStats(stats)
  }

  #checkStats({started, succeeded, failed, running}: RunnerStats): void {
    const model = this.#model
    if (!model.isDrained) this.#world.problem('drained resolves before drain')
    if (started !== model.started || succeeded !== model.succeeded || failed !== model.failed || running !== 0)
      this.#world.problem(`the stats are wrong: ${JSON.stringify({started, succeeded, failed, running})}`)
    if (started !== succeeded + failed || this.#outcomes !== started)
      this.#world.problem(`${this.#outcomes} outcomes of ${started} starts`)
  }

  /** A source in the middle of an item is not waited for. */
  get #isSourceLost(): boolean {
    return this.#built.probe.wasPulling || this.#built.probe.isPulling
  }

  /** Whether the source may still be cleaning up when the run is over. */
  get #mayOutlive(): boolean {
    return this.#isSourceLost || this.#hasGivenUp || this.#model.aborts > 1
  }

  /** A consumer has got the end: the source has cleaned up by then. */
  #checkEnd(): void {
    if (this.#built.probe.isCleaning && !this.#mayOutlive)
      this.#world.problem('the end is told before the source has cleaned up')
  }

  // When nothing moves

  async #settle(): Promise<void> {
    await this.#world.settle()
    this.#checkState()
    this.#checkProgress()
    this.#checkSignals()
  }

  /** Nothing waits without a reason. */
  #checkProgress(): void {
    const model = this.#model
    const {probe} = this.#built
    if (this.#isAllRead && this.#mayStart) model.finish('exhausted')
    if (!model.isRunning && (model.isStarted || model.outcome !== undefined) && this.#built.isOpen())
      this.#world.problem('the stream is left open')
    const isHeld = this.#model.isRunning && this.#scenario.source.stallsAt !== undefined && probe.isPulling
    if (this.#mayStart && !isHeld) this.#world.problem('no task starts though one may')
    const isOver = !model.isRunning && model.open.size === 0 && model.late.size === 0
    const isCleaning = probe.isCleaning && !probe.isPulling && !this.#hasGivenUp && model.aborts < 2
    if (isOver && !isCleaning && !model.isDrained) this.#world.problem('nothing runs any more, and it does not drain')
    const unanswered = model.answers.length - model.answered
    if (unanswered === 0) return
    const isKept = !model.isDiscarding && !model.isCollecting
    if (isKept && model.outcome === undefined && model.available > model.answered)
      this.#world.problem('a result is withheld')
    if (model.outcome !== undefined && !isCleaning) this.#world.problem('the end is withheld from a consumer')
    if (model.isDrained) this.#world.problem('next() pends after the drain')
  }

  /** Signals abort when, and only when, the run does not end gracefully. */
  #checkSignals(): void {
    const {outcome, open, failedAt} = this.#model
    for (const [index, {signal}] of this.#contexts) {
      if (!open.has(index)) continue
      const isBehind = index > failedAt && (outcome === undefined || this.#model.isFailure(signal.reason))
      if (isBehind) {
        if (!signal.aborted || !this.#model.isFailure(signal.reason))
          this.#world.problem(`the signal of task ${index} does not tell of the failure before it`)
      } else if (signal.aborted !== (outcome !== undefined))
        this.#world.problem(`the signal of task ${index} is ${signal.aborted}`)
      else if (outcome !== undefined && !outcome.isReason(signal.reason))
        this.#world.problem(`the signal of task ${index} has another reason: ${String(signal.reason)}`)
    }
  }

  // When all is over

  async #takeTheRest(): Promise<void> {
    for (let count = 0; count < most; count++) {
      void calls.ignoreError(this.#runner.next())
      await this.#world.settle()
      if (this.#model.answers.at(-1)?.kind === 'done') return
    }
    this.#world.problem('next() never tells of the end')
  }

  /** Values in order, then the error if there is one, once, then the end. */
  #checkDelivered(): void {
    const {answers, outcome, available, isDiscarding, isCollecting} = this.#model
    const values = answers.filter((answer) => answer?.kind === 'value')
    const kinds = answers.map((answer) => answer?.kind ?? 'nothing')
    if (!/^(value )*(error )?(done )+$/.test(`${kinds.join(' ')} `)) this.#world.problem(`answers: ${kinds.join(', ')}`)
    const isRaised = outcome !== undefined && outcome.kind !== 'left'
    const error = answers.find((answer) => answer?.kind === 'error')
    if (error && !isRaised) this.#world.problem(`an error is raised that nobody owes: ${String(error.error)}`)
    if (error && isRaised && !outcome.isReason(error.error))
      this.#world.problem(`another error is raised: ${String(error.error)}`)
    if (!error && isRaised && !this.#model.isCollected && !this.#model.hasLeft)
      this.#world.problem('the error is not raised')
    if (error && this.#model.isForfeited) this.#world.problem('an error is raised though the consumer has left')
    if (isDiscarding || isCollecting) return
    const expected = this.#model.dropped ?? available
    const isExact = !this.#scenario.isTimePassing && !this.#model.isVague
    if (isExact ? values.length !== expected : values.length > expected)
      this.#world.problem(`${values.length} results are delivered; expected ${expected}`)
    for (const [place, answer] of values.entries())
      if (answer.value !== this.#model.valueAt(place)) this.#world.problem(`result ${place} is another one`)
  }

  #checkOver(): void {
    const {probe, closing, isLossless} = this.#built
    const isDue = closing === 'always' || (closing === 'once opened' && probe.isOpened)
    if (isDue && probe.over === undefined && probe.returns !== 1) this.#world.problem('the source is not closed')
    if (this.#drains !== 1) this.#world.problem(`${this.#drains} times drain`)
    for (const label of new Set(this.#pending.values())) this.#world.problem(`${label} does not settle`)
    if (this.#hasSignal && getEventListeners(this.#controller.signal, 'abort').length > 0)
      this.#world.problem('a listener is left on the signal')
    // What the disposals of a cleared queue throw has no other receiver, nor has what comes after a drain.
    const reported = this.#world.reported.filter((error) => !isLateFailure(error))
    if (reported.length !== this.#thrown) this.#world.problem(`reported: ${reported.join(', ')}`)
    if (this.#contexts.size > 0) this.#world.problem('a start has no outcome')
    for (const {index, plan, isMade, calls: made, disposals} of this.#items.all) {
      const hasStarted = index < this.#nextIndex && plan.kind !== 'disposable no task'
      if (made > 0 && disposals > 0) this.#world.problem(`item ${index} is called and disposed of`)
      if (plan.kind === 'no task' || (plan.disposal === 'none' && plan.kind !== 'disposable no task')) continue
      if (hasStarted || !isMade || !isLossless) continue
      if (this.#scenario.source.isFactory && !probe.isOpened) continue
      if (disposals !== 1) this.#world.problem(`item ${index} is disposed of ${disposals} times`)
    }
  }
}

function isLateFailure(error: unknown): boolean {
  return error instanceof Error && (error.message.startsWith('disposal of ') || error.message === 'the cleanup failed')
}
