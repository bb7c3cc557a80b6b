/** What must come out of runs whoever keeps the clock, and whatever realm promises and errors are of. */
import {ConcurrentRunner, concurrent, TaskQueue} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'

/** Lets so many milliseconds pass, by whatever clock there is. */
export type Pass = (ms: number) => unknown

const never = (): Promise<never> => new Promise(() => {})

async function told(promise: Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await promise)
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

/** Each run with what it should give, and then what it gave where that is something else. */
const runs: Readonly<Record<string, readonly [run: (pass: Pass) => Promise<string>, expected: string]>> = {
  'a run in order': [async () => told(concurrent([async () => 1, () => 2], {ordered: true}).toArray()), '[1,2]'],
  'a run that must let the event loop turn': [
    async () => {
      const many = function* (): Generator<() => number> {
        for (let index = 0; index < 20_000; index++) yield () => index
      }
      return told(
        concurrent(many)
          .run()
          .then(({succeeded}) => succeeded),
      )
    },
    '20000',
  ],
  'items with a mapper': [
    async () => told(ConcurrentRunner.map('abc', async (letter) => letter.toUpperCase(), {limit: 2}).toArray()),
    '["A","B","C"]',
  ],
  'a queue that is shut down': [
    async () => {
      const queue = new TaskQueue<string>({capacity: 2})
      queue.run({limit: 1})
      const push = await queue.room()
      const pushes = [push(async () => 'a'), queue.push(() => 'b')]
      const answers = Promise.all(pushes)
      await queue.shutdown()
      await queue.onIdle()
      return told(answers)
    },
    '["a","b"]',
  ],
  'a task that takes too long': [
    async (pass) => {
      const run = told(concurrent([never], {timeout: 50}).run())
      await pass(50)
      return run
    },
    'ConcurrentExecutionError: Task 0 failed: TimeoutError: The task took longer than 50 ms',
  ],
  'a deadline of stop()': [
    async (pass) => {
      const runner = concurrent([never])
      const run = told(runner.run())
      const stopped = runner.stop({timeout: 50})
      await pass(50)
      await stopped
      return run
    },
    'TimeoutError: stop() took longer than 50 ms',
  ],
  'a task that is tried again': [
    async (pass) => {
      let attempts = 0
      const failing = async (): Promise<number> => {
        if (++attempts < 3) throw new Error('not yet')
        return attempts
      }
      const run = told(concurrent([failing], {retry: {delay: 50}}).toArray())
      await pass(50)
      await pass(50)
      return run
    },
    '[3]',
  ],
  'a rate': [
    async (pass) => {
      const governor = new RateLimit({amount: 1, per: 50})
      const run = told(concurrent([() => 1, () => 2], {governor, ordered: true}).toArray())
      await pass(60)
      return run
    },
    '[1,2]',
  ],
  'a task that fails': [
    async () => told(concurrent([() => Promise.reject(new TypeError('no'))]).run()),
    'ConcurrentExecutionError: Task 0 failed: TypeError: no',
  ],
  'failures that are yielded': [
    async () => {
      const failing = [() => Promise.reject(new TypeError('no')), () => 1]
      return told(
        concurrent(failing, {yieldExceptions: true, ordered: true})
          .toArray()
          .then((values) => values.map(String)),
      )
    },
    '["ConcurrentExecutionError: Task 0 failed: TypeError: no","1"]',
  ],
  'a loop that is left while its source waits': [
    async (pass) => {
      const runner = concurrent(async function* () {
        yield () => 'first'
        await never()
      })
      const seen: string[] = []
      for await (const value of runner) {
        seen.push(value)
        break
      }
      const over = told(runner.drained.then(({succeeded}) => `${seen.join()} ${succeeded}`))
      await pass(1)
      return over
    },
    '"first 1"',
  ],
  'a signal that aborts': [
    async () => {
      const controller = new AbortController()
      const next = told(concurrent([never], {signal: controller.signal}).next())
      await Promise.resolve()
      controller.abort(new Error('enough'))
      return next
    },
    'Error: enough',
  ],
}

/** What came out otherwise than it should; empty if nothing did. */
export async function differences(pass: Pass): Promise<string[]> {
  const found: string[] = []
  for (const [name, [run, expected]] of Object.entries(runs)) {
    const got = await run(pass)
    if (got !== expected) found.push(`${name}: ${got}`)
  }
  return found
}

export const count: number = Object.keys(runs).length
