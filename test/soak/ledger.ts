/** The books of the soak test. They are kept from what tasks, pushes and consumers see, never from the library's own counts. */
import type {Job} from './job.js'

/** What must never happen. */
export const sins = [
  'lost',
  'run twice',
  'reported twice',
  'delivered twice',
  'wrong outcome',
  'over the limit',
  'source not closed',
  'unhandled rejection',
  'uncaught exception',
] as const
export type Sin = (typeof sins)[number]

export class Ledger {
  /** Tasks whose outcome has come to whoever is owed it. */
  done = 0
  refused = 0
  runs = 0
  /** Errors that listeners threw on purpose, each of which must be reported once. */
  readonly thrown: Set<Deliberate> = new Set()
  /** Jobs whose outcome somebody is owed. */
  readonly open: Set<Job> = new Set()
  readonly #counts = new Map<Sin, number>()
  #told = 0

  count(sin: Sin): number {
    return this.#counts.get(sin) ?? 0
  }

  sin(sin: Sin, details: string): void {
    this.#counts.set(sin, this.count(sin) + 1)
    if (this.#told++ < 20) console.error(`${sin}: ${details}`)
  }

  /** Whether nothing happened that must not. */
  get isClean(): boolean {
    return this.#counts.size === 0
  }

  settled(job: Job): void {
    if (this.open.delete(job)) this.done++
  }

  /** Makes an error for a listener to throw. */
  deliberate(): Deliberate {
    const error = new Deliberate('thrown by a listener')
    this.thrown.add(error)
    return error
  }

  uncaught(error: unknown): void {
    if (error instanceof Deliberate && this.thrown.delete(error)) return
    this.sin('uncaught exception', String(error))
  }
}

export class Deliberate extends Error {}
