/**
 * Measures each contender in processes of its own, in interleaved rounds, prints the ratios and saves all figures:
 * `npm run bench -- [--quick] [--only run,loop] [--state hot] [--build DIR] [--rounds N] [--limit N] [--json] [--picture]`.
 */
import {execFile} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs, promisify} from 'node:util'
import {contender, contenders, version} from './contenders.js'
import {type Found, type Job, type State, states, statesOf} from './job.js'
import {machine} from './machine.js'
import {addressOf} from './ours.js'
import {draw} from './picture.js'
import {best, type Measured, type Report, rows, tables} from './report.js'
import {rowPlans} from './rows.js'

const {values: options} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    only: {type: 'string'},
    state: {type: 'string'},
    build: {type: 'string', multiple: true, default: []},
    rounds: {type: 'string'},
    limit: {type: 'string', default: '16'},
    json: {type: 'boolean', default: false},
    picture: {type: 'boolean', default: false},
  },
})
const amounts: Readonly<Record<State, number>> = {
  hot: options.quick ? 100_000 : 200_000,
  collected: 100_000,
  short: 5000,
  'short collected': 5000,
  bytes: 50_000,
  import: 1,
}
const execute = promisify(execFile)
const child = fileURLToPath(new URL('child.js', import.meta.url))
const own = fileURLToPath(new URL('../../../dist', import.meta.url))
const builds = [...new Set([own, ...options.build.map((dir) => resolve(dir))])]
const rounds = Number(options.rounds ?? (options.quick ? 2 : 7))
const limit = Number(options.limit)
if (!(rounds >= 1 && limit >= 1)) throw new RangeError('--rounds and --limit must be ≥ 1')

const chosen = options.only?.split(',').map(contender)
const chosenStates = options.state?.split(',') ?? states
const streaming = contenders.filter(({kind, streams}) => kind === 'peer' && streams).map(({id}) => id)
const plans = rowPlans(streaming)
const inRows = new Set(plans.flatMap(({state, of, over}) => [of, ...over].map((id) => `${state} ${id}`)))
const measured: Measured[] = (chosen ?? contenders).flatMap((each) =>
  builds
    .slice(0, each.kind === 'ours' ? undefined : 1)
    .flatMap((build) =>
      statesOf(each).flatMap((state) =>
        chosenStates.includes(state) ? [{contender: each.id, state, build, values: []}] : [],
      ),
    ),
)

const began = machine()
const start = performance.now()
for (let round = 0; round < rounds; round++) {
  const leader = (state: State): number =>
    Math.min(...measured.filter((each) => each.state === state && streaming.includes(each.contender)).map(best))
  // Later rounds leave out what no ratio needs, and streaming peers that are far from being the fastest.
  const isDue = (each: Measured): boolean =>
    chosen !== undefined ||
    (round < 2 && !options.quick) ||
    (inRows.has(`${each.state} ${each.contender}`) &&
      (round < 2 || !streaming.includes(each.contender) || best(each) < 1.5 * leader(each.state)))
  for (const each of shuffled(measured.filter(isDue))) {
    if (each.cannot !== undefined) continue
    const found = await measure(each)
    if ('cannot' in found) each.cannot = found.cannot
    else each.values.push(found.value)
  }
  console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s: round ${round + 1} of ${rounds}`)
}

const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  command: ['npm run bench', process.argv.slice(2).join(' ')].filter(Boolean).join(' -- '),
  node: process.versions.node,
  machine: began,
  rounds,
  limit,
  builds,
  versions: Object.fromEntries(contenders.flatMap(({package: name}) => (name ? [[name, version(name)]] : []))),
  rows: rows(plans, measured, builds),
  measured,
}
const json = `${JSON.stringify(report, null, 2)}\n`
writeFileSync(new URL('report.json', import.meta.url), json)
if (options.picture) draw(report)
process.stdout.write(options.json ? json : tables(report, !options.quick))

async function measure({contender: id, state, build}: Measured): Promise<Found> {
  const {fewer = Infinity, package: name} = contender(id)
  try {
    if (state === 'import') {
      const url = name === 'aio-tasks' ? addressOf(build) : import.meta.resolve(name ?? './empty.js')
      return {value: (await processorTime(`await import('${url}')`)) - (await processorTime(''))}
    }
    const amount = Math.min(amounts[state], fewer)
    const effort = options.quick ? {time: 150, samples: 2} : {time: 300, samples: 3}
    const job: Job = {contender: id, state, build, amount, limit, ...effort}
    const {stdout} = await execute(process.execPath, ['--expose-gc', child, JSON.stringify(job)], {timeout: 120_000})
    return JSON.parse(stdout) as Found
  } catch (error) {
    process.exitCode = 1
    return {cannot: `failed: ${String(error)}`}
  }
}

/** Milliseconds of processor time that a fresh process needs for a script. */
async function processorTime(script: string): Promise<number> {
  const measuring = `
    const before = process.cpuUsage()
    ${script}
    const {user, system} = process.cpuUsage(before)
    console.log((user + system) / 1000)`
  const {stdout} = await execute(process.execPath, ['--input-type=module', '--eval', measuring])
  return Number(stdout)
}

/** In another order each round, so that none always runs behind the same neighbour. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((each) => ({each, place: Math.random()}))
    .sort((a, b) => a.place - b.place)
    .map(({each}) => each)
}
