/** A limit function like p-limit's: `npx tsx examples/migrate/from-p-limit.ts`. If you need no more, take p-limit. */
import {TaskQueue} from 'aio-tasks'

/** pLimit(concurrency). Its runner keeps no process alive. */
function pLimit(concurrency: number) {
  const queue = new TaskQueue()
  const runner = queue.run({limit: concurrency})
  const limit = <A extends unknown[], R>(call: (...args: A) => R | PromiseLike<R>, ...args: A): Promise<Awaited<R>> =>
    queue.push(() => call(...args))
  return Object.assign(limit, {
    // In the limit's own slots: calls and mapped items together never exceed `concurrency`.
    map: <I, R>(
      items: Iterable<I>,
      mapper: (item: I, index: number) => R | PromiseLike<R>,
    ): Promise<Array<Awaited<R>>> => Promise.all(Array.from(items, (item, index) => limit(mapper, item, index))),
    clearQueue: () => queue.clear(), // as with `rejectOnClear: true`
    counts: () => ({activeCount: queue.running, pendingCount: queue.size}),
    setConcurrency: (n: number) => (runner.limit = n),
  })
}

const limit = pLimit(2)
let running = 0
let most = 0
const double = async (n: number): Promise<number> => {
  most = Math.max(most, ++running)
  await Promise.resolve()
  running--
  return 2 * n
}

const all = Promise.all([limit(double, 1), limit(double, 2), limit.map([3, 4, 5], double)])
console.log(limit.counts()) // → { activeCount: 0, pendingCount: 5 }
console.log(await all) // → [ 2, 4, [ 6, 8, 10 ] ]
console.log(most) // → 2

// limitFunction(double, {concurrency: 1})
const one = pLimit(1)
const limited = (n: number): Promise<number> => one(double, n)
console.log(await Promise.all([limited(1), limited(2)])) // → [ 2, 4 ]
