/**
 * Measures both sources beside bare BullMQ, in interleaved rounds of one run. After `npm run bench`, which builds it:
 * `node --expose-gc test/bench/dist/bullmq/main.js [--rounds N] [--jobs N] [--only worker,signal,producer,pg-boss]`.
 * A ratio is of rates: 1 is as fast as bare BullMQ, 0.5 takes twice as long.
 */
import {parseArgs} from 'node:util'
import {machine} from '../machine.js'
import {type Summary, summarise} from '../stats.js'
import {measureEnds} from './ends.js'
import {versionOf} from './engine.js'
import type {Attempt, Cost} from './meter.js'
import {measureProducers} from './producers.js'
import {RedisServer} from './redis.js'
import {measureWorkers} from './workers.js'

const {values: options} = parseArgs({
  options: {
    rounds: {type: 'string', default: '9'},
    jobs: {type: 'string', default: '5000'},
    only: {type: 'string', default: 'worker,signal,producer,pg-boss'},
  },
})
const only = new Set(options.only.split(','))
const [rounds, jobs] = [Number(options.rounds), Number(options.jobs)]
if (!(rounds >= 1 && jobs >= 500)) throw new RangeError('--rounds must be ≥ 1 and --jobs ≥ 500')

const {cpu, cores, system, load} = machine()
console.log(`BullMQ ${versionOf('bullmq')}, ${await RedisServer.version()}, AOF every second`)
console.log(`Node ${process.versions.node}, ${system}, ${cpu}, ${cores} cores, load ${load}`)
console.log(`${jobs} jobs a round, ${rounds} rounds; ms a round are medians\n`)

const redis = await RedisServer.start()
try {
  if (only.has('worker')) {
    await compare('worker, limit 50, no-op', measureWorkers(redis, jobs, 0))
    await compare('worker, limit 50, 5 ms', measureWorkers(redis, jobs, 5))
  }
  if (only.has('signal')) await compare('worker, limit 50, signal', measureWorkers(redis, jobs, 0, true))
  if (only.has('producer')) await compare('producer, limit 500', await measureProducers(redis, jobs))
  if (only.has('pg-boss')) await compareEngines()
} finally {
  await redis.end()
}

async function compareEngines(): Promise<void> {
  const ends = await measureEnds(redis, Math.ceil(jobs / 2))
  if (ends === undefined) console.log('pg-boss beside BullMQ: SKIPPED, for want of PostgreSQL')
  else await compare(`pg-boss ${versionOf('pg-boss')}, end to end`, ends, 'BullMQ, end to end')
}

async function compare(
  title: string,
  {ours, bare, end}: {ours: Attempt; bare: Attempt; end?: () => Promise<void>},
  other = 'bare BullMQ',
): Promise<void> {
  for (const warm of [ours, bare]) await warm()
  const costs: Array<readonly [ours: Cost, bare: Cost]> = []
  for (let round = 0; round < rounds; round++) {
    globalThis.gc?.()
    if (round % 2 === 0) {
      const first = await ours()
      costs.push([first, await bare()])
    } else {
      const first = await bare()
      costs.push([await ours(), first])
    }
  }
  await end?.()
  const ratio = summarise(costs.map(([our, their]) => their.ms / our.ms))
  const cpuRatio = summarise(costs.map(([our, their]) => their.cpu / our.cpu))
  const [ms, bareMs] = [summarise(costs.map(([our]) => our.ms)), summarise(costs.map(([, their]) => their.ms))]
  console.log(
    `${title.padEnd(26)} ${show(ratio)} of ${other}; by processor time ${show(cpuRatio)}; ` +
      `${ms.median.toFixed(0)} ms beside ${bareMs.median.toFixed(0)} ms`,
  )
}

function show({median, low, high}: Summary): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
}
