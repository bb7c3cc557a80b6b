/**
 * Pushes a million tasks into a queue, each when there is room, and prints the heap on the way, which does
 * not grow after the first 100,000: `npm run memory:queue [-- COUNT]`.
 */
import {setImmediate as turn} from 'node:timers/promises'
import {ConcurrentRunner, TaskQueue} from 'aio-tasks'

const count = Number(process.argv[2] ?? 1_000_000)
const queue = new TaskQueue<number>({capacity: 1000})
const runner = new ConcurrentRunner(queue, {limit: 10})
const running = runner.run()
let sum = 0

/** What is in use once all garbage has gone. */
async function heap(): Promise<string> {
  await queue.onIdle()
  await turn()
  globalThis.gc?.()
  return `${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(2)} MiB`
}

if (!globalThis.gc) throw new Error('Run it with node --expose-gc')
console.log(`before: ${await heap()}`)
for (let pushed = 1; pushed <= count; pushed++) {
  await queue.room()
  // One task in eight really waits; each has a signal and somebody who awaits its result.
  const task = pushed % 8 === 0 ? () => turn(pushed) : () => pushed
  void queue.push(task, {signal: new AbortController().signal}).then((result) => (sum += result))
  if (pushed === 1000 || pushed % (count / 10) === 0) console.log(`${pushed} pushed: ${await heap()}`)
}
queue.close()
const {succeeded} = await running
if (succeeded !== count || sum !== (count * (count + 1)) / 2) throw new Error(`${succeeded} ran, their sum is ${sum}`)
console.log(`${succeeded} ran, the sum of their results is right`)
