/** What a worker learns from its runner's pulls. */
import test from 'ava'
import {Demand} from '../../src/remote/demand.js'

/** A runner with a limit: it receives as many tasks as the demand is for, and pulls while it has room. */
class Pulling {
  paused = 0
  readonly demand: Demand = new Demand(() => this.paused++)
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
    this.#pull()
  }

  get isPulling(): boolean {
    return this.demand.running < this.#limit
  }

  wanted(): number | undefined {
    return this.demand.wanted(this.isPulling ? 1 : 0)
  }

  /** Gives the runner as many tasks as it wants, and returns their number. The tasks it has no room for wait. */
  give(): number {
    const wanted = this.wanted() ?? 0
    for (let left = wanted; left > 0 && this.isPulling; left--) {
      this.demand.given(performance.now())
      this.#pull()
    }
    return wanted
  }

  /** All tasks end; each makes the runner pull. */
  end(): void {
    while (this.demand.running > 0) {
      this.demand.over(true)
      this.#pull()
    }
  }

  #pull(): void {
    if (this.isPulling) this.demand.pulled()
  }
}

test('while tasks are slow, each pull is for one more task, up to the limit', (t) => {
  const runner = new Pulling(3)
  t.deepEqual([runner.give(), runner.give(), runner.give(), runner.give()], [1, 1, 1, 0])
  t.is(runner.demand.running, 3)
})

test('while tasks end at once, their number doubles until the limit is known, and does not exceed it then', (t) => {
  const runner = new Pulling(10)
  const counts = Array.from({length: 6}, () => {
    const count = runner.give()
    if (!runner.isPulling) runner.give() // a turn without a pull shows the limit
    runner.end()
    return count
  })
  t.deepEqual(counts, [1, 2, 4, 8, 16, 10])
})

test('a runner that has room and does not pull is paused once it has not pulled for a while', async (t) => {
  const runner = new Pulling(2)
  runner.give()
  runner.give()
  t.is(runner.wanted(), 0)
  runner.demand.over(false)
  t.is(runner.demand.wanted(0), undefined)
  t.is(runner.paused, 0)
  while (runner.paused === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(runner.demand.wanted(0), 0)
  runner.demand.pulled()
  t.is(runner.demand.wanted(1), 1)
})

test('a task that did not wait long for the runner shows that the runner only rested', async (t) => {
  const runner = new Pulling(2)
  runner.give()
  runner.give()
  runner.demand.over(false)
  t.is(runner.demand.wanted(0), undefined)
  runner.demand.given(performance.now())
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.is(runner.paused, 0)
})
