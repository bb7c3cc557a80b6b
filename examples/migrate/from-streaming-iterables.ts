/** What each call of streaming-iterables 8 is here: `npx tsx examples/migrate/from-streaming-iterables.ts`. */
import {ConcurrentRunner} from 'aio-tasks'

async function* numbers(): AsyncGenerator<number> {
  try {
    for (let n = 1; ; n++) yield n
  } finally {
    console.log('source closed')
  }
}
const square = async (n: number): Promise<number> => n * n

// for await (const n of transform(2, square, numbers())): as results become available. Here `break` closes the source.
for await (const n of ConcurrentRunner.map(numbers(), square, {limit: 2})) {
  if (n === 9) break
  console.log(n)
}
// → 1
// → 4
// → source closed

// parallelMap(2, square, [1, 2, 3]): in the order of the source
console.log(await ConcurrentRunner.map([1, 2, 3], square, {limit: 2, ordered: true}).toArray()) // → [ 1, 4, 9 ]

// await collect(parallelMap(…)) is toArray(); await consume(parallelMap(…)) is run()
const {succeeded} = await ConcurrentRunner.map([1, 2, 3], square, {limit: 2}).run()
console.log(succeeded) // → 3

// pipeline(() => source, parallelMap(2, square), filter(isOdd), take(2)): a runner is a source for the next step
async function* odd(results: AsyncIterable<number>): AsyncGenerator<number> {
  for await (const n of results) if (n % 2 === 1) yield n
}
const squares = ConcurrentRunner.map([1, 2, 3], square, {limit: 2, ordered: true})
console.log(await ConcurrentRunner.map(odd(squares), (n) => `odd: ${n}`, {ordered: true}).toArray())
// → [ 'odd: 1', 'odd: 9' ]

// flatTransform(2, (n) => [n, -n], [1, 2]): the loop flattens
for await (const parts of ConcurrentRunner.map([1, 2], async (n) => [n, -n], {limit: 2, ordered: true}))
  for (const part of parts) console.log(part)
// → 1
// → -1
// → 2
// → -2
