/**
 * Keeps runners and queues busy for an hour as a service would that has a bad day, and checks that no task is lost
 * or run twice, no error goes astray and no memory stays: `npm run soak [-- --minutes N] [--seed S]`. The same
 * seed makes the same choices; when timers fire is not in its hands.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import {parseArgs} from 'node:util'
import {Random} from '../helpers/random.js'
import {Ledger, sins} from './ledger.js'
import {service} from './service.js'
import {streams} from './streams.js'

/** Mebibytes that the heap may grow from when all code is warm to the end. */
const mostGrowth = 4
/** Milliseconds after which all must have come to its end when no more work comes. */
const patience = 60_000

const {values} = parseArgs({
  options: {
    minutes: {type: 'string', default: '60'},
    seed: {type: 'string', default: String(Date.now() & 0x7f_ff_ff_ff)},
  },
})
const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
if (!(minutes > 0)) throw new RangeError(`--minutes must be a number > 0; got ${values.minutes}`)
if (!Number.isSafeInteger(seed)) throw new RangeError(`--seed must be an integer; got ${values.seed}`)
const {gc} = globalThis
if (!gc) throw new Error('Run it with node --expose-gc')

const ledger = new Ledger()
process.on('unhandledRejection', (reason) => ledger.sin('unhandled rejection', String(reason)))
process.on('uncaughtException', (error) => ledger.uncaught(error))

const startedAt = performance.now()
const ms = minutes * 60_000
const actors = [service, streams, streams]

/** Keeps all busy for so long, and waits for the end of what they do. */
async function work(until: number, first: number): Promise<boolean> {
  const busy = actors.map((act, at) => act({ledger, random: new Random(seed + first + at)}, until))
  const stuck = Symbol('stuck')
  const end = await Promise.race([Promise.all(busy), sleep(until - performance.now() + patience, stuck, {ref: false})])
  return end !== stuck
}

/** What is in use once all garbage has gone, in mebibytes. */
async function heap(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    await sleep(10)
    gc?.()
  }
  return process.memoryUsage().heapUsed / 2 ** 20
}

async function tell(): Promise<void> {
  const counts = sins.map((sin) => `${ledger.count(sin)} ${sin}`).join(', ')
  const time = ((performance.now() - startedAt) / 60_000).toFixed(1).padStart(5)
  const used = `${(await heap()).toFixed(1)} MiB`
  console.log(
    `${time} min: ${ledger.done} tasks done in ${ledger.runs} runs, ${ledger.refused} refused; ${counts}; ${used}`,
  )
}

console.log(`seed ${seed}`)
// A tenth of the time goes by before the first look at the heap: code compiles, and buffers find their size.
const isWarm = await work(startedAt + ms / 10, 0)
const before = await heap()
const ticking = setInterval(() => void tell(), 60_000)
const hasEnded = isWarm && (await work(startedAt + ms, actors.length))
clearInterval(ticking)
await sleep(100)
for (const job of ledger.open) ledger.sin('lost', `nothing was heard of task ${job.id}, ${job.kind}`)
if (!hasEnded) ledger.sin('lost', `not all has ended ${patience / 1000} s after the last push`)
for (const error of ledger.thrown) ledger.sin('lost', `an error ${error.message} was not reported`)
const after = await heap()
await tell()
const growth = after - before
console.log(
  `heap: ${before.toFixed(1)} MiB at the start, ${after.toFixed(1)} MiB at the end; at most ${mostGrowth} more are allowed`,
)
const isSound = ledger.isClean && ledger.done > 0 && growth <= mostGrowth
console.log(isSound ? 'sound' : 'NOT SOUND')
process.exit(isSound ? 0 : 1)
