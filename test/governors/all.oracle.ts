/** Judges `all`: ten runners that share three governors in shuffled orders, and others that take them too, until all is done. */
import {
  AdaptiveLimit,
  all,
  type Governor,
  type LocalGovernor,
  type Permit,
  RateLimit,
  Semaphore,
  weigh,
} from '../../src/governors/index.js'
import {Random} from '../helpers/random.js'
import {assert} from './callers.js'
import {settled, type VirtualClock} from './virtual-clock.js'

/** A governor of somebody else's: its answers take time, and it cannot tell at once. */
class Remote implements Governor {
  running = 0
  readonly #capacity: number
  readonly #clock: VirtualClock
  readonly #waiting: Array<() => void> = []

  constructor(capacity: number, clock: VirtualClock) {
    this.#capacity = capacity
    this.#clock = clock
  }

  async acquire(): Promise<Permit> {
    await new Promise<void>((resolve) => setTimeout(resolve, 3))
    while (this.running >= this.#capacity) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.running++
    assert(this.#clock.now >= 0, 'the clock goes on')
    let isReleased = false
    return {
      release: () => {
        assert(!isReleased, 'a permit is released once')
        isReleased = true
        this.running--
        this.#waiting.shift()?.()
      },
    }
  }
}

/** Throws when something is wrong, or nothing goes on. Gives the number of permits. */
export async function checkAll(clock: VirtualClock, seed: number, acquisitions: number): Promise<number> {
  const random = new Random(seed)
  const capacity = random.integer(1, 3)
  const amount = random.integer(2, 6)
  const per = random.integer(2, 20)
  const hasRemote = random.chance(0.3)
  const remoteCapacity = random.integer(1, 3)
  const remote = new Remote(remoteCapacity, clock)
  const semaphore = new Semaphore(capacity)
  const rate = new RateLimit({amount, per})
  const adaptive = new AdaptiveLimit({max: 4, start: random.integer(1, 4)})
  const parts: readonly Governor[] = [semaphore, weigh(rate, 1), random.chance(0.5) ? adaptive : all(adaptive)]
  const runners = Array.from({length: 10}, () => {
    const order = [...parts].sort(() => random.fraction() - 0.5)
    const governor = all(...order, ...(hasRemote ? [remote] : []))
    return {governor, waiting: [] as number[], served: [] as number[]}
  })

  /** Others take a governor all the time, and one of them always waits; or one, and then another, by hand. */
  const others = random.pick(['none', 'none', 'saturating', 'by hand'] as const)
  const end = {isOver: false}
  const hold = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, random.integer(1, 8)))
  const saturate = async (governor: Governor): Promise<void> => {
    while (!end.isOver) {
      const permit = await governor.acquire()
      await hold()
      permit.release()
    }
  }
  const takeBoth = async (outer: Governor, inner: Governor): Promise<void> => {
    while (!end.isOver) {
      const first = await outer.acquire()
      await hold()
      const second = await inner.acquire()
      await hold()
      second.release()
      first.release()
      await hold()
    }
  }
  /** So many milliseconds may pass without a start: a permit that is kept may block whoever takes another by hand. */
  const patience = {none: 20 * per + 200, saturating: 5000, 'by hand': 100_000}[others]
  if (others === 'saturating')
    for (let count = 0; count < 6; count++)
      for (const part of [semaphore, rate, adaptive]) if (part !== rate || count < 2) void saturate(part)
  if (others === 'by hand') {
    const [outer, inner] = random.chance(0.5) ? [semaphore, adaptive] : [adaptive, semaphore]
    for (let count = 0; count < 3; count++) void takeBoth(outer, inner)
    if (random.chance(0.5)) for (let count = 0; count < 3; count++) void saturate(random.pick([outer, inner]))
  }

  let [asked, settledCount, running, given] = [0, 0, 0, 0]
  let starts: number[] = []
  let failure: {readonly error: unknown} | undefined

  const start = (permit: Permit): void => {
    given++
    running++
    assert(running <= capacity, `${running} run, of ${capacity}`)
    if (hasRemote) assert(running <= remoteCapacity, `${running} run, of ${remoteCapacity} of the remote one`)
    starts = starts.filter((at) => at > clock.now - per)
    starts.push(clock.now)
    assert(starts.length <= amount, `${starts.length} of ${amount} started within ${per} ms`)
    setTimeout(
      () => {
        running--
        settledCount++
        permit.release(random.chance(0.1) ? {status: 'failed', error: {status: 429}} : undefined)
      },
      random.integer(1, 8),
    )
  }

  const ask = ({governor, waiting}: {governor: LocalGovernor; waiting: number[]}): void => {
    const id = asked++
    const controller = new AbortController()
    const answer = governor.acquire(random.chance(0.5) ? {signal: controller.signal} : {})
    if (!('then' in answer)) return start(answer)
    waiting.push(id)
    void wait(id, waiting, answer, controller.signal)
    if (random.chance(0.1)) setTimeout(() => controller.abort(), random.integer(1, 30))
  }

  const wait = async (
    id: number,
    waiting: number[],
    answer: PromiseLike<Permit>,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      const permit = await answer
      assert(waiting.shift() === id, 'the waiters of one runner are served in order')
      start(permit)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) failure ??= {error}
      waiting.splice(waiting.indexOf(id), 1)
      settledCount++
    }
  }

  let quiet = 0
  // oxlint-disable-next-line no-unmodified-loop-condition -- callbacks count
  while (settledCount < acquisitions) {
    for (let count = random.integer(0, 3); count > 0; count--) {
      const runner = runners[random.integer(0, runners.length - 1)]
      if (asked < acquisitions && runner !== undefined && runner.waiting.length < 5) ask(runner)
    }
    const before = settledCount + given
    await settled()
    await clock.advance(1)
    if (failure) throw failure.error
    quiet = settledCount + given === before && asked - settledCount > 0 ? quiet + 1 : 0
    assert(quiet < patience, `nothing goes on, with ${asked - settledCount} open`)
  }
  end.isOver = true
  await clock.advance(10 * per + 1000)
  await settled()
  assert(semaphore.isIdle && rate.isIdle, 'nothing is held in the end')
  assert(remote.running === 0, 'nothing is held of the remote one')
  for (const {governor} of runners)
    assert(governor.isIdle === (!hasRemote && adaptive.isIdle), 'all is idle if its parts are')
  return given
}
