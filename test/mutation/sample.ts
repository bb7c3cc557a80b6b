import {Random} from '../helpers/random.js'

/** `count` items chosen at random, in their order; the same seed chooses the same ones. */
export function sample<V>(items: readonly V[], count: number, seed: number): V[] {
  const random = new Random(seed)
  return items
    .map((item, at) => ({item, at, rank: random.fraction()}))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .sort((a, b) => a.at - b.at)
    .map(({item}) => item)
}
