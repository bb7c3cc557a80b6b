/** Loops over generators and arrays of tasks: each task that was pulled is run and reported, or disposed of. */
import {setTimeout as sleep, setImmediate as turn} from 'node:timers/promises'
import type {Source, TaskFunction} from 'aio-tasks'
import {Job} from './job.js'
import {type Deps, runOnce} from './run.js'
import type {Watch} from './watch.js'

const patience = 10_000

export async function streams(deps: Deps, deadline: number): Promise<void> {
  while (performance.now() < deadline) await new Stream(deps).work()
}

class Stream {
  readonly #deps: Deps
  readonly #jobs: Job[] = []
  /** Generators that are in the midst of their work. */
  #unclosed = 0

  constructor(deps: Deps) {
    this.#deps = deps
  }

  async work(): Promise<void> {
    const {random, ledger} = this.#deps
    await runOnce((begin) => this.#source(begin), this.#deps, random.integer(5, 800))
    // An async generator that was producing an item when the run ended closes when it comes back.
    for (let waited = 0; this.#unclosed > 0 && waited < patience; waited += 5) await sleep(5)
    if (this.#unclosed > 0) ledger.sin('source not closed', `after ${this.#jobs.length} tasks`)
    await turn()
    for (const job of this.#jobs) {
      const fates = job.calls + job.disposals
      if (fates === 1) ledger.done++
      else if (fates === 0)
        ledger.sin('lost', `task ${job.id}, ${job.kind}, was pulled, and neither run nor disposed of`)
      else if (job.calls < 2) ledger.sin('wrong outcome', `task ${job.id} has ${fates} fates`)
    }
  }

  #source(begin: Watch['begin']): Source<number> {
    const {random} = this.#deps
    const count = random.integer(0, 400)
    const make = random.pick<() => Source<number>>([
      () => this.#sync(count, begin),
      () => this.#async(count, begin),
      () => (signal: AbortSignal) => this.#async(count, begin, signal),
      () => Array.from({length: count}, () => this.#task(begin)),
    ])
    return make()
  }

  #task(begin: Watch['begin']): TaskFunction<number> {
    const job = new Job(this.#jobs.length, this.#deps.random, this.#deps.ledger)
    this.#jobs.push(job)
    return job.task(begin)
  }

  *#sync(count: number, begin: Watch['begin']): Generator<TaskFunction<number>> {
    this.#unclosed++
    try {
      for (let made = 0; made < count; made++) yield this.#task(begin)
    } finally {
      this.#unclosed--
    }
  }

  async *#async(count: number, begin: Watch['begin'], signal?: AbortSignal): AsyncGenerator<TaskFunction<number>> {
    const {random} = this.#deps
    this.#unclosed++
    try {
      for (let made = 0; made < count; made++) {
        if (signal?.aborted) return
        if (random.chance(0.05)) await sleep(random.integer(0, 20))
        yield this.#task(begin)
      }
    } finally {
      await turn()
      this.#unclosed--
    }
  }
}
