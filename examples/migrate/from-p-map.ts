/** What each call of p-map 7 is here: `npx tsx examples/migrate/from-p-map.ts`. */
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'

const half = async (n: number, signal?: AbortSignal): Promise<number> => {
  signal?.throwIfAborted()
  if (n % 2 === 1) throw new RangeError(`${n} is odd`)
  return n / 2
}

// await pMap([2, 4, 6], (n) => half(n), {concurrency: 2, signal})
const {signal} = new AbortController()
const halves = ConcurrentRunner.map([2, 4, 6], (n, task) => half(n, task.signal), {limit: 2, ordered: true, signal})
console.log(await halves.toArray()) // → [ 1, 2, 3 ]

// `stopOnError: true` is the default here too. What p-map rejects with is the error's `cause`.
const failing = ConcurrentRunner.map([2, 3, 4], (n) => half(n), {limit: 1, ordered: true})
await failing.toArray().catch((error: ConcurrentError) => console.log(error.index, error.item, String(error.cause)))
// → 1 3 RangeError: 3 is odd

// await pMapSettled([1, 2, 3], half, {concurrency: 2}), or the AggregateError of `stopOnError: false`
const settled = ConcurrentRunner.map([1, 2, 3], (n) => half(n), {limit: 2, ordered: true, yieldExceptions: true})
for (const result of await settled.toArray())
  console.log(result instanceof ConcurrentError ? `item ${result.index}: ${String(result.cause)}` : result)
// → item 0: RangeError: 1 is odd
// → 1
// → item 2: RangeError: 3 is odd

// for await (const n of pMapIterable([2, 4, 6], half, {concurrency: 2, backpressure: 4})); `pMapStop` is `break`
for await (const n of ConcurrentRunner.map([2, 4, 6], (item) => half(item), {
  limit: 2,
  ordered: true,
  highWaterMark: 2,
})) {
  console.log(n) // → 1
  break
}

// await pMapKeyed({two: 2, four: 4}, half)
const entries = ConcurrentRunner.map(
  Object.entries({two: 2, four: 4}),
  async ([key, n]) => [key, await half(n)] as const,
  {
    limit: Infinity,
    ordered: true,
  },
)
console.log(Object.fromEntries(await entries.toArray())) // → { two: 1, four: 2 }

// p-map awaits promises among the items, here the mapper does; as in p-map, a rejection is handled from the start.
const promised = [Promise.resolve(2), Promise.resolve(4)]
console.log(await ConcurrentRunner.map(promised, async (n) => half(await n), {ordered: true}).toArray()) // → [ 1, 2 ]
