/** What must hold on every runtime: one short program for each promise that runtimes could break. */
import {
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  defaultLimit,
  inflate,
  type TaskContext,
  TaskQueue,
} from 'aio-tasks'

/** What runtimes have or not; no types of any of them are at hand where this is compiled. */
interface Runtime {
  readonly process?: {
    getBuiltinModule?(name: string): {AsyncLocalStorage: new () => Store} | undefined
    on?(event: string, listener: (error: unknown) => void): void
  }
  readonly Bun?: unknown
  readonly Deno?: unknown
}

interface Store {
  run<T>(value: string, body: () => T): T
  getStore(): string | undefined
}

export interface Outcome {
  readonly passed: string[]
  readonly failed: Array<{readonly title: string; readonly error: string}>
}

const runtime = globalThis as Runtime
const uncaught: string[] = []
const unhandled: unknown[] = []

function listen(): void {
  const isNode = runtime.process?.on !== undefined && runtime.Deno === undefined
  if (isNode) {
    runtime.process?.on?.('uncaughtException', (error) => uncaught.push(messageOf(error)))
    runtime.process?.on?.('unhandledRejection', (error) => unhandled.push(error))
  } else {
    addEventListener('error', (event) => {
      event.preventDefault()
      uncaught.push(messageOf(event.error))
    })
    addEventListener('unhandledrejection', (event) => {
      event.preventDefault()
      unhandled.push(event.reason)
    })
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function equal(actual: unknown, expected: unknown): void {
  const [got, wanted] = [actual, expected].map((value) => JSON.stringify(value) ?? String(value))
  if (got !== wanted) throw new Error(`${got} is not ${wanted}`)
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('has not failed')
}

const causeOf = (error: unknown): string =>
  error instanceof ConcurrentExecutionError
    ? `${error.index}: ${messageOf(error.cause)}`
    : `no wrapped ${String(error)}`

const promises: Readonly<Record<string, () => Promise<void>>> = {
  'results come as they become available, or in order': async () => {
    const tasks = (): Array<() => Promise<number>> => [20, 1].map((ms) => () => sleep(ms).then(() => ms))
    equal(await concurrent(tasks()).toArray(), [1, 20])
    equal(await concurrent(tasks(), {ordered: true}).toArray(), [20, 1])
  },

  'never more than the limit run, and it can be set': async () => {
    let [running, most] = [0, 0]
    const runner = ConcurrentRunner.map(
      Array.from({length: 20}, (_, n) => n),
      async (n) => {
        most = Math.max(most, ++running)
        if (n === 10) {
          runner.limit = 2
          most = 0
        }
        await sleep(1)
        running--
      },
      {limit: 3},
    )
    equal(await runner.run().then(({succeeded}) => succeeded), 20)
    equal([running, most <= 3], [0, true])
  },

  'the default limit is between 5 and 32': async () => {
    equal(defaultLimit() >= 5 && defaultLimit() <= 32, true)
  },

  'sources may be generators, async generators and web streams': async () => {
    const tasks = function* (): Generator<() => number> {
      yield () => 1
      yield () => 2
    }
    equal(await concurrent(tasks()).toArray(), [1, 2])
    const numbers = async function* (): AsyncGenerator<number> {
      yield* [1, 2, 3]
    }
    equal(await ConcurrentRunner.map(numbers(), (n) => n * 2, {ordered: true}).toArray(), [2, 4, 6])
    const stream = new ReadableStream<string>({
      start(controller) {
        for (const letter of 'ab') controller.enqueue(letter)
        controller.close()
      },
    })
    const letters = async function* (): AsyncGenerator<string> {
      const reader = stream.getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
    }
    equal(await ConcurrentRunner.map(letters(), (letter) => letter.toUpperCase(), {limit: 1}).toArray(), ['A', 'B'])
  },

  'a failure ends the run with its cause and its place': async () => {
    const fails = (): never => {
      throw new Error('no')
    }
    equal(causeOf(await errorOf(concurrent([() => 1, fails]).run())), '1: no')
    const all = await concurrent([fails, () => 1], {yieldExceptions: true, ordered: true}).toArray()
    equal([causeOf(all[0]), all[1]], ['0: no', 1])
    const broken = concurrent(function* () {
      yield () => 1
      throw new Error('source')
    })
    equal((await errorOf(broken.run())) instanceof ConcurrentIteratorError, true)
  },

  'a break closes the source, aborts what runs, and drained tells when all is over': async () => {
    const seen: string[] = []
    const runner = concurrent(
      function* () {
        try {
          yield () => 1
          yield ({signal}: TaskContext) =>
            new Promise<number>((resolve) => {
              signal.addEventListener('abort', () => {
                seen.push('aborted')
                resolve(2)
              })
            })
        } finally {
          seen.push('closed')
        }
      },
      {limit: 2},
    )
    for await (const _ of runner) break
    await runner.drained
    equal(seen.toSorted(), ['aborted', 'closed'])
  },

  'a task that takes too long fails with a TimeoutError': async () => {
    const error = await errorOf(concurrent([() => sleep(50)], {timeout: 5}).toArray())
    equal(error instanceof ConcurrentExecutionError && (error.cause as Error).name, 'TimeoutError')
  },

  'abort and a signal reject with the reason itself': async () => {
    const reason = new Error('enough')
    const runner = concurrent([() => sleep(50)])
    const run = errorOf(runner.run())
    runner.abort(reason)
    equal((await run) === reason, true)
    equal(((await errorOf(concurrent([() => 1], {signal: AbortSignal.abort(reason)}).run())) as Error) === reason, true)
  },

  'stop lets running tasks finish, and nothing starts after it': async () => {
    const runner = concurrent(
      [1, 2, 3].map((n) => async () => {
        await sleep(5)
        return n
      }),
      {limit: 1},
    )
    const results = runner.toArray()
    await sleep(1)
    await runner.stop()
    equal(await results, [1])
  },

  'pause holds what has not started, and resume goes on': async () => {
    const runner = concurrent([() => 1, () => 2], {limit: 1})
    runner.pause()
    const results = runner.toArray()
    await sleep(5)
    equal(runner.stats.started, 0)
    runner.resume()
    equal(await results, [1, 2])
  },

  'events come in order, and drain comes last': async () => {
    const seen: string[] = []
    const fails = (): never => {
      throw new Error('no')
    }
    const runner = concurrent([() => 'a', fails], {limit: 1, yieldExceptions: true})
      .on('start', ({index}) => seen.push(`start ${index}`))
      .on('result', (value, {index}) => seen.push(`result ${index} ${value}`))
      .on('error', (error, context) => seen.push(`error ${context?.index} ${messageOf(error.cause)}`))
      .on('drain', ({succeeded, failed}) => seen.push(`drain ${succeeded} ${failed}`))
    await runner.run()
    equal(seen, ['start 0', 'result 0 a', 'start 1', 'error 1 no', 'drain 1 1'])
  },

  'a listener that throws is an uncaught exception, and changes nothing': async () => {
    const before = uncaught.length
    const runner = concurrent([() => 1]).on('result', () => {
      throw new Error('listener')
    })
    equal(await runner.toArray(), [1])
    await sleep(5)
    equal(
      uncaught.slice(before).map((message) => message.includes('listener')),
      [true],
    )
  },

  'many tasks that finish at once do not starve timers': async () => {
    const clock = {ticks: 0}
    const timer = setInterval(() => clock.ticks++, 1)
    const runner = ConcurrentRunner.map(
      (function* () {
        for (let n = 0; clock.ticks < 3; n++) yield n
      })(),
      (n) => n,
      {limit: 4},
    )
    const {succeeded} = await runner.run() // would never end if no timer fired
    clearInterval(timer)
    equal(succeeded > 3, true)
  },

  'a queue gives each push its own result, by priority, until it is closed': async () => {
    const queue = new TaskQueue({capacity: 10})
    const seen: string[] = []
    const pushes = [
      queue.push(() => seen.push('low')),
      queue.push(() => seen.push('high'), {priority: 1}),
      errorOf(queue.push(() => Promise.reject(new Error('no')))).then(messageOf),
    ]
    queue.close()
    await new ConcurrentRunner(queue, {limit: 1, yieldExceptions: true}).run()
    equal([seen, (await Promise.all(pushes))[2]?.toString().includes('no')], [['high', 'low'], true])
  },

  'each push runs in its own async context, where the runtime has one': async () => {
    const Storage = runtime.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
    if (Storage === undefined) return equal(runtime.process, undefined) // only pages have none
    const storage = new Storage()
    const queue = new TaskQueue()
    const run = storage.run('runner', () => new ConcurrentRunner(queue, {limit: 1}).run())
    const pushes = ['a', 'b'].map((store) => storage.run(store, () => queue.push(() => storage.getStore())))
    queue.close()
    equal(await Promise.all(pushes), ['a', 'b'])
    await run
  },

  'inflate yields an object once its parts are there': async () => {
    const user = {name: ''}
    const load = async (): Promise<void> => {
      await sleep(1)
      user.name = 'loaded'
    }
    equal(await inflate([user], () => [load()]).toArray(), [{name: 'loaded'}])
  },

  'hooks of a subclass are called': async () => {
    const seen: string[] = []
    class Hooked extends ConcurrentRunner<number> {
      protected override ready(): void {
        seen.push('ready')
      }
      protected override cleanup(): void {
        seen.push('cleanup')
      }
    }
    equal(await new Hooked([() => 1]).toArray(), [1])
    equal([seen[0], seen.at(-1)], ['ready', 'cleanup'])
  },

  'an array of promises that fail is no unhandled rejection': async () => {
    const before = unhandled.length
    const tasks = ['a', 'b', 'c'].map((message) => Promise.reject(new Error(message)))
    await errorOf(concurrent(tasks).run())
    await sleep(5)
    equal(unhandled.length - before, 0)
  },
}

/** Runs everything, one after the other. */
export async function smoke(): Promise<Outcome> {
  listen()
  const outcome: Outcome = {passed: [], failed: []}
  for (const [title, body] of Object.entries(promises)) {
    try {
      const late = sleep(10_000).then(() => Promise.reject(new Error('has not ended after 10 s')))
      await Promise.race([body(), late])
      outcome.passed.push(title)
    } catch (error) {
      outcome.failed.push({title, error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error)})
    }
  }
  return outcome
}
