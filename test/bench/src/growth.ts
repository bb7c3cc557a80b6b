/** Measures the runner beside itself: what a task costs at a high limit, and in a long run. */
import {attempt} from './cases.js'
import {contender} from './contenders/index.js'
import {interleave} from './measure.js'
import {main, type Plan} from './plan.js'
import type {Cost, Growth} from './report.js'

interface Kind {
  readonly what: string
  readonly limit: number
  readonly tasks: number
  readonly isWarm?: boolean
}

export function measureLimits({rounds, limits: {few, many, tasks}}: Plan): Promise<Growth> {
  return compare({what: named(few), limit: few, tasks}, {what: named(many), limit: many, tasks}, rounds)
  function named(limit: number): string {
    return `limit ${limit.toLocaleString('en')}`
  }
}

export function measureLengths({rounds, lengths: {few, many}}: Plan): Promise<Growth> {
  const {limit} = main
  return compare({what: named(few), limit, tasks: few}, {what: named(many), limit, tasks: many, isWarm: true}, rounds)
  function named(tasks: number): string {
    return `${tasks.toLocaleString('en')} tasks`
  }
}

async function compare(few: Kind, many: Kind, rounds: number): Promise<Growth> {
  const runner = contender('for await')
  const entries = [few, many].map(({what, limit, tasks, isWarm = false}) => ({
    id: what,
    tasks,
    isWarm,
    attempt: (count: number) => attempt(runner, main.work, main.source, limit, count),
  }))
  const outcomes = await interleave(entries, {rounds, budget: Infinity, warmUp: 150, isApart: true})
  return {few: found(few), many: found(many)}

  function found({what}: Kind): {what: string; cost: Cost} {
    return {what, cost: outcomes.get(what) ?? {failed: 'it was not measured'}}
  }
}
