/** What each part of Python's aio.tasks is here: `npx tsx examples/migrate/from-aio-tasks-in-python.ts`. */
import {ConcurrentExecutionError, ConcurrentRunner, concurrent, inflate, type TaskFunction} from 'aio-tasks'

// async for result in concurrent((divide(n) for n in (1, 0, 2)), limit=1, yield_exceptions=True)
const divide = async (n: number): Promise<number> => {
  if (n === 0) throw new RangeError('division by zero')
  return 6 / n
}
function* tasks(): Generator<TaskFunction<number>> {
  for (const n of [1, 0, 2]) yield () => divide(n)
}
for await (const result of concurrent(tasks(), {limit: 1, yieldExceptions: true}))
  console.log(result instanceof ConcurrentExecutionError ? `${result.index}: ${String(result.cause)}` : result)
// → 6
// → 1: RangeError: division by zero
// → 3

// await concurrent(…)
console.log(await concurrent([() => divide(1), () => divide(2)], {ordered: true}).toArray()) // → [ 6, 3 ]

// The error that ends a run: `error.args[0]` there, `cause` here. Running tasks are told by their signal; `drained`
// waits for them, which `async for` does there before it raises.
const failing = concurrent(tasks(), {limit: 1})
try {
  for await (const result of failing) console.log(result) // → 6
} catch (error) {
  console.log((error as ConcurrentExecutionError).cause instanceof RangeError, (await failing.drained).failed) // → true 1
}

// limit=-1 is the same here, and `nolimit` is:
console.log(new ConcurrentRunner([], {limit: -1}).limit === Infinity) // → true

// async for user in inflate(users, lambda user: (user.avatar(), user.posts()), limit=4)
class User {
  parts: string[] = []
  load = async (part: string): Promise<number> => this.parts.push(part)
}
for await (const {parts} of inflate([new User()], (user) => [user.load('avatar'), user.load('posts')], {limit: 4}))
  console.log(parts.join()) // → avatar,posts
