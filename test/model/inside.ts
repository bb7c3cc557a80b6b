/** Control calls from inside: from listeners, tasks, the source and the hooks. */
import type {AsyncCommand} from 'fast-check'
import type {Real} from './calls.js'
import type {Model} from './model.js'
import type {Inside, Place} from './places.js'

export type Call = AsyncCommand<Model, Real>

/** A call that is made the n-th time that its place is reached. */
export interface InsideCall {
  readonly place: Place
  readonly nth: number
  readonly call: Call
}

export class InsideCalls implements Inside {
  readonly #calls: readonly InsideCall[]
  readonly #counts = new Map<Place, number>()
  readonly #make: (call: Call, place: Place) => void

  constructor(calls: readonly InsideCall[], make: (call: Call, place: Place) => void) {
    this.#calls = calls
    this.#make = make
  }

  reach(at: Place): void {
    const count = this.#counts.get(at) ?? 0
    this.#counts.set(at, count + 1)
    for (const {place, nth, call} of this.#calls) if (place === at && nth === count) this.#make(call, place)
  }
}
