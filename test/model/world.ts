/** What a run meets, in the test's hands: when things settle, what time it is, which timers fire. */
import type {Scheduler} from 'fast-check'

/** After this many turns of the event loop in which nothing has happened, nothing moves any more. */
const quietTurns = 2

export class World {
  /** What happened, in order; printed when something is wrong. */
  readonly log: string[] = []
  /** What broke the contract. */
  readonly problems: string[] = []
  /** Errors that were reported as uncaught, by `reportError`. */
  readonly reported: unknown[] = []
  /** Timers that are set. */
  readonly timers: Map<number, () => void> = new Map()
  readonly #scheduler: Scheduler
  readonly #jitter: readonly number[]
  /** Milliseconds that pass between two looks at the clock. */
  readonly #pace: number
  /** Called before a timer fires. */
  onTimer: (ms: number) => void = () => {}
  #now = 0
  #jitters = 0
  #timers = 0
  #moves = 0
  readonly #held: Array<() => void> = []
  #isReleased = false

  constructor(scheduler: Scheduler, jitter: readonly number[], pace: number) {
    this.#scheduler = scheduler
    this.#jitter = jitter
    this.#pace = pace
  }

  say(what: string): void {
    this.#moves++
    this.log.push(what)
  }

  problem(what: string): void {
    this.problems.push(what)
    this.log.push(`!!! ${what}`)
  }

  /** Resolves when the scheduler says so. */
  step(label: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), label)
  }

  /** Resolves when nothing else of the scenario moves any more. */
  never(): Promise<void> {
    return this.#isReleased ? Promise.resolve() : new Promise((resolve) => this.#held.push(resolve))
  }

  /** Lets everything settle that would wait for ever, now and from now on. */
  release(): void {
    this.#isReleased = true
    for (const resolve of this.#held.splice(0)) resolve()
  }

  /** Lets everything happen in the scheduler's order, until nothing moves any more. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; ) {
      const moves = this.#moves
      if (this.#scheduler.count() === 0) await turn()
      else {
        await this.#scheduler.waitOne()
        this.#moves++
        await this.#pause()
      }
      quiet = moves === this.#moves && this.#scheduler.count() === 0 ? quiet + 1 : 0
    }
  }

  /** Calls `body` with clock, timers and the reports of uncaught errors taken over. */
  async rule(body: () => Promise<void>): Promise<void> {
    const {setTimeout, clearTimeout} = globalThis
    const clock: {now(this: void): number} = performance
    const {now} = clock
    const target: {reportError?: (error: unknown) => void} = globalThis
    const onUnhandled = (reason: unknown, promise: Promise<unknown>): void => {
      promise.catch(() => {}) // it is reported here; AVA need not
      this.problem(`unhandled rejection: ${String(reason)}`)
    }
    const onUncaught = (error: unknown): void => this.problem(`uncaught exception: ${String(error)}`)
    clock.now = () => (this.#now += this.#pace)
    globalThis.setTimeout = ((callback: () => void, ms: number) =>
      this.#setTimer(callback, ms)) as unknown as typeof setTimeout
    globalThis.clearTimeout = ((timer: number) => this.timers.delete(timer)) as unknown as typeof clearTimeout
    target.reportError = (error) => this.reported.push(error)
    process.on('unhandledRejection', onUnhandled)
    process.prependListener('uncaughtException', onUncaught)
    try {
      await body()
      await turn()
    } finally {
      process.off('unhandledRejection', onUnhandled)
      process.off('uncaughtException', onUncaught)
      delete target.reportError
      Object.assign(globalThis, {setTimeout, clearTimeout})
      clock.now = now
    }
  }

  /** Some microtasks, or none, or all there are. */
  async #pause(): Promise<void> {
    const ticks = this.#jitter[this.#jitters++ % this.#jitter.length] ?? 0
    if (ticks >= 5) await turn()
    else for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
  }

  async #fire(timer: number, callback: () => void, ms: number): Promise<void> {
    await this.step('timer')
    if (!this.timers.delete(timer)) return
    this.say(`the timer of ${ms} ms fires`)
    this.onTimer(ms)
    callback()
  }

  #setTimer(callback: () => void, ms: number): number {
    const timer = ++this.#timers
    this.timers.set(timer, callback)
    void this.#fire(timer, callback, ms)
    return timer
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
