/** A runner that passes on to the model what is asked of it and what its hooks get. */
import {
  type ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  type RunnerOptions,
  type RunnerStats,
  type Source,
  type Task,
  type TaskContext,
  type Yielded,
} from '../../src/index.js'
import {type Answer, exactly, type Model, named} from './model.js'
import type {Inside} from './places.js'
import type {Value} from './tasks.js'
import type {World} from './world.js'

export interface HooksPlan {
  readonly ready: 'none' | 'sync' | 'step' | 'throws' | 'rejects'
  readonly execute: 'none' | 'passes' | 'throws'
  readonly shouldRaise: 'default' | 'never' | 'throws'
  readonly cleanup: 'none' | 'sync' | 'step' | 'throws' | 'rejects'
  /** At which call the hooks that fail do so. */
  readonly failsAt: number
}

export interface Surroundings {
  readonly model: Model
  readonly world: World
  readonly inside: Inside
  readonly hooks: HooksPlan
  /** A consumer has got the end. */
  onEnd(): void
}

export class Observed extends ConcurrentRunner<Value, boolean> {
  cleanups = 0
  readonly #model: Model
  readonly #world: World
  readonly #inside: Inside
  readonly #hooks: HooksPlan
  readonly #options: RunnerOptions
  readonly #onEnd: () => void
  /** Calls of `next()` that have not returned. */
  #calls = 0
  /** One was made inside of another, and may settle first. */
  #isNested = false
  #fates = 0
  /** How often ready() has let a pull through, less the pulls that were made. */
  #passes = 0
  #gates = 0
  #executions = 0
  /** Inside of execute(), which was called in time. */
  isExecuting = false

  constructor(source: Source<Value>, options: RunnerOptions, surroundings: Surroundings) {
    super(source, options)
    this.#options = options
    this.#model = surroundings.model
    this.#world = surroundings.world
    this.#inside = surroundings.inside
    this.#hooks = surroundings.hooks
    this.#onEnd = () => surroundings.onEnd()
    // Not methods: a runner takes another way where these are not overridden.
    if (this.#hooks.ready !== 'none') this.ready = () => this.#ready()
    if (this.#hooks.execute !== 'none') this.execute = (task, context) => this.#execute(task, context)
  }

  override next(): Promise<IteratorResult<Yielded<Value, boolean>, undefined>> {
    this.#begin()
    const place = this.#model.answers.length
    this.#model.answers.push(undefined)
    if (this.#calls > 0) this.#isNested = true
    this.#calls++
    const isFirst = this.state === 'idle'
    if (isFirst) this.#model.isBeginning = true
    const result = super.next()
    if (isFirst) this.#model.isBeginning = false
    this.#calls--
    result.then(
      ({done, value}) => this.#answered(place, done ? {kind: 'done'} : {kind: 'value', value}),
      (error: unknown) => this.#answered(place, {kind: 'error', error}),
    )
    return result
  }

  override run(): Promise<RunnerStats> {
    if (!this.#model.isDiscarding && !this.#model.isCollecting && !this.#model.isDrained) {
      this.#model.isDiscarding = true
      this.#model.isCollected = true
      this.#begin()
      this.#model.failInOrder()
    }
    return super.run()
  }

  override toArray(): Promise<Array<Yielded<Value, boolean>>> {
    this.#model.isCollected = true
    if (!this.#model.isDiscarding && !this.#model.isDrained) this.#model.isCollecting = true
    this.#begin()
    return super.toArray()
  }

  override return<V = undefined>(value?: V | PromiseLike<V>): Promise<IteratorReturnResult<Awaited<V>>> {
    this.#model.leave(named('AbortError'))
    return super.return(value)
  }

  override throw(error?: unknown): Promise<IteratorReturnResult<undefined>> {
    this.#model.leave(exactly(error))
    return super.throw(error)
  }

  override abort(...reasons: [reason?: unknown]): void {
    const [reason] = reasons
    this.#model.abort(reason === undefined ? named('AbortError') : exactly(reason))
    super.abort(...reasons)
  }

  override stop(...options: Parameters<ConcurrentRunner<Value>['stop']>): Promise<RunnerStats> {
    this.#model.finish('stopped')
    return super.stop(...options)
  }

  protected override shouldRaise(error: ConcurrentError): boolean {
    const model = this.#model
    if (error instanceof ConcurrentExecutionError) model.open.delete(error.index)
    this.#inside.reach('shouldRaise')
    const {shouldRaise, failsAt} = this.#hooks
    if (shouldRaise === 'throws' && this.#fates++ === failsAt) {
      model.failAt(error.index, causedBy('shouldRaise failed'))
      throw 'shouldRaise failed'
    }
    const byDefault = super.shouldRaise(error)
    const expected = this.#options.yieldExceptions !== true || error instanceof ConcurrentIteratorError
    if (byDefault !== expected) this.#world.problem(`shouldRaise() gives ${byDefault}`)
    const isRaised = byDefault && shouldRaise !== 'never'
    if (isRaised) model.failAt(error.index, exactly(error))
    else {
      model.ready(error.index, error)
      if (error instanceof ConcurrentIteratorError) model.finish('exhausted')
    }
    return isRaised
  }

  protected override cleanup(reason: unknown): PromiseLike<void> | void {
    const {outcome, open, late} = this.#model
    this.#world.say('cleanup()')
    if (++this.cleanups > 1) this.#world.problem('cleanup() is called twice')
    if (open.size > 0 || late.size > 0) this.#world.problem('cleanup() is called while tasks run')
    if (outcome === undefined ? reason !== undefined : !outcome.isReason(reason))
      this.#world.problem(`cleanup() is told that the reason is ${String(reason)}`)
    this.#inside.reach('cleanup')
    return this.#misbehave(this.#hooks.cleanup, 'cleanup failed')
  }

  /** It begins to run, unless its signal has aborted. */
  #begin(): void {
    const {signal} = this.#options
    if (this.state === 'idle' && !signal?.aborted) this.#model.isStarted = true
    else if (signal?.aborted && this.state === 'idle') this.#model.abort(exactly(signal.reason))
  }

  #answered(place: number, answer: Answer): void {
    this.#model.answers[place] = answer
    const isInTurn = place === this.#model.answered++
    if (!isInTurn && !this.#isNested) this.#world.problem(`next() number ${place} is answered before an earlier one`)
    this.#world.say(`next() number ${place} gives ${answer.kind}`)
    if (answer.kind !== 'value') this.#onEnd()
  }

  /** Uses up what ready() has let through, if there is any. */
  pass(): boolean {
    return this.#hooks.ready === 'none' || this.#passes-- > 0
  }

  #ready(): PromiseLike<void> | void {
    this.#inside.reach('ready')
    const {ready, failsAt} = this.#hooks
    const isFailing = (ready === 'throws' || ready === 'rejects') && this.#gates++ === failsAt
    this.#passes++
    return isFailing || ready === 'step' ? this.#misbehave(ready, 'ready failed') : undefined
  }

  #execute(task: Task<Value>, context: TaskContext): Value | PromiseLike<Value> {
    if (this.#model.outcome !== undefined) this.#world.problem('execute() is called after the end')
    this.#inside.reach('execute')
    const isFailing = this.#hooks.execute === 'throws'
    if (isFailing && this.#executions++ === this.#hooks.failsAt) throw 'execute failed'
    this.isExecuting = true
    try {
      return super.execute(task, context)
    } finally {
      this.isExecuting = false
    }
  }

  #misbehave(how: HooksPlan['ready' | 'cleanup'], error: string): PromiseLike<void> | void {
    if (how === 'throws') throw error
    return how === 'step' || how === 'rejects' ? this.#later(how, error) : undefined
  }

  async #later(how: 'step' | 'rejects', error: string): Promise<void> {
    await this.#world.step(error)
    if (how === 'rejects') throw error
  }
}

/** An error of the runner with this cause. */
export function causedBy(cause: unknown): (error: unknown) => boolean {
  return (error) => error instanceof Error && error.cause === cause
}
