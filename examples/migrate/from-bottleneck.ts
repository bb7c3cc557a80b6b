/** What each call of Bottleneck 2 is here: `npx tsx examples/migrate/from-bottleneck.ts`. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, TaskQueue} from 'aio-tasks'
import {all, RateLimit, Semaphore, weigh} from 'aio-tasks/governors'

const ran: string[] = []
const note = async (name: string): Promise<string> => {
  ran.push(name)
  return name
}

// new Bottleneck({maxConcurrent: 1, highWater: 3, strategy: Bottleneck.strategy.OVERFLOW})
const queue = new TaskQueue({capacity: 3})
const runner = queue.run({limit: 1})
runner.on('start', ({item}) => console.log('executing', item)) // limiter.on('executing', …)

// limiter.schedule({priority: 9, id: 'low'}, note, 'low'): higher priorities go first here, and lower ones there
const low = queue.push(() => note('low'), {priority: -1, item: 'low'})
const usual = queue.push(() => note('usual'), {item: 'usual'})
const high = queue.push(() => note('high'), {priority: 1, item: 'high'})
// A fourth is more than may wait. It is refused; nothing that was accepted is dropped.
const refused = queue.push(() => note('refused')).catch((error: Error) => error.name)
console.log(await Promise.all([low, usual, high, refused]), ran.join())
// → executing high
// → executing usual
// → executing low
// → [ 'low', 'usual', 'high', 'QuotaExceededError' ] high,usual,low

// limiter.wrap(note)
const wrapped = (name: string): Promise<string> => queue.push(() => note(name), {item: name})
console.log(await wrapped('wrapped'))
// → executing wrapped
// → wrapped

// limiter.schedule({expiration: 20}, …): the task is told by its signal, and keeps its slot until it has settled
const late = queue.push(({signal}) => sleep(5000, undefined, {signal}), {timeout: 20, item: 'late'})
console.log(await late.catch((error: Error) => error.name))
// → executing late
// → TimeoutError

// limiter.counts(); limiter.updateSettings({maxConcurrent: 4})
await queue.onIdle()
console.log({QUEUED: queue.size, EXECUTING: queue.running}) // → { QUEUED: 0, EXECUTING: 0 }
runner.limit = 4

// await limiter.stop({dropWaitingJobs: true})
runner.pause()
const dropped = queue.push(() => note('dropped')).catch((error: Error) => error.message)
queue.clear(new Error('This limiter has been stopped'))
await queue.shutdown()
const tooLate = queue.push(() => note('too late')).catch((error: Error) => error.name)
console.log(await dropped, '/', await tooLate) // → This limiter has been stopped / InvalidStateError

// A failed job: limiter.on('failed', …). The runner goes on.
const other = new TaskQueue()
other.run({limit: 1}).on('error', (error) => console.log(error instanceof ConcurrentError, error.message))
await other.push(() => Promise.reject(new Error('no'))).catch(() => {})
// → true Task 0 failed: Error: no
await other.shutdown()

// new Bottleneck({minTime: 10, reservoir: 100, reservoirRefreshAmount: 100, reservoirRefreshInterval: 60_000}), with
// weights, and shared by two: governors, which any number of runners may share
const places = new Semaphore(2) // maxConcurrent, for both
const spaced = new RateLimit({amount: 1, per: 10})
const budget = weigh(new RateLimit({amount: 100, per: 60_000}), ({item}) => Number(item)) // `weight`
const governor = all(places, spaced, budget)
const [one, two] = [new TaskQueue(), new TaskQueue()]
one.run({governor})

// limiter.on('failed', (error, {retryCount}) => (retryCount < 2 ? 10 : undefined)): here the wait takes no slot
const retrying = two.run({governor, retry: {attempts: 3, delay: 10}})
retrying.on('retry', (_, {attempt, delay}) => console.log(`attempt ${attempt} failed, again in ${delay} ms`))
let failures = 1
const flaky = async (): Promise<string> => {
  if (failures-- > 0) throw new Error('no')
  return 'done'
}
console.log(await Promise.all([one.push(() => 'light', {item: 1}), two.push(flaky, {item: 40})]))
// → attempt 1 failed, again in 10 ms
// → [ 'light', 'done' ]
await Promise.all([one.shutdown(), two.shutdown()])

// new Bottleneck.Group({maxConcurrent: 1}), group.key('a').schedule(…): one queue, whose groups take turns
const grouped = new TaskQueue({groups: {limit: 1}})
grouped.run({limit: 10})
const order: string[] = []
const keys = ['a', 'a', 'b'] as const
await Promise.all(keys.map((group) => grouped.push(async () => order.push(group), {group})))
console.log(order.join()) // → a,b,a
await grouped.shutdown()
