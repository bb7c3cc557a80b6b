/**
 * A campaign of faults against both engines, with real servers and real processes:
 *
 *     npm run faults -- --rounds 200 --seed 1 [--engine bullmq|pg-boss] [--only 'part of a name']
 *
 * The rows take turns; the seed decides sizes and moments. Prints a table, and ends with status 1 if a condition did
 * not hold. Needs redis-server and PostgreSQL. If a server is missing, its engine is left out, and the table says so.
 */
import {spawnSync} from 'node:child_process'
import {parseArgs} from 'node:util'
import {postgresFolder} from '../engines/postgres.js'
import {Random} from '../helpers/random.js'
import {type Ground, PostgresGround, RedisGround} from './grounds.js'
import {buildPrograms} from './program.js'
import {type Outcome, Round, type Row} from './round.js'
import {rows} from './rows.js'

const {values} = parseArgs({
  options: {
    rounds: {type: 'string', default: '24'},
    seed: {type: 'string', default: '1'},
    engine: {type: 'string'},
    only: {type: 'string'},
  },
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)

const grounds: Ground[] = []
const isWanted = (engine: string): boolean => values.engine === undefined || values.engine === engine
if (isWanted('bullmq')) {
  if (spawnSync('redis-server', ['--version']).error === undefined) grounds.push(new RedisGround())
  else console.error('SKIPPED: BullMQ, for want of redis-server')
}
if (isWanted('pg-boss')) {
  if (postgresFolder() !== undefined) grounds.push(new PostgresGround())
  else console.error('SKIPPED: pg-boss, for want of PostgreSQL')
}
if (grounds.length === 0) process.exit(77)

/** Every row on each engine that it applies to, in turns. */
const plan = rows
  .filter(({name}) => values.only === undefined || name.includes(values.only))
  .flatMap((row) => grounds.filter(({engine}) => (row.only ?? engine) === engine).map((ground) => ({row, ground})))

class Tally {
  rounds = 0
  jobs = 0
  results = 0
  failures = 0
  reruns = 0
  broken = 0

  add({jobs, results, failures, reruns, problems}: Outcome): void {
    this.rounds++
    this.jobs += jobs
    this.results += results
    this.failures += failures
    this.reruns += reruns
    if (problems.length > 0) this.broken++
  }
}

const tallies = new Map<string, Tally>()
const tallyOf = (row: Row, ground: Ground): Tally => {
  const key = `${row.name} | ${ground.engine}`
  const tally = tallies.get(key) ?? new Tally()
  tallies.set(key, tally)
  return tally
}

const programs = await buildPrograms()
let broken = 0
try {
  await Promise.all(grounds.map((ground) => ground.up()))
  for (let number = 0; number < rounds; number++) {
    const entry = plan[number % plan.length]
    if (entry === undefined) break
    const {row, ground} = entry
    const random = new Random(seed * 1_000_003 + number)
    const outcome = await new Round(ground, row, random, `round-${seed}-${number}`, programs.folder).run()
    tallyOf(row, ground).add(outcome)
    const {jobs, results, reruns, problems} = outcome
    console.error(`${number + 1}/${rounds} ${ground.engine}: ${row.name}: ${results} of ${jobs}, ${reruns} reruns`)
    for (const problem of problems) console.error(`  BROKEN: ${problem}`)
    if (problems.length > 0) broken++
  }
} finally {
  await Promise.all(grounds.map((ground) => ground.end()))
  programs.remove()
}

console.log('| fault | engine | rounds | jobs | results | failures | run again | broken rounds |')
console.log('|---|---|---|---|---|---|---|---|')
for (const [key, tally] of tallies)
  console.log(
    `| ${key} | ${tally.rounds} | ${tally.jobs} | ${tally.results} | ${tally.failures} | ${tally.reruns} | ${tally.broken} |`,
  )
console.log(`\nSeed ${seed}, ${rounds} rounds, ${broken} broken`)
process.exit(broken === 0 ? 0 : 1)
