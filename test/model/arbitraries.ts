/** What the arbitraries share. */
import type {Arbitrary} from 'fast-check'
import * as fc from 'fast-check'

/** As `fc.record`, of plain objects, which print shorter. */
export function record<R>(arbitraries: {[K in keyof R]: Arbitrary<R[K]>}): Arbitrary<R> {
  return fc.record(arbitraries, {noNullPrototype: true})
}
