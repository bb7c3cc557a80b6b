/** Measures the contenders beside each other, on the work of one case. */
import {type Contender, contenders, obstacle} from './contenders/index.js'
import {interleave} from './measure.js'
import type {PlannedCase} from './plan.js'
import type {Case} from './report.js'
import {label} from './versions.js'
import {asyncSource, check, type SourceKind, syncSource, type Work} from './work.js'

export async function measureCase({work, source, limit, tasks, isMain, effort}: PlannedCase): Promise<Case> {
  const present = contenders.filter(({isExtra}) => isMain || !isExtra)
  const able = present.filter((each) => obstacle(each, source, limit) === undefined)
  const outcomes = await interleave(
    able.map((each) => ({id: each.id, tasks, attempt: (count) => attempt(each, work, source, limit, count)})),
    effort,
  )
  const rows = present.map((each) => ({
    id: each.id,
    name: label(each),
    kind: each.kind,
    streams: each.streams ?? false,
    cost: outcomes.get(each.id) ?? {cannot: obstacle(each, source, limit) ?? 'it was not measured'},
  }))
  return {work, source, limit, tasks, rows}
}

/** Has a contender do so many tasks, and checks the results. */
export async function attempt(
  {takes, run}: Contender,
  work: Work,
  source: SourceKind,
  limit: number,
  tasks: number,
): Promise<void> {
  if (source === 'sync') check(await run(syncSource(work, tasks), limit), tasks)
  else if (takes === 'any source') check(await run(asyncSource(work, tasks), limit), tasks)
  else throw new Error('Its tasks are pushed')
}
