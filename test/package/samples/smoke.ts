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
  type TaskTrace,
} from 'aio-tasks'

/** What runtimes have or not; no types of any of them are at hand where this is compiled. */
interface Runtime {
  readonly process?: {
    readonly versions?: {readonly node?: string; readonly bun?: string}
    getBuiltinModule?(name: 'node:async_hooks'): {AsyncLocalStorage: new () => Store} | undefined
    getBuiltinModule?(name: 'node:diagnostics_channel'): {channel(name: string): Channel} | undefined
    on?(event: string, listener: (error: unknown) => void): void
  }
  readonly Bun?: unknown
  readonly Deno?: unknown
}

interface Store {
  run<T>(value: string, body: () => T): T
  enterWith(value: string): void
  getStore(): string | undefined
}

interface Channel {
  subscribe(subscriber: (message: unknown) => void): void
  unsubscribe(subscriber: (message: unknown) => void): void
  bindStore?(store: Store, transform: (trace: TaskTrace) => string): void
  unbindStore?(store: Store): void
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

const newStore = (): Store | undefined => {
  const Storage = runtime.process?.getBuiltinModule?.('node:async_hooks')?.AsyncLocalStorage
  return Storage && new Storage()
}

/** What is published while a body runs, as `start 0.1` for the first attempt of task 0. */
async function published(
  channel: (name: string) => Channel,
  body: () => Promise<unknown>,
): Promise<Array<readonly [event: string, trace: TaskTrace]>> {
  const told: Array<readonly [string, TaskTrace]> = []
  const subscriptions = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) => {
    const own = channel(`tracing:aio-tasks:task:${event}`)
    const note = (trace: unknown): void => void told.push([event, trace as TaskTrace])
    own.subscribe(note)
    return () => own.unsubscribe(note)
  })
  await body()
  for (const unsubscribe of subscriptions) unsubscribe()
  return told
}

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
    // It ends by its signal alone: on a machine that is busy, one that ended by itself could be given more time.
    const untilAborted = ({signal}: TaskContext): Promise<void> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    const error = await errorOf(concurrent([untilAborted], {timeout: 5}).toArray())
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
    const storage = newStore()
    if (storage === undefined) return equal(runtime.process, undefined) // only pages have none
    const queue = new TaskQueue()
    const run = storage.run('runner', () => new ConcurrentRunner(queue, {limit: 1}).run())
    const pushes = ['a', 'b'].map((store) => storage.run(store, () => queue.push(() => storage.getStore())))
    queue.close()
    equal(await Promise.all(pushes), ['a', 'b'])
    await run
  },

  'every task sees the async context of the start, whoever calls next() or sets the limit, and none of another task':
    async () => {
      const storage = newStore()
      if (storage === undefined) return equal(runtime.process, undefined)
      const seen: Array<string | undefined> = []
      const task = async ({index}: TaskContext): Promise<void> => {
        seen.push(storage.getStore())
        await storage.run(`task ${index}`, () => sleep(1))
        seen.push(storage.getStore())
      }
      const runner = concurrent(
        function* () {
          for (let n = 0; n < 4; n++) yield task
        },
        {limit: 1, highWaterMark: 0},
      )
      await storage.run('start', () => runner.next())
      await storage.run('next', () => runner.next())
      storage.run('limit', () => {
        runner.limit = 2
      })
      await storage.run('run', () => runner.run())
      equal([seen.length, ...new Set(seen)], [8, 'start'])
    },

  'what a task sets by enterWith() no other task sees, on Node from 24 on': async () => {
    const storage = newStore()
    const {node = '0', bun} = runtime.process?.versions ?? {}
    const isContained = bun === undefined && runtime.Deno === undefined && Number.parseInt(node, 10) >= 24
    if (storage === undefined || !isContained) return
    const seen: Array<string | undefined> = []
    const task = async (): Promise<void> => {
      seen.push(storage.getStore())
      storage.enterWith('leak')
      await sleep(1)
    }
    await storage.run('start', () => concurrent([task, task, task], {limit: 1}).run())
    equal([...seen, storage.getStore() ?? null], ['start', 'start', 'start', null])
  },

  'each attempt is told on the channels of diagnostics, and where there are none, nothing breaks': async () => {
    const diagnostics = runtime.process?.getBuiltinModule?.('node:diagnostics_channel')
    const task = ({attempt}: TaskContext): number => {
      if (attempt === 1) throw new Error('not yet')
      return attempt
    }
    const body = async (): Promise<void> => {
      const queue = new TaskQueue()
      const push = queue.push(task, {priority: 3, group: 'a'})
      queue.run({retry: {delay: 0}})
      equal(await push, 2)
      await queue.shutdown()
    }
    if (diagnostics === undefined) {
      equal(runtime.process, undefined) // only pages have none
      return body()
    }
    const told = await published((name) => diagnostics.channel(name), body)
    equal(
      told.map(([event, {index, attempt}]) => `${event} ${index}.${attempt}`),
      ['start 0.1', 'error 0.1', 'end 0.1', 'asyncStart 0.1', 'asyncEnd 0.1'].concat([
        'start 0.2',
        'end 0.2',
        'asyncStart 0.2',
        'asyncEnd 0.2',
      ]),
    )
    const [, trace] = told[0] ?? []
    equal([trace?.group, trace?.priority, messageOf(trace?.error)], ['a', 3, 'not yet'])
    equal((trace?.queuedAt ?? Infinity) <= (trace?.startedAt ?? 0), true)
  },

  'a store bound to start reaches the task, where the runtime has stores': async () => {
    const diagnostics = runtime.process?.getBuiltinModule?.('node:diagnostics_channel')
    const storage = newStore()
    const start = diagnostics?.channel('tracing:aio-tasks:task:start')
    if (storage === undefined || start === undefined) return equal(runtime.process, undefined)
    equal(typeof start.bindStore, 'function')
    start.bindStore?.(storage, ({index, attempt}) => `span ${index}.${attempt}`)
    const task = async (): Promise<string | undefined> => {
      await sleep(1)
      return storage.getStore()
    }
    equal(await concurrent([task, task], {ordered: true}).toArray(), ['span 0.1', 'span 1.1'])
    equal(await ConcurrentRunner.map([1], task).toArray(), ['span 0.1'])
    const queue = new TaskQueue<string | undefined>()
    const push = storage.run('push', () => queue.push(task))
    queue.run()
    equal(await push, 'span 0.1')
    await queue.shutdown()
    start.unbindStore?.(storage)
    equal(storage.getStore(), undefined)
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
