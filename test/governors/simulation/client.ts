/** A client that always has more to ask, and asks as much as its governor allows. */
import type {Permit} from '../../../src/governors/index.js'
import {Random} from '../../helpers/random.js'
import {Events} from './events.js'
import {type Answer, patience, Server, type ServerKind, serviceTime} from './server.js'

/** What gives permits, or does not, at once. */
interface Limiter {
  readonly limit: number
  tryAcquire(): Permit | undefined
}

/** A limit that stays as it is. */
class FixedLimit implements Limiter {
  readonly limit: number
  #running = 0

  constructor(limit: number) {
    this.limit = limit
  }

  tryAcquire(): Permit | undefined {
    if (this.#running >= this.limit) return undefined
    this.#running++
    return {release: () => void this.#running--}
  }
}

interface Timeout {
  readonly at: number
  readonly settle: (answer: Answer) => void
  readonly isOpen: () => boolean
}

export class Client {
  readonly limiter: Limiter
  /** Requests that are open now, and the most that ever were. */
  open = 0
  mostOpen = 0
  /** Answers so far. */
  succeeded = 0
  failed = 0
  /** The milliseconds that all answers took. */
  waited = 0
  /** It asks nothing while this is false. */
  isActive = true
  readonly #events: Events
  readonly #server: Server
  /** Oldest first; those before `#due` are over. */
  readonly #timeouts: Timeout[] = []
  #due = 0

  constructor(limiter: Limiter, events: Events, server: Server) {
    this.limiter = limiter
    this.#events = events
    this.#server = server
  }

  /** Asks as much as it may. Called again with each answer. */
  ask(): void {
    for (let permit = this.#permit(); permit !== undefined; permit = this.#permit()) this.#send(permit)
  }

  #permit(): Permit | undefined {
    return this.isActive ? this.limiter.tryAcquire() : undefined
  }

  #send(permit: Permit): void {
    this.mostOpen = Math.max(this.mostOpen, ++this.open)
    let isOpen = true
    const sentAt = this.#events.now
    const settle = (answer: Answer): void => {
      if (!isOpen) return
      isOpen = false
      this.open--
      this.waited += this.#events.now - sentAt
      if (answer === 'ok') this.succeeded++
      else this.failed++
      permit.release(answer === 'ok' ? {status: 'ok', value: undefined} : {status: 'failed', error: answer})
      this.ask()
    }
    this.#timeouts.push({at: this.#events.now + patience, settle, isOpen: () => isOpen})
    if (this.#timeouts.length === 1) this.#wait()
    this.#server.handle(settle, () => isOpen)
  }

  /** One event at a time for all timeouts, which come in the order of the requests. */
  #giveUp(): void {
    const {now} = this.#events
    const timeouts = this.#timeouts
    for (let next = timeouts[this.#due]; next !== undefined; next = timeouts[this.#due]) {
      if (next.at > now && next.isOpen()) break
      this.#due++
      next.settle({name: 'TimeoutError'})
    }
    if (this.#due > timeouts.length / 2) {
      timeouts.splice(0, this.#due)
      this.#due = 0
    }
    this.#wait()
  }

  #wait(): void {
    const next = this.#timeouts[this.#due]
    if (next !== undefined) this.#events.after(Math.max(0, next.at - this.#events.now), () => this.#giveUp())
  }
}

/** From this moment on the server has this capacity. Moments count in round trips without load. */
export interface Change {
  readonly at: number
  readonly capacity: number
}

/** How it stood at the end of one round trip. */
export interface Sample {
  readonly at: number
  readonly capacity: number
  readonly limit: number
  /** What has succeeded, and failed, during it. */
  readonly succeeded: number
  readonly failed: number
  /** How many round trips clients have seen since the start, by the time that answers took. */
  readonly seen: number
}

export interface Run {
  readonly samples: readonly Sample[]
  readonly mostOpen: number
}

/** One client and one server, for so many round trips. */
export function simulate(
  kind: ServerKind,
  limiter: Limiter,
  {changes, length, seed}: {readonly changes: readonly Change[]; readonly length: number; readonly seed: number},
): Run {
  const events = new Events()
  const server = new Server(kind, changes[0]?.capacity ?? 1, events, new Random(seed))
  const client = new Client(limiter, events, server)
  for (const {at, capacity} of changes) events.after(at * serviceTime, () => (server.capacity = capacity))
  events.after(0, () => client.ask())
  const samples: Sample[] = []
  let [succeeded, failed, waited, seen] = [0, 0, 0, 0]
  for (let at = 1; at <= length; at++) {
    events.runUntil(at * serviceTime)
    const answers = client.succeeded + client.failed - succeeded - failed
    const roundTrip = answers === 0 ? patience : (client.waited - waited) / answers
    seen += Math.min(1, serviceTime / roundTrip) // refusals come soon, and make no round trip shorter
    samples.push({
      seen,
      at,
      capacity: server.capacity,
      limit: limiter.limit,
      succeeded: client.succeeded - succeeded,
      failed: client.failed - failed,
    })
    succeeded = client.succeeded
    failed = client.failed
    waited = client.waited
  }
  return {samples, mostOpen: client.mostOpen}
}

/** What the best limit that stays as it is gets done in a round trip, when the capacity stays as it is too. */
export function bestGoodput(kind: ServerKind, capacity: number, seed: number): number {
  const key = `${kind} ${capacity} ${seed}`
  const known = best.get(key)
  if (known !== undefined) return known
  let most = 0
  for (const factor of [0.9, 1, 1.1, 1.3, 1.6]) {
    const limit = Math.max(1, Math.round(capacity * factor))
    const {samples} = simulate(kind, new FixedLimit(limit), {changes: [{at: 0, capacity}], length: 50, seed})
    most = Math.max(most, goodput(samples, 10, 50))
  }
  best.set(key, most)
  return most
}

const best = new Map<string, number>()

/** What succeeded in a round trip, on average, from one moment to another. */
export function goodput(samples: readonly Sample[], from: number, to: number): number {
  const some = samples.slice(from, to)
  return some.reduce((sum, {succeeded}) => sum + succeeded, 0) / some.length
}

/** The least goodput of any twenty round trips between two moments, as a part of what the best fixed limit gets. */
export function leastShare(kind: ServerKind, samples: readonly Sample[], settle: number, seed: number): number {
  let least = Infinity
  let from = 0
  while (from < samples.length) {
    const capacity = samples[from]?.capacity ?? 0
    let to = from
    while (samples[to]?.capacity === capacity) to++
    const since = samples[from]?.seen ?? 0
    let start = from
    while (start < to && (samples[start]?.seen ?? 0) < since + settle) start++
    if (capacity > 0)
      for (; start + 20 <= to; start++)
        least = Math.min(least, goodput(samples, start, start + 20) / bestGoodput(kind, capacity, seed))
    from = to
  }
  return least
}

/** What each of two clients gets done from `from` to `to`; the second comes when the first has taken all there is. */
export function share(
  kind: ServerKind,
  [first, second]: readonly [Limiter, Limiter],
  {
    capacity,
    from,
    to,
    seed,
  }: {readonly capacity: number; readonly from: number; readonly to: number; readonly seed: number},
): readonly [number, number] {
  const events = new Events()
  const server = new Server(kind, capacity, events, new Random(seed))
  const [one, other] = [new Client(first, events, server), new Client(second, events, server)]
  events.after(0, () => one.ask())
  events.after(100 * serviceTime, () => other.ask())
  events.runUntil(from * serviceTime)
  const before = [one.succeeded, other.succeeded] as const
  events.runUntil(to * serviceTime)
  return [one.succeeded - before[0], other.succeeded - before[1]]
}
