/** What a run may be like: the arbitraries, all of it plain data that shrinks and prints. */
import type {Arbitrary} from 'fast-check'
import * as fc from 'fast-check'
import {record} from './arbitraries.js'
import {call} from './calls.js'
import type {Call, InsideCall} from './inside.js'
import type {HooksPlan} from './observed.js'
import {places} from './places.js'
import {type SourceKind, type SourcePlan, sourcePlan} from './sources.js'
import {type ItemPlan, itemPlan, taskPlan} from './tasks.js'

export interface OptionsPlan {
  readonly limit: number
  readonly highWaterMark: number | undefined
  readonly ordered: boolean
  readonly yieldExceptions: boolean
  readonly timeout: boolean
  readonly releaseOnTimeout: boolean
  readonly signal: 'none' | 'given' | 'aborted'
}

export interface ConsumerPlan {
  readonly kind: 'loop' | 'two loops' | 'burst' | 'run' | 'toArray' | 'none'
  /** Takes its time between two results. */
  readonly isSlow: boolean
  /** Leaves after so many results. */
  readonly leavesAt: number | undefined
  /** Leaves by a throw, and not by `break`. */
  readonly throws: boolean
  /** Calls of `next()` at once, of a burst. */
  readonly width: number
}

export interface Scenario {
  readonly source: SourcePlan
  readonly items: readonly ItemPlan[]
  readonly options: OptionsPlan
  readonly consumer: ConsumerPlan
  readonly hooks: HooksPlan
  /** Calls from outside. */
  readonly calls: readonly Call[]
  /** Calls from listeners, tasks, the source and the hooks. */
  readonly insideCalls: readonly InsideCall[]
  /** Which listeners throw, by how many events there were. */
  readonly listenerThrowsAt: number | undefined
  /** Time goes on at every look at the clock, so that the runner rests. */
  readonly isTimePassing: boolean
  /** How the run is ended that does not end by itself. */
  readonly finale: 'return' | 'dispose' | 'abort' | 'stop'
  /** Microtasks between two things that happen; 5 is a turn of the event loop. */
  readonly jitter: readonly number[]
}

function rarely<V>(usual: V, arbitrary: Arbitrary<V>): Arbitrary<V> {
  return fc.oneof({weight: 4, arbitrary: fc.constant(usual)}, {weight: 1, arbitrary})
}

const options: Arbitrary<OptionsPlan> = record({
  limit: fc.constantFrom(1, 2, 3, 5, Infinity),
  highWaterMark: fc.constantFrom(undefined, undefined, 0, 1, 2, Infinity, Infinity),
  ordered: fc.boolean(),
  yieldExceptions: fc.constantFrom(true, true, false),
  timeout: rarely(false, fc.boolean()),
  releaseOnTimeout: fc.boolean(),
  signal: rarely<OptionsPlan['signal']>('none', fc.constantFrom('given', 'given', 'aborted')),
})

const consumer: Arbitrary<ConsumerPlan> = record({
  kind: fc.oneof(
    {weight: 3, arbitrary: fc.constant('loop' as const)},
    {weight: 4, arbitrary: fc.constantFrom('two loops' as const, 'burst', 'run', 'toArray', 'none')},
  ),
  isSlow: fc.boolean(),
  leavesAt: rarely(undefined, fc.nat(4)),
  throws: fc.boolean(),
  width: fc.integer({min: 2, max: 5}),
})

const hooks: Arbitrary<HooksPlan> = record({
  ready: rarely<HooksPlan['ready']>('none', fc.constantFrom('sync', 'step', 'step', 'throws', 'rejects')),
  execute: rarely<HooksPlan['execute']>('none', fc.constantFrom('passes', 'passes', 'throws')),
  shouldRaise: rarely<HooksPlan['shouldRaise']>('default', fc.constantFrom('never', 'throws')),
  cleanup: rarely<HooksPlan['cleanup']>('none', fc.constantFrom('sync', 'step', 'throws', 'rejects')),
  failsAt: fc.nat(2),
})

const insideCall: Arbitrary<InsideCall> = record({place: fc.constantFrom(...places), nth: fc.nat(3), call})

/** Few, and at times more than fit where results wait at first. */
function items(item: Arbitrary<ItemPlan>): Arbitrary<ItemPlan[]> {
  return fc.oneof(
    {weight: 12, arbitrary: fc.array(item, {maxLength: 10})},
    {weight: 1, arbitrary: fc.array(item, {minLength: 17, maxLength: 40, size: 'max'})},
  )
}

export function scenario(kind: SourceKind): Arbitrary<Scenario> {
  return record({
    source: sourcePlan(kind),
    items: items(kind === 'queue' ? taskPlan : itemPlan),
    options,
    consumer,
    hooks,
    calls: fc.oneof(fc.constant([]), fc.array(call, {maxLength: 5})),
    insideCalls: fc.oneof(fc.constant([]), fc.array(insideCall, {maxLength: 3})),
    listenerThrowsAt: rarely(undefined, fc.nat(8)),
    isTimePassing: rarely(false, fc.boolean()),
    finale: fc.constantFrom('return', 'dispose', 'abort', 'stop'),
    jitter: fc.array(fc.nat(5), {minLength: 1, maxLength: 6}),
  })
}
