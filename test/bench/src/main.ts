/** Measures everything, prints it and saves it for the picture: `npm run bench -- [--quick] [--json]`. */
import {writeFileSync} from 'node:fs'
import {parseArgs} from 'node:util'
import {measureCase} from './cases.js'
import {contenders} from './contenders/index.js'
import {measureImports} from './extras/imports.js'
import {measureLateness} from './extras/lateness.js'
import {measureHeapGrowth, measureRetained} from './extras/retained.js'
import {measureSize} from './extras/size.js'
import {goals} from './goals.js'
import {measureLengths, measureLimits} from './growth.js'
import {machine} from './machine.js'
import {full, main, quick} from './plan.js'
import type {Case, Report} from './report.js'
import {tables} from './table.js'
import {version} from './versions.js'

const {values: options} = parseArgs({
  options: {quick: {type: 'boolean', default: false}, json: {type: 'boolean', default: false}},
})
const plan = options.quick ? quick : full
const began = machine()

const cases: Case[] = []
for (const each of plan.cases) {
  progress(`${each.work}, ${each.source}, limit ${each.limit}`)
  cases.push(await measureCase(each))
}
progress('limits')
const limits = await measureLimits(plan)
progress('lengths')
const lengths = await measureLengths(plan)
progress('timers')
const lateness = await measureLateness(plan, pace(cases))
progress('memory, size and imports')
const extras = {
  lateness,
  retained: await measureRetained(plan),
  heapGrowth: await measureHeapGrowth(plan),
  size: await measureSize(),
  imports: await measureImports(plan),
}
progress('done')

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  command: ['npm run bench', ...(options.quick ? ['--quick'] : [])].join(' -- '),
  node: process.versions.node,
  machine: began,
  rounds: plan.rounds,
  versions: versions(),
  cases,
  limits,
  lengths,
  extras,
  goals: goals({cases, limits, lengths, extras}, !options.quick),
}
const json = `${JSON.stringify(report, null, 2)}\n`
writeFileSync(new URL('report.json', import.meta.url), json)
process.stdout.write(options.json ? json : `${tables(report)}\n`)

/** What part of the tasks each contender did in the main case. */
function pace(measured: readonly Case[]): ReadonlyMap<string, number> {
  const {work, source, limit} = main
  const found = measured.find((each) => each.work === work && each.source === source && each.limit === limit)
  return new Map(found?.rows.flatMap(({id, cost}) => ('tasks' in cost ? [[id, cost.tasks / found.tasks]] : [])))
}

function versions(): Record<string, string> {
  const names = new Set(contenders.flatMap(({package: name}) => name ?? []))
  return Object.fromEntries([...names, 'esbuild'].map((name) => [name, version(name)]))
}

function progress(what: string): void {
  console.error(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}`)
}
