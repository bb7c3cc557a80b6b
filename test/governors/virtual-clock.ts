/** A clock that goes on only when it is told to: for `performance.now`, `Date.now` and timers. */

const real = {
  date: Date.now,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
}

/** What `performance.now` was before the first clock; a helper may have replaced the real one for good. */
let replacedNow: (() => number) | undefined

interface Timer {
  readonly at: number
  readonly call: () => void
}

export class VirtualClock {
  now = 0
  readonly #timers = new Map<number, Timer>()
  #lastId = 0

  /** Replaces the clock and the timers of this process until `uninstall`. */
  static install(): VirtualClock {
    const clock = new VirtualClock()
    replacedNow ??= Reflect.get(performance, 'now')
    performance.now = () => clock.now
    Date.now = () => 1_000_000 + clock.now
    const setTimer = (call: () => void, ms = 0): number => {
      clock.#timers.set(++clock.#lastId, {at: clock.now + Math.max(1, Math.trunc(ms)), call})
      return clock.#lastId
    }
    globalThis.setTimeout = setTimer as unknown as typeof setTimeout
    globalThis.clearTimeout = ((id: number) => void clock.#timers.delete(id)) as typeof clearTimeout
    return clock
  }

  static uninstall(): void {
    if (replacedNow) performance.now = replacedNow
    replacedNow = undefined
    Date.now = real.date
    globalThis.setTimeout = real.setTimeout
    globalThis.clearTimeout = real.clearTimeout
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size
  }

  /** Goes on by so many milliseconds; each timer fires in time. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.now = Math.max(this.now, next.at)
      next.call()
      await settled()
    }
    this.now = end
    await settled()
  }

  /** Goes on by so many milliseconds at once, as when the machine has slept; timers fire late. */
  async jump(ms: number): Promise<void> {
    this.now += ms
    await this.advance(0)
  }

  #next(end: number): Timer | undefined {
    let [first, firstId]: [Timer | undefined, number] = [undefined, 0]
    for (const [id, timer] of this.#timers)
      if (timer.at <= end && (first === undefined || timer.at < first.at)) [first, firstId] = [timer, id]
    this.#timers.delete(firstId)
    return first
  }
}

/** Waits until promises that are settled have told so, and all that follows from that. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
