/** What each call of p-queue 10 is here: `npx tsx examples/migrate/from-p-queue.ts`. */
import {setTimeout as sleep} from 'node:timers/promises'
import {TaskQueue} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'

// const queue = new PQueue({concurrency: 1, timeout: 1000, autoStart: false})
const queue = new TaskQueue()
const runner = queue.run({limit: 1, timeout: 1000}) // takes its first task in a microtask
runner.pause()
runner.on('error', (error) => console.log('error event:', error.message)) // queue.addEventListener('error', …)

const ran: string[] = []
const add = (name: string, priority = 0, signal?: AbortSignal): Promise<number> =>
  queue.push(async () => ran.push(name), {priority, signal}) // queue.add(…)

// A signal takes out what waits; `clear` rejects what waits, as in p-queue 10, here with a reason of yours.
const controller = new AbortController()
const dropped = add('dropped', 0, controller.signal).catch((reason: Error) => reason.name)
controller.abort()
const cleared = add('cleared').catch((reason: Error) => reason.message)
queue.clear(new Error('not today'))
console.log(await dropped, await cleared) // → AbortError not today

const all = Promise.all([add('low'), add('high', 1)]) // queue.addAll([…])
console.log(queue.size, queue.running) // → 2 0
runner.limit = 2 // queue.concurrency = 2
runner.resume() // queue.start()
await queue.onIdle()
console.log(ran.join(), await all) // → high,low [ 2, 1 ]

// queue.add(…, {timeout: 20}): the push rejects. The slot stays taken until the task has really settled.
const late = queue.push(({signal}) => sleep(5000, undefined, {signal}), {timeout: 20})
await late.catch((error: Error) => console.log(error.name))
// → error event: Task 2 failed: TimeoutError: The task took longer than 20 ms
// → TimeoutError

// await queue.onSizeLessThan(2): the place is reserved, and the push that comes with it is never refused.
const small = new TaskQueue({capacity: 2})
small.run({limit: 1})
for (let n = 0; n < 5; n++) {
  const push = await small.room()
  void push(async () => n)
}
await small.shutdown()

// new PQueue({interval: 10, intervalCap: 1, strict: true}): runners that are given the same governor share the rate
const paced = new TaskQueue()
paced.run({limit: 4, governor: new RateLimit({amount: 1, per: 10})})
console.log(await Promise.all([paced.push(() => 1), paced.push(() => 2)])) // → [ 1, 2 ]

await Promise.all([queue.shutdown(), paced.shutdown()])
