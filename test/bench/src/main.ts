/**
 * Measures each contender in processes of its own, in interleaved rounds, prints the ratios and saves all figures:
 * `npm run bench -- [--quick] [--only run,loop] [--state hot] [--build DIR] [--json] [--picture]`.
 */
import {execFile} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {parseArgs, promisify} from 'node:util'
import {type Contender, contenders} from './contenders.js'
import {type Found, type Job, type State, statesOf} from './job.js'
import {machine} from './machine.js'
import {addressOf} from './ours.js'
import {draw} from './picture.js'
import {type Measured, type Report, rows, tables} from './report.js'
import {rowPlans} from './rows.js'
import {version} from './versions.js'

const {values: options} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    only: {type: 'string'},
    state: {type: 'string'},
    build: {type: 'string', multiple: true, default: []},
    json: {type: 'boolean', default: false},
    picture: {type: 'boolean', default: false},
  },
})
const execute = promisify(execFile)
const child = fileURLToPath(new URL('child.js', import.meta.url))
const builds = [fileURLToPath(new URL('../../../dist', import.meta.url)), ...options.build]
const amounts: Readonly<Record<State, number>> = {
  hot: 200_000,
  collected: 100_000,
  short: 5000,
  'short collected': 5000,
  bytes: 50_000,
  import: 1,
}
const streaming = contenders.filter(({kind, streams}) => kind === 'peer' && streams).map(({id}) => id)
const plans = rowPlans(streaming)
const inRows = new Set(plans.flatMap(({state, of, over}) => [of, ...over].map((id) => `${state} ${id}`)))

const only = options.only?.split(',')
const states = options.state?.split(',')
for (const id of only ?? [])
  if (!contenders.some((each) => each.id === id))
    throw new Error(`There is no ${id}, but ${contenders.map((each) => each.id).join(', ')}`)

const rounds = options.quick ? 2 : 9
const fewRounds = options.quick ? 0 : 3
const measured: Measured[] = contenders
  .filter(({id}) => only?.includes(id) ?? true)
  .flatMap((each) =>
    builds.slice(0, each.kind === 'ours' ? undefined : 1).flatMap((build) =>
      statesOf(each)
        .filter((state) => states?.includes(state) ?? true)
        .map((state) => ({contender: each.id, state, build, values: [] as number[]})),
    ),
  )
const began = machine()
const start = performance.now()
for (let round = 0; round < rounds; round++) {
  const isRow = (each: Measured): boolean => only !== undefined || inRows.has(`${each.state} ${each.contender}`)
  for (const each of shuffled(measured.filter((other) => round < fewRounds || isRow(other)))) {
    if (each.cannot !== undefined) continue
    const found = await measure(each)
    if ('cannot' in found) each.cannot = found.cannot
    else each.values.push(found.value)
  }
  console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  round ${round + 1} of ${rounds}`)
}

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  command: ['npm run bench', process.argv.slice(2).join(' ')].filter(Boolean).join(' -- '),
  node: process.versions.node,
  machine: began,
  rounds,
  builds,
  versions: Object.fromEntries(contenders.flatMap(({package: name}) => (name ? [[name, version(name)]] : []))),
  measured,
  rows: rows(plans, measured, builds),
}
const json = `${JSON.stringify(report, null, 2)}\n`
writeFileSync(new URL('report.json', import.meta.url), json)
if (options.picture) draw(report)
process.stdout.write(options.json ? json : tables(report))

async function measure({contender: id, state, build}: Measured): Promise<Found> {
  const who = contenders.find((each) => each.id === id)
  if (state === 'import') return {value: (await importing(who, build)) - (await importing(undefined, build))}
  const job: Job = {
    contender: id,
    state,
    build,
    amount: Math.min(amounts[state], who?.fewer ?? Infinity),
    limit: 16,
    time: options.quick ? 150 : 300,
  }
  const {stdout} = await execute(process.execPath, ['--expose-gc', child, JSON.stringify(job)])
  return JSON.parse(stdout) as Found
}

/** Milliseconds of processor time of a process that imports one package, or nothing. */
async function importing(who: Contender | undefined, build: string): Promise<number> {
  const url =
    who?.package === 'aio-tasks' ? addressOf(build) : import.meta.resolve(who?.package ?? 'data:text/javascript,')
  const script = `await import(${JSON.stringify(url)})
    const {user, system} = process.cpuUsage()
    console.log((user + system) / 1000)`
  const {stdout} = await execute(process.execPath, ['--input-type=module', '--eval', script])
  return Number(stdout)
}

/** In another order each round, so that none always runs behind the same neighbour. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((each) => ({each, place: Math.random()}))
    .sort((a, b) => a.place - b.place)
    .map(({each}) => each)
}
