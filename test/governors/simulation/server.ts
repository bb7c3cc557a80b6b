/** Servers whose capacity changes, each with another way to say that it has too much to do. */
import type {Random} from '../../helpers/random.js'
import type {Events} from './events.js'

/** What a client hears: that it worked, or an error as clients throw it. */
export type Answer = 'ok' | {readonly status: number} | {readonly name: 'TimeoutError'}

export type ServerKind = 'rejecting' | 'queueing' | 'sharing'
export const serverKinds: readonly ServerKind[] = ['rejecting', 'queueing', 'sharing']

/** The time that a request takes without load, in milliseconds, on average. */
export const serviceTime = 100
/** Clients give up after it. */
export const patience = 500

/**
 * - `rejecting`: beyond its capacity it answers 429, soon;
 * - `queueing`: `capacity` requests are worked on, as many again wait, and beyond that it answers 429;
 * - `sharing`: it takes everything and divides its power, so that latency grows until clients give up.
 *
 * With a capacity of 0 each of them is down, and answers 503.
 */
export class Server {
  capacity: number
  readonly #kind: ServerKind
  readonly #events: Events
  readonly #random: Random
  #working = 0
  readonly #queue: Array<() => void> = []

  constructor(kind: ServerKind, capacity: number, events: Events, random: Random) {
    this.#kind = kind
    this.capacity = capacity
    this.#events = events
    this.#random = random
  }

  /** Takes a request, and answers later. `isOpen` tells whether anybody still waits for the answer. */
  handle(answer: (answer: Answer) => void, isOpen: () => boolean): void {
    const {capacity} = this
    const refuse = (status: number): void => this.#events.after(this.#around(5), () => answer({status}))
    if (capacity === 0) return refuse(503)
    if (this.#kind !== 'sharing' && this.#working >= capacity) {
      if (this.#kind === 'rejecting' || this.#queue.length >= capacity) return refuse(429)
      this.#queue.push(() => {
        if (isOpen()) this.#work(answer)
      })
      return
    }
    this.#work(answer)
  }

  #work(answer: (answer: Answer) => void): void {
    this.#working++
    const share = this.#kind === 'sharing' ? Math.min(1, this.capacity / this.#working) : 1
    const ms = Math.min(this.#around(serviceTime) / Math.max(share, 0.001), patience + 1) // what is given up is stopped
    this.#events.after(ms, () => {
      this.#working--
      while (this.#working < this.capacity && this.#queue.length > 0) this.#queue.shift()?.()
      answer(this.capacity === 0 ? {status: 503} : 'ok')
    })
  }

  /** Times vary by a half to either side. */
  #around(ms: number): number {
    return ms * (0.5 + this.#random.fraction())
  }
}
