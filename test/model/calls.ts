/** The control calls, as fast-check commands: each does the same to the model and to the runner. */
import type {Arbitrary, AsyncCommand} from 'fast-check'
import * as fc from 'fast-check'
import {exactly, type Model} from './model.js'
import type {Observed} from './observed.js'
import type {World} from './world.js'

export interface Real {
  readonly runner: Observed
  readonly controller: AbortController
  readonly hasSignal: boolean
  readonly world: World
  /** Notes a promise that was handed out: it has to settle. */
  readonly hand: (label: string, promise: PromiseLike<unknown>) => void
}

/** Tells the timer of `stop` from those of tasks. */
export const stopTimeout = 7919

/** Every call may be made at any time and from anywhere. */
class ControlCall implements AsyncCommand<Model, Real> {
  readonly #name: string
  readonly #make: (model: Model, real: Real) => void

  constructor(name: string, make: (model: Model, real: Real) => void) {
    this.#name = name
    this.#make = make
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    real.world.say(`${this.#name} [${real.runner.state}]`)
    this.#make(model, real)
  }

  toString(): string {
    return this.#name
  }
}

export function control(name: string, make: (model: Model, real: Real) => void): AsyncCommand<Model, Real> {
  return new ControlCall(name, make)
}

export const pause: AsyncCommand<Model, Real> = control('pause', (model, {runner}) => {
  model.isPaused = true
  runner.pause()
})

export const resume: AsyncCommand<Model, Real> = control('resume', (model, {runner}) => {
  model.isPaused = false
  runner.resume()
})

export const leave: AsyncCommand<Model, Real> = control('return', (_model, {runner, hand}) => {
  hand('return()', runner.return())
})

export const dispose: AsyncCommand<Model, Real> = control('dispose', (_model, {runner, hand}) => {
  hand('asyncDispose', runner[Symbol.asyncDispose]())
})

export const stop: AsyncCommand<Model, Real> = control('stop', (_model, {runner, hand}) => {
  hand('stop()', runner.stop())
})

export const abort: AsyncCommand<Model, Real> = control('abort', (_model, {runner}) => runner.abort('aborted'))

const next = control('next', (_model, {runner, hand}) => hand('next()', ignoreError(runner.next())))

const signal = control('signal', (model, {controller, hasSignal}) => {
  if (controller.signal.aborted) return
  // A run that has not begun, or has drained, does not listen to its signal: `next()` looks at it.
  if (hasSignal && model.isStarted && !model.isDrained) model.abort(exactly('signalled'))
  controller.abort('signalled')
})

const throwing = control('throw', (_model, {runner, hand}) => {
  const promise = runner.throw('thrown').catch((error: unknown) => {
    if (error !== 'thrown') throw error
  })
  hand('throw()', promise)
})

const stopIn = control('stop in time', (_model, {runner, hand}) => {
  hand('stop({timeout})', runner.stop({timeout: stopTimeout}))
})

const undefinedAbort = control('abort with undefined', (_model, {runner}) => runner.abort())

function limit(value: number): AsyncCommand<Model, Real> {
  return control(`limit ${value}`, (model, {runner}) => {
    model.limit = value
    runner.limit = value
  })
}

/** Calls that let a run go on are as frequent as calls that end it. */
export const call: Arbitrary<AsyncCommand<Model, Real>> = fc.oneof(
  {weight: 2, arbitrary: fc.constant(next)},
  {weight: 3, arbitrary: fc.constantFrom(resume, pause)},
  {weight: 2, arbitrary: fc.constantFrom(1, 2, 4, Infinity).map(limit)},
  {weight: 1, arbitrary: fc.constantFrom(stop, stopIn)},
  {weight: 1, arbitrary: fc.constantFrom(abort, signal, undefinedAbort)},
  {weight: 1, arbitrary: fc.constantFrom(leave, dispose, throwing)},
)

export async function ignoreError(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // The call is made on the model, too.
  }
}
