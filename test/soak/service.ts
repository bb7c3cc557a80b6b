/** A service: pushes come all the time, runners come and go, and now and then the queue itself is replaced. */
import {setTimeout as sleep} from 'node:timers/promises'
import {type Task, TaskQueue} from 'aio-tasks'
import {Job} from './job.js'
import {type Deps, runOnce} from './run.js'

class Cleared extends Error {}
class Withdrawn extends Error {}

const patience = 30_000

/** Serves until the deadline, and lets all that was accepted come to its end. */
export async function service(deps: Deps, deadline: number): Promise<void> {
  let lastId = 0
  const nextId = (): number => ++lastId
  while (performance.now() < deadline) await new Shift(deps, nextId).work(deadline)
}

/** The life of one queue. */
class Shift {
  readonly #deps: Deps
  readonly #nextId: () => number
  readonly #queue: TaskQueue<number>
  readonly #open = new Set<Job>()
  #isClosing = false

  constructor(deps: Deps, nextId: () => number) {
    this.#deps = deps
    this.#nextId = nextId
    this.#queue = new TaskQueue({capacity: deps.random.pick([5, 50, 500])})
  }

  async work(deadline: number): Promise<void> {
    const {random, ledger} = this.#deps
    const lasts = Math.min(random.integer(2000, 12_000), Math.max(deadline - performance.now(), 100))
    const runners = Array.from({length: random.integer(1, 3)}, () => this.#employ())
    const pushers = Array.from({length: random.integer(1, 4)}, () => this.#pushOn())
    const clearing = this.#clearNowAndThen()
    await sleep(lasts)
    this.#isClosing = true
    await Promise.all([...pushers, clearing])
    if (random.chance(0.5)) this.#queue.close()
    else this.#queue.closeWhenIdle()
    await Promise.race([Promise.all(runners), sleep(patience, undefined, {ref: false})])
    // Whoever awaits a push hears of it a few ticks after the run.
    await sleep(1)
    for (const job of this.#open) {
      ledger.sin('lost', `the push of task ${job.id}, ${job.kind}, called ${job.calls} times, has not settled`)
      ledger.open.delete(job)
    }
  }

  /** One runner after the other, the last of which runs until the queue ends. */
  async #employ(): Promise<void> {
    const {random} = this.#deps
    const source = this.#queue
    while (!this.#isClosing) await runOnce(() => source, this.#deps, random.integer(20, 1500))
    await runOnce(() => source, this.#deps, Infinity)
  }

  async #pushOn(): Promise<void> {
    const {random} = this.#deps
    while (!this.#isClosing) {
      // Some do not ask for room: what is refused must never run.
      if (random.chance(0.95)) await Promise.race([this.#queue.room(), sleep(200)])
      const burst = random.chance(0.05) ? random.integer(5, 50) : 1
      for (let count = 0; count < burst; count++) this.#push()
      if (random.chance(0.02)) await sleep(random.integer(1, 20))
    }
  }

  #push(): void {
    const {random, ledger} = this.#deps
    const job = new Job(this.#nextId(), random, ledger)
    const priority = random.integer(0, 3)
    const task: Task<number> = job.task(() => () => {})
    if (random.chance(0.05)) {
      void this.#queue.push(task, {priority}) // and nobody awaits it
      return
    }
    const controller = random.chance(0.2) ? new AbortController() : undefined
    if (controller && random.chance(0.3))
      setTimeout(
        () => {
          job.withdrawal = new Withdrawn(`task ${job.id} is withdrawn`)
          controller.abort(job.withdrawal)
        },
        random.integer(0, 30),
      )
    this.#open.add(job)
    ledger.open.add(job)
    void this.#queue.push(task, {priority, signal: controller?.signal}).then(
      (value) => this.#succeeded(job, value),
      (error: unknown) => this.#failed(job, error),
    )
  }

  #succeeded(job: Job, value: number): void {
    job.checkValue(value)
    this.#settled(job)
  }

  #failed(job: Job, error: unknown): void {
    const {ledger} = this.#deps
    const name = error instanceof DOMException ? error.name : ''
    if (name === 'QuotaExceededError' || name === 'InvalidStateError') {
      if (job.calls > 0) ledger.sin('wrong outcome', `task ${job.id} was refused and run`)
      ledger.refused++
      ledger.open.delete(job)
      this.#open.delete(job)
      return
    }
    job.checkError(error, (other) =>
      other instanceof Cleared ? job.calls === 0 : name === 'TimeoutError' && job.calls === 1,
    )
    this.#settled(job)
  }

  #settled(job: Job): void {
    this.#open.delete(job)
    this.#deps.ledger.settled(job)
  }

  async #clearNowAndThen(): Promise<void> {
    const {random} = this.#deps
    while (!this.#isClosing) {
      await sleep(random.integer(50, 500))
      if (random.chance(0.3)) this.#queue.clear(new Cleared('cleared'))
    }
  }
}
