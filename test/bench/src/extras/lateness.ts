/** How late a timer gets while contenders have tasks that finish at once. */
import {attempt} from '../cases.js'
import {type Contender, contenders} from '../contenders/index.js'
import {collect} from '../measure.js'
import {main, type Plan} from '../plan.js'
import type {Lateness} from '../report.js'
import {round} from '../stats.js'
import {label} from '../versions.js'

const interval = 5

/** @param pace What part of its tasks each contender did when it had little time: one that is slow does fewer here too. */
export async function measureLateness({timer}: Plan, pace: ReadonlyMap<string, number>): Promise<Lateness[]> {
  const found: Lateness[] = []
  for (const each of contenders) {
    if (each.kind === 'ours') found.push(await lateness(each, timer.ours))
    if (each.kind === 'peer') found.push(await lateness(each, Math.round(timer.peers * (pace.get(each.id) ?? 0.01))))
  }
  return found
}

async function lateness(each: Contender, tasks: number): Promise<Lateness> {
  await attempt(each, main.work, main.source, main.limit, Math.min(tasks, 20_000))
  await collect('minor')
  let fired = 0
  let late = 0
  const start = performance.now()
  let last = start
  const tick = (): void => {
    const now = performance.now()
    late = Math.max(late, now - last - interval)
    last = now
  }
  const timer = setInterval(() => {
    fired++
    tick()
  }, interval)
  try {
    await attempt(each, main.work, main.source, main.limit, tasks)
  } finally {
    clearInterval(timer)
  }
  tick() // it may have been due
  const isRunner = each.kind === 'ours' && each.takes === 'any source'
  return {name: label(each), isRunner, tasks, elapsed: round(last - start), fired, late: round(late)}
}
