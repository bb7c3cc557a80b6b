import {AsyncLocalStorage} from 'node:async_hooks'
import {channel} from 'node:diagnostics_channel'
import test from 'ava'
import {ConcurrentRunner, concurrent, TaskQueue, type TaskTrace} from '../src/index.js'
import {caught, freezeClock, manual, manuals, never, record, runScript, thunks, turn} from './helpers/index.js'

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

test.serial('a mapped item tells its group, and a task that was read ahead without groups tells none', async (t) => {
  const log = await published(async () => {
    await ConcurrentRunner.map(['a1'], (item) => item, {group: (item) => item.charAt(0)}).run()
    await concurrent([() => 'b'], {readAhead: 1}).run()
  })
  t.deepEqual(
    log
      .filter(({event}) => event === 'start')
      .map(({trace: {group, queuedAt, priority}}) => [group, queuedAt, priority]),
    [
      ['a', undefined, undefined],
      [undefined, undefined, undefined],
    ],
  )
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

test.serial('each attempt tells when it began, and all of a push tell when it was pushed', async (t) => {
  let now = 0
  performance.now = () => ++now // a clock that no two moments share
  t.teardown(freezeClock)
  const log = await published(async () => {
    const queue = new TaskQueue()
    const push = queue.push(({attempt}) => (attempt < 3 ? Promise.reject(new Error('again')) : attempt), {group: 'a'})
    queue.run({retry: {delay: 0}})
    t.is(await push, 3)
    await queue.shutdown()
  })
  const traces = [...new Set(log.map(({trace}) => trace))]
  t.deepEqual(
    traces.map(({index, attempt, group}) => [index, attempt, group]),
    [
      [0, 1, 'a'],
      [0, 2, 'a'],
      [0, 3, 'a'],
    ],
  )
  t.is(new Set(traces.map(({queuedAt}) => queuedAt)).size, 1)
  for (const [earlier, later] of [
    [traces[0]?.queuedAt, traces[0]?.startedAt],
    [traces[0]?.startedAt, traces[1]?.startedAt],
    [traces[1]?.startedAt, traces[2]?.startedAt],
  ])
    t.true((earlier ?? Infinity) < (later ?? 0))
  t.deepEqual(
    namesOf(log).filter((line) => /^(error|asyncEnd)/.test(line)),
    ['error 0.1', 'asyncEnd 0.1', 'error 0.2', 'asyncEnd 0.2', 'asyncEnd 0.3'],
  )
})

test.serial('what an abort ends is published when its task settles, with the reason as its error', async (t) => {
  const reason = new Error('enough')
  const task = manual()
  const log = await published(async () => {
    const runner = concurrent([task.thunk, task.thunk], {limit: 1})
    const run = caught(runner.run())
    await turn()
    runner.abort(reason)
    task.reject(reason)
    t.is(await run, reason)
  })
  t.deepEqual(namesOf(log), ['start 0.1', 'end 0.1', 'error 0.1', 'asyncStart 0.1', 'asyncEnd 0.1'])
  t.is(log[0]?.trace.error, reason)
})

test.serial('what a second abort gives up is published at once', async (t) => {
  const log = await published(async () => {
    const runner = concurrent([never])
    const run = caught(runner.run())
    await turn()
    runner.abort(new Error('first'))
    runner.abort(new Error('second'))
    t.like(await run, {message: 'first'})
  })
  t.deepEqual(
    log.map(({event}) => event),
    ['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
  )
})

for (const event of ['asyncStart', 'asyncEnd', 'error'] as const)
  for (const isFailing of [true, false])
    test.serial(
      `a subscriber to ${event} that aborts the run twice leaves one outcome of each task, where the first task ${isFailing ? 'fails' : 'succeeds'}`,
      async (t) => {
        const boom = new Error('boom')
        const runner = concurrent([async () => (isFailing ? Promise.reject(boom) : 0), never], {limit: 2})
        const log = record(runner)
        const abortTwice = (): void => {
          runner.abort(new Error('first'))
          runner.abort(new Error('second'))
        }
        const own = channel(`tracing:aio-tasks:task:${event}`)
        await published(async () => {
          own.subscribe(abortTwice)
          const run = caught(runner.run())
          await turn()
          own.unsubscribe(abortTwice)
          runner.abort()
          runner.abort()
          await run
        })
        for (const index of [0, 1])
          t.is(log.filter((line) => /^(?:result|error)/.test(line) && line.split(' ')[1] === String(index)).length, 1)
      },
    )

test.serial(
  'a task that never runs is never published: refused by its governor, or stopped while it waits',
  async (t) => {
    const log = await published(async () => {
      const governor = {acquire: () => Promise.reject(new Error('no permit'))}
      t.regex(String(await caught(concurrent([() => 1], {governor}).run())), /no permit/)
      const runner = concurrent([() => Promise.reject(new Error('again'))], {
        retry: {delay: 100_000},
        yieldExceptions: true,
      })
      runner.on('retry', () => void runner.stop())
      await runner.run()
    })
    t.deepEqual(namesOf(log), ['start 0.1', 'end 0.1', 'error 0.1', 'asyncStart 0.1', 'asyncEnd 0.1'])
  },
)

test.serial(
  'what started before anybody listened to start is not published, and what has started is to its end',
  async (t) => {
    const [a, b] = manuals(2)
    const runner = concurrent(thunks([a, b]), {limit: 1})
    const results = runner.toArray()
    await turn()
    const told = await published(async () => {
      a.resolve('a')
      await turn()
    })
    t.deepEqual(namesOf(told), ['start 1.1', 'end 1.1'])
    const ends: TaskTrace[] = []
    const end = channel('tracing:aio-tasks:task:asyncEnd')
    const note = (trace: unknown): void => void ends.push(trace as TaskTrace)
    end.subscribe(note)
    b.resolve('b')
    t.deepEqual(await results, ['a', 'b'])
    end.unsubscribe(note)
    t.deepEqual(ends, [told[0]?.trace])
  },
)

test.serial('a subscriber tells runners apart by a store around the run, or around the push', async (t) => {
  const names = new AsyncLocalStorage<string>()
  const start = channel('tracing:aio-tasks:task:start')
  const seen: string[] = []
  const note = (trace: unknown): void => {
    const {index, attempt} = trace as TaskTrace
    seen.push(`${names.getStore()} ${index}.${attempt}`)
  }
  const failsAtFirst = ({attempt}: {attempt: number}): number => {
    if (attempt === 1) throw new Error('again')
    return attempt
  }
  start.subscribe(note)
  try {
    const options = {limit: 1, retry: {delay: 0}}
    const thumbnails = names.run('thumbnails', () => concurrent([failsAtFirst], options).run())
    const pages = names.run('pages', () => ConcurrentRunner.map(['a'], () => 1, {timeout: 60_000}).run())
    await names.run('main', () => Promise.all([thumbnails, pages]))
    const queue = new TaskQueue<number>()
    const runner = names.run('service', () => queue.run(options))
    await names.run('mails', () => queue.push(failsAtFirst))
    await queue.shutdown()
    await runner.drained
  } finally {
    start.unsubscribe(note)
  }
  t.deepEqual(seen.toSorted(), ['mails 0.1', 'mails 0.2', 'pages 0.1', 'thumbnails 0.1', 'thumbnails 0.2'])
})

/** A script in which the module of diagnostics is another one. */
const withDiagnostics = (diagnostics: string, src: string): string => `
  const original = process.getBuiltinModule
  process.getBuiltinModule = (id) =>
    id === 'node:diagnostics_channel' ? ${diagnostics} : original.call(process, id)
  const {ConcurrentRunner, TaskQueue} = await import('${src}')
  const queue = new TaskQueue()
  const push = queue.push(({attempt}) => {
    if (attempt === 1) throw new Error('again')
    console.log('pushed task')
    return attempt
  })
  queue.run({retry: {delay: 0}})
  console.log(await push, await ConcurrentRunner.map([1], (n) => n + 1).toArray())
  await queue.shutdown()
`

test('where the runtime has no module of diagnostics, everything else is as before', async (t) => {
  for (const missing of ['undefined', '{}']) {
    const {lines, errors} = await runScript((src) => withDiagnostics(missing, src))
    t.deepEqual([lines, errors], [['pushed task', '2 [ 2 ]'], ''])
  }
})

test('where channels have no stores, start is published before the task is called', async (t) => {
  const {lines, errors} = await runScript((src) =>
    withDiagnostics(
      `{channel: (name) => ({
        hasSubscribers: true,
        publish: ({index, attempt}) => console.log(name.split(':').at(-1), index + '.' + attempt),
      })}`,
      src,
    ),
  )
  t.is(errors, '')
  const told = [
    'start 0.1, error 0.1, end 0.1, asyncStart 0.1, asyncEnd 0.1',
    'start 0.2, pushed task, end 0.2, asyncStart 0.2, asyncEnd 0.2',
    'start 0.1, end 0.1, asyncStart 0.1, asyncEnd 0.1, 2 [ 2 ]',
  ]
  t.is(lines.join(', '), told.join(', '))
})

test.serial(
  'who subscribes to the end of attempts alone, and not to their start, gets nothing, also of retries',
  async (t) => {
    const got: unknown[] = []
    const end = channel('tracing:aio-tasks:task:asyncEnd')
    const note = (trace: unknown): void => void got.push(trace)
    end.subscribe(note)
    try {
      await concurrent([async () => 1], {retry: {}}).run()
    } finally {
      end.unsubscribe(note)
    }
    t.deepEqual(got, [])
  },
)
