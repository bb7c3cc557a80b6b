/** A client that always has more to ask, and asks as much as its governor allows. */
import {AdaptiveLimit, type AdaptiveLimitOptions, type Permit} from '../../../src/governors/index.js'
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

export class Client {
  readonly limiter: Limiter
  /** Requests that are open now, and the most that ever were. */
  open = 0
  mostOpen = 0
  /** Answers so far. */
  succeeded = 0
  failed = 0
  /** It asks nothing while this is false. */
  isActive = true
  readonly #events: Events
  readonly #server: Server
  readonly #timeouts: Array<{readonly at: number; readonly settle: (answer: Answer) => void}> = []

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
    const settle = (answer: Answer): void => {
      if (!isOpen) return
      isOpen = false
      this.open--
      if (answer === 'ok') this.succeeded++
      else this.failed++
      permit.release(answer === 'ok' ? {status: 'ok', value: undefined} : {status: 'failed', error: answer})
      this.ask()
    }
    this.#timeouts.push({at: this.#events.now + patience, settle})
    if (this.#timeouts.length === 1) this.#events.after(patience, () => this.#giveUp())
    this.#server.handle(settle, () => isOpen)
  }

  /** One event at a time for all timeouts, which come in the order of the requests. */
  #giveUp(): void {
    const {now} = this.#events
    let due = 0
    for (const {at, settle} of this.#timeouts) {
      if (at > now) break
      due++
      settle({name: 'TimeoutError'})
    }
    this.#timeouts.splice(0, due)
    const next = this.#timeouts[0]
    if (next !== undefined) this.#events.after(next.at - now, () => this.#giveUp())
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
  let [succeeded, failed] = [0, 0]
  for (let at = 1; at <= length; at++) {
    events.runUntil(at * serviceTime)
    samples.push({
      at,
      capacity: server.capacity,
      limit: limiter.limit,
      succeeded: client.succeeded - succeeded,
      failed: client.failed - failed,
    })
    succeeded = client.succeeded
    failed = client.failed
  }
  return {samples, mostOpen: client.mostOpen}
}

export function adaptive(options: AdaptiveLimitOptions = {}): AdaptiveLimit {
  return new AdaptiveLimit(options)
}

/** What the best limit that stays as it is gets done in a round trip, when the capacity stays as it is too. */
export function bestGoodput(kind: ServerKind, capacity: number, seed: number): number {
  const key = `${kind} ${capacity} ${seed}`
  const known = best.get(key)
  if (known !== undefined) return known
  let most = 0
  for (const factor of [0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7, 2]) {
    const limit = Math.max(1, Math.round(capacity * factor))
    const {samples} = simulate(kind, new FixedLimit(limit), {changes: [{at: 0, capacity}], length: 60, seed})
    most = Math.max(most, goodput(samples, 20, 60))
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
