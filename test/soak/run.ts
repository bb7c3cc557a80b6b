/** One run of random options that is meddled with and ends in a random way. Its books must be right in the end. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner, type RunnerOptions, type Source} from 'aio-tasks'
import type {Random} from '../helpers/random.js'
import type {Ledger} from './ledger.js'
import {Watch} from './watch.js'

/** What runs are ended with. */
export class Ended extends Error {}

const endings = ['never', 'stop', 'stop in time', 'abort', 'signal', 'break', 'throw', 'return', 'dispose'] as const

export type Deps = {readonly ledger: Ledger; readonly random: Random}

/** @param lifetime - milliseconds after which it is ended, if it has not ended by itself */
export async function runOnce(
  makeSource: (begin: Watch['begin']) => Source<number>,
  {ledger, random}: Deps,
  lifetime: number,
): Promise<void> {
  const controller = new AbortController()
  const ending = lifetime === Infinity ? 'never' : random.pick(endings)
  const options = randomOptions(random, controller.signal, ending === 'never' && lifetime === Infinity)
  let watch: Watch | undefined
  const begin: Watch['begin'] = () => watch?.begin() ?? (() => {})
  const runner = new ConcurrentRunner(makeSource(begin), options)
  watch = new Watch(runner, ledger, random, options.releaseOnTimeout === true)
  const isConsumed = ['break', 'throw'].includes(ending) || random.chance(0.5)
  const consuming = isConsumed ? consume(runner, {ledger, random}, ending, lifetime) : runWhole(runner, ledger)
  const meddling = meddle(runner, random)
  const timer = setTimeout(
    () => endSomewhere(runner, random, () => end(runner, ending, controller)),
    Math.min(lifetime, 60_000),
  )
  const delivered = await consuming
  await runner.drained
  clearTimeout(timer)
  await meddling
  const isGraceful = options.yieldExceptions && (ending === 'never' || ending === 'stop')
  if (delivered !== undefined && isGraceful && delivered !== watch.reported.size)
    ledger.sin('lost', `${watch.reported.size} outcomes of a run were reported, and ${delivered} delivered`)
}

type Options = RunnerOptions & {readonly yieldExceptions: boolean}

function randomOptions(random: Random, signal: AbortSignal, isLast: boolean): Options {
  return {
    limit: random.pick([1, 2, 5, 10, 20]),
    yieldExceptions: isLast || random.chance(0.85),
    ordered: random.chance(0.3),
    highWaterMark: random.pick([undefined, undefined, 0, 1, 10]),
    timeout: random.chance(0.3) ? random.integer(5, 40) : undefined,
    releaseOnTimeout: random.chance(0.2),
    signal,
  }
}

type Runner = ConcurrentRunner<number, boolean>

async function runWhole(runner: Runner, ledger: Ledger): Promise<undefined> {
  try {
    await runner.run()
  } catch (error) {
    checkEnd(error, ledger)
  }
}

/** How many outcomes the loop got, each of which comes once. */
async function consume(runner: Runner, {ledger, random}: Deps, ending: string, lifetime: number): Promise<number> {
  const delivered = new Set<string>()
  const isSlow = random.chance(0.3)
  const leavesAt = ending === 'break' || ending === 'throw' ? performance.now() + lifetime : Infinity
  try {
    for await (const outcome of runner) {
      const key = outcome instanceof ConcurrentError ? `error ${outcome.index}` : `task ${outcome}`
      if (delivered.has(key)) ledger.sin('delivered twice', key)
      delivered.add(key)
      if (isSlow && random.chance(0.05)) await sleep(random.integer(1, 10))
      if (performance.now() < leavesAt) continue
      if (ending === 'break') break
      throw new Ended('thrown in the loop')
    }
  } catch (error) {
    checkEnd(error, ledger)
  }
  return delivered.size
}

function checkEnd(error: unknown, ledger: Ledger): void {
  const isTimeout = error instanceof DOMException && error.name === 'TimeoutError'
  if (!(error instanceof ConcurrentError) && !(error instanceof Ended) && !isTimeout)
    ledger.sin('wrong outcome', `a run ended with ${String(error)}`)
}

/** Changes the limit, pauses and resumes, until the run is over; in every second run. */
async function meddle(runner: Runner, random: Random): Promise<void> {
  if (random.chance(0.5)) return
  while (runner.state !== 'drained') {
    await Promise.race([sleep(random.integer(5, 100)), runner.drained])
    if (random.chance(0.5)) runner.limit = random.pick([1, 3, 8, 30, -1])
    if (!random.chance(0.2)) continue
    runner.pause()
    await sleep(random.integer(1, 30))
    runner.resume()
  }
}

/** Ends the run now, or inside of its next event of some kind: a task that has been pulled may not have started then. */
function endSomewhere(runner: Runner, random: Random, endNow: () => void): void {
  const event = random.pick([undefined, 'start', 'result', 'error'] as const)
  if (event === undefined) {
    endNow()
    return
  }
  runner.once(event, endNow)
  setTimeout(endNow, 50) // there may be no such event any more
}

function end(runner: Runner, ending: string, controller: AbortController): void {
  if (ending === 'stop') void runner.stop()
  // Also where the loop would leave by itself: it may wait for a result that never comes.
  else if (ending === 'stop in time' || ending === 'break' || ending === 'throw') void runner.stop({timeout: 5})
  else if (ending === 'abort') runner.abort(new Ended('aborted'))
  else if (ending === 'signal') controller.abort(new Ended('aborted by signal'))
  else if (ending === 'return') void runner.return()
  else if (ending === 'dispose') void runner[Symbol.asyncDispose]()
}
