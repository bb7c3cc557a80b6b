import {AsyncLocalStorage} from 'node:async_hooks'
import {channel} from 'node:diagnostics_channel'
import test from 'ava'
import {ConcurrentRunner, concurrent, TaskQueue, type TaskTrace} from '../src/index.js'
import {caught, turn} from './helpers/index.js'

const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

/** Writes down what is published while `body` runs. */
async function published(body: () => Promise<unknown>): Promise<Array<{event: string; trace: TaskTrace}>> {
  const log: Array<{event: string; trace: TaskTrace}> = []
  const subscribers = events.map((event) => {
    const own = channel(`tracing:aio-tasks:task:${event}`)
    const note = (trace: unknown): void => {
      log.push({event, trace: trace as TaskTrace})
    }
    own.subscribe(note)
    return () => own.unsubscribe(note)
  })
  try {
    await body()
  } finally {
    for (const unsubscribe of subscribers) unsubscribe()
  }
  return log
}

const namesOf = (log: ReadonlyArray<{event: string; trace: TaskTrace}>): string[] =>
  log.map(({event, trace}) => `${event} ${trace.index}.${trace.attempt}`)

test.serial(
  'an attempt that succeeds is published from its start to the moment in which its outcome is told',
  async (t) => {
    const log = await published(() => concurrent([async () => 1]).run())
    t.deepEqual(namesOf(log), ['start 0.1', 'end 0.1', 'asyncStart 0.1', 'asyncEnd 0.1'])
    t.is(new Set(log.map(({trace}) => trace)).size, 1)
    t.is(typeof log[0]?.trace.startedAt, 'number')
    t.false('error' in (log[0]?.trace ?? {error: 0}))
  },
)

test.serial('an attempt that rejects, and one that throws, publish the raw error once', async (t) => {
  for (const fail of [
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('at once')
    },
  ]) {
    const log = await published(() => concurrent([fail], {yieldExceptions: true}).run())
    t.deepEqual(
      namesOf(log).filter((line) => line.startsWith('error')),
      ['error 0.1'],
    )
    t.true(log.at(-1)?.trace.error instanceof Error)
    t.is(log.at(-1)?.event, 'asyncEnd')
  }
})

test.serial('each attempt of a task that is tried again has an object of its own', async (t) => {
  const log = await published(() =>
    concurrent([({attempt}) => (attempt === 1 ? Promise.reject(new Error('once')) : attempt)], {
      retry: {delay: 0},
    }).run(),
  )
  t.deepEqual(
    namesOf(log).filter((line) => line.startsWith('start')),
    ['start 0.1', 'start 0.2'],
  )
  t.is(new Set(log.map(({trace}) => trace)).size, 2)
})

test.serial('a pushed task tells its priority and when it was pushed', async (t) => {
  const queue = new TaskQueue()
  const log = await published(async () => {
    const push = queue.push(() => 'pushed', {priority: 3})
    queue.run({limit: 1})
    await push
    await queue.shutdown()
  })
  const trace = log[0]?.trace
  t.is(trace?.priority, 3)
  t.true((trace?.queuedAt ?? Infinity) <= (trace?.startedAt ?? 0))
})

test.serial(
  'what a subscriber sets on start reaches the task, also one that was pushed and one of execute',
  async (t) => {
    const storage = new AsyncLocalStorage<string>()
    const start = channel('tracing:aio-tasks:task:start')
    start.bindStore(storage, (trace) => `span ${(trace as TaskTrace).index}`)
    class Passing<T> extends ConcurrentRunner<T> {
      protected override execute(...[task, context]: Parameters<ConcurrentRunner<T>['execute']>): T | PromiseLike<T> {
        return super.execute(task, context)
      }
    }
    try {
      const tasks = [() => storage.getStore(), async () => storage.getStore()]
      t.deepEqual(await concurrent(tasks, {ordered: true}).toArray(), ['span 0', 'span 1'])
      t.deepEqual(await new Passing(tasks, {ordered: true}).toArray(), ['span 0', 'span 1'])
      const queue = new TaskQueue<string | undefined>()
      const push = queue.push(() => storage.getStore())
      queue.run()
      t.is(await push, 'span 0')
      await queue.shutdown()
    } finally {
      start.unbindStore(storage)
    }
  },
)

test.serial('a timeout publishes the error and the end at once, and nothing when the task settles', async (t) => {
  let settle = (): void => {}
  const log = await published(async () => {
    const slow = (): Promise<void> => new Promise((resolve) => (settle = resolve))
    const runner = concurrent([slow], {timeout: 1})
    t.regex(String(await caught(runner.run())), /TimeoutError/)
    settle()
    await runner.drained
    await turn()
  })
  t.deepEqual(namesOf(log), ['start 0.1', 'end 0.1', 'error 0.1', 'asyncStart 0.1', 'asyncEnd 0.1'])
})

test.serial('nothing of items and results is published', async (t) => {
  const log = await published(() => ConcurrentRunner.map(['secret'], (item) => `${item} result`).run())
  for (const {trace} of log) t.notRegex(JSON.stringify(trace), /secret/)
})
