import {on, once} from 'node:events'
import test from 'ava'
import {ConcurrentExecutionError, ConcurrentRunner, concurrent, type RunnerOptions, type Task} from '../src/index.js'
import {
  caught,
  consume,
  manual,
  manuals,
  record,
  reportedDuring,
  runScript,
  thunks,
  tracked,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const fails: Task<never> = () => {
  throw new Error('boom')
}

// The order, pinned

const emits = test.macro(
  async (
    t,
    source: Iterable<Task<unknown>> | AsyncIterable<Task<unknown>>,
    options: RunnerOptions,
    expected: string[],
  ) => {
    const ran = concurrent(source, options)
    const log = record(ran)
    await ran.run().catch(() => {})
    t.deepEqual(log, expected)
  },
)
const a: Task<string> = () => 'a'
const b: Task<string> = async () => 'b'

test('an empty source emits drain and nothing else', emits, [], {}, ['drain'])
test('an empty async source emits drain and nothing else', emits, trackedAsync<Task<string>>([]), {}, ['drain'])
test('with a limit of 1 each start is followed by its result', emits, [a, b], {limit: 1}, [
  'start 0',
  'result 0 a',
  'start 1',
  'result 1 b',
  'drain',
])
test('with a limit of 2 two tasks start before the first result', emits, [a, a, a], {limit: 2}, [
  'start 0',
  'start 1',
  'result 0 a',
  'start 2',
  'result 1 a',
  'result 2 a',
  'drain',
])
test('a failure is an error with its context, and ends the run', emits, [a, fails, a], {limit: 1}, [
  'start 0',
  'result 0 a',
  'start 1',
  'error 1 boom',
  'drain',
])
test(
  'with yieldExceptions a failure is an error, and the run goes on',
  emits,
  [a, fails, a],
  {limit: 1, yieldExceptions: true},
  ['start 0', 'result 0 a', 'start 1', 'error 1 boom', 'start 2', 'result 2 a', 'drain'],
)
test(
  'an item that is no task is an error without a start',
  emits,
  [a, 5 as unknown as Task<string>, a],
  {limit: 1, yieldExceptions: true},
  ['start 0', 'result 0 a', 'error - expected a function or a promise; got 5', 'start 2', 'result 2 a', 'drain'],
)
test('promises of an array start and settle like functions', emits, [Promise.resolve('p'), a], {limit: 1}, [
  'start 0',
  'result 0 p',
  'start 1',
  'result 1 a',
  'drain',
])
test(
  'ordered mode changes the order of results that are yielded, not that of events',
  emits,
  [() => turn(1), a],
  {ordered: true},
  ['start 0', 'start 1', 'result 1 a', 'result 0 undefined', 'drain'],
)

test('a failing source emits one error without a context, after the tasks it gave have started', async (t) => {
  const source = function* (): Generator<Task<string>> {
    yield a
    throw new Error('dry')
  }
  const runner = concurrent(source)
  const log = record(runner)
  await caught(runner.run())
  t.deepEqual(log, ['start 0', 'error - dry', 'result 0 a', 'drain'])
})

test('a failing cleanup of the source emits one error without a context', async (t) => {
  const source = tracked([a, a, a], {
    onReturn: () => {
      throw new Error('stuck lid')
    },
  })
  const runner = concurrent(source, {limit: 1, highWaterMark: 0})
  const log = record(runner)
  for await (const _ of runner) break
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 a', 'error - stuck lid', 'drain'])
})

test('tasks that settle after a break are still reported, before drain', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent([a, x.thunk, y.thunk], {limit: 3})
  const log = record(runner)
  for await (const _ of runner) break
  t.deepEqual(log, ['start 0', 'start 1', 'start 2', 'result 0 a'])
  y.reject(new Error('late'))
  await turn()
  x.resolve('x')
  await runner.drained
  t.deepEqual(log.slice(4), ['error 2 late', 'result 1 x', 'drain'])
})

test('tasks that settle after abort() are still reported, before drain', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent([x.thunk, a], {limit: 1})
  const log = record(runner)
  const pending = caught(runner.next())
  runner.abort()
  await pending
  t.deepEqual(log, ['start 0'])
  x.resolve('x')
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 x', 'drain'])
})

test('a runner that was left before it started emits drain and nothing else', async (t) => {
  const runner = concurrent([a])
  const log = record(runner)
  await runner.return()
  await runner.drained
  t.deepEqual(log, ['drain'])
})

test('start is emitted before the function is called', async (t) => {
  const log: string[] = []
  const runner = concurrent([() => log.push('called')])
  runner.on('start', () => log.push('start'))
  await runner.run()
  t.deepEqual(log, ['start', 'called'])
})

test('a result is emitted whether or not anybody consumes it', async (t) => {
  const runner = concurrent([a, a, a], {limit: 3})
  const log = record(runner)
  await runner.next()
  await runner.drained
  t.deepEqual(log.slice(3), ['result 0 a', 'result 1 a', 'result 2 a', 'drain'])
  t.is(runner.stats.waiting, 2)
})

// What they carry

test('result and error carry the very context that start had', async (t) => {
  const contexts: unknown[] = []
  const runner = concurrent([a, fails], {limit: 1, yieldExceptions: true})
  runner.on('start', (context) => contexts.push(context))
  runner.on('result', (_, context) => contexts.push(context))
  runner.on('error', (_, context) => contexts.push(context))
  await runner.run()
  t.is(contexts.length, 4)
  t.is(contexts[0], contexts[1])
  t.is(contexts[2], contexts[3])
  t.not(contexts[0], contexts[2])
})

test('error carries the very error that is raised', async (t) => {
  const errors: unknown[] = []
  const runner = concurrent([fails])
  runner.on('error', (error) => errors.push(error))
  const {raised} = await consume(runner)
  t.true(raised instanceof ConcurrentExecutionError)
  t.is(errors.length, 1)
  t.is(errors[0], raised)
})

test('drain carries the final counts, and drained resolves with the same', async (t) => {
  const seen: unknown[] = []
  const runner = concurrent([a, fails, a], {limit: 1, yieldExceptions: true})
  runner.on('drain', (stats) => seen.push(stats))
  const stats = await runner.run()
  t.deepEqual(seen, [{started: 3, succeeded: 2, failed: 1, running: 0, waiting: 0, retrying: 0}])
  t.is(seen[0], stats)
  t.is(await runner.drained, stats)
})

test('drain is emitted with the state drained, and before drained resolves', async (t) => {
  const log: string[] = []
  const runner = concurrent([a])
  runner.on('drain', () => log.push(`drain while ${runner.state}`))
  void runner.drained.then(() => log.push('drained'))
  await runner.run()
  t.deepEqual(log, ['drain while drained', 'drained'])
})

test('an error nobody listens to is raised and not thrown by the emitter', async (t) => {
  const error = await caught(concurrent([fails]).toArray())
  t.true(error instanceof ConcurrentExecutionError)
})

// A gauge fed by events never drifts

const endings: Record<string, (runner: ConcurrentRunner<number, true>) => unknown> = {
  exhaustion: () => {},
  'return()': (runner) => runner.return(),
  'abort()': (runner) => runner.abort(),
  'stop()': (runner) => runner.stop(),
  disposal: (runner) => runner[Symbol.asyncDispose](),
}
for (const [name, end] of Object.entries(endings)) {
  test(`every start is followed by exactly one result or error with its context: ${name}`, async (t) => {
    const open = new Set<unknown>()
    let closed = 0
    const close = (context?: object): void => {
      if (open.delete(context)) closed++
      else t.fail('an outcome without its start')
    }
    const tasks = Array.from(
      {length: 30},
      (_, index): Task<number> =>
        async () => {
          await turn(index % 4)
          if (index % 3 === 0) throw new Error('boom')
          return index
        },
    )
    const runner = concurrent(tasks, {limit: 4, yieldExceptions: true})
    runner.on('start', (context) => open.add(context))
    runner.on('result', (_, context) => close(context))
    runner.on('error', (_, context) => close(context))
    for (let count = 0; count < 7; count++) await runner.next()
    void end(runner)
    if (name === 'exhaustion') await runner.run()
    const stats = await runner.drained
    t.is(open.size, 0)
    t.is(closed, stats.started)
  })
}

const startListenerEnds = test.macro(async (t, end: (runner: ConcurrentRunner<string>) => unknown) => {
  const runner = concurrent([a, a])
  const log = record(runner)
  runner.on('start', () => void end(runner))
  await runner.run().catch(() => {})
  t.is(log.length, 3)
  t.regex(log[1] ?? '', /^(result|error) 0 /)
  t.deepEqual([log[0], log[2]], ['start 0', 'drain'])
})
test('a start whose listener aborts the run gets its outcome too, and is the last', startListenerEnds, (runner) =>
  runner.abort(),
)
test('a start whose listener leaves the run gets its outcome too, and is the last', startListenerEnds, (runner) =>
  runner.return(),
)
test('a start whose listener stops the run gets its outcome too, and is the last', startListenerEnds, (runner) =>
  runner.stop(),
)

test('a task whose start listener aborted the run is never called', async (t) => {
  const task = manual()
  const runner = concurrent([task.thunk])
  runner.on('start', () => runner.abort())
  await runner.run().catch(() => {})
  t.false(task.isStarted)
})

// Listeners that misbehave

const throwing = (): never => {
  throw new Error('bad listener')
}

for (const event of ['start', 'result', 'error', 'drain'] as const) {
  test.serial(
    `a listener of ${event} that throws is reported once, changes nothing, and the others are still called`,
    async (t) => {
      let after = 0
      const runner = concurrent([a, fails, b], {limit: 1, yieldExceptions: true})
      const log = record(runner)
      runner.once(event, throwing)
      runner.once(event, () => after++)
      const reported = await reportedDuring(async () => {
        const values = await runner.toArray()
        t.deepEqual([values[0], values.length, values[2]], ['a', 3, 'b'])
      })
      t.deepEqual(reported.map(String), ['Error: bad listener'])
      t.is(after, 1)
      t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'error 1 boom', 'start 2', 'result 2 b', 'drain'])
      t.deepEqual(runner.stats, {started: 3, succeeded: 2, failed: 1, running: 0, waiting: 0, retrying: 0})
    },
  )
}

test.serial('a listener that throws at each call is reported at each call', async (t) => {
  const runner = concurrent([a, a, a])
  runner.on('result', throwing)
  const reported = await reportedDuring(async () => void (await runner.run()))
  t.is(reported.length, 3)
})

test.serial('a listener of a subclass event that throws does not disturb the code that emits the event', async (t) => {
  class Noisy extends ConcurrentRunner<string, false, {noise: [volume: number]}> {}
  const noisy = new Noisy([a])
  const heard: number[] = []
  noisy.on('noise', throwing)
  noisy.on('noise', (volume) => heard.push(volume))
  const reported = await reportedDuring(() => void noisy.emit('noise', 3))
  t.deepEqual([heard, reported.length], [[3], 1])
})

test('a listener that throws is an uncaught exception of the process, once', async (t) => {
  const {lines, code} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    const runner = concurrent([() => 1, () => 2], {limit: 1})
    runner.once('result', () => { throw new Error('bad listener') })
    console.log(await runner.toArray())
  `,
  )
  t.deepEqual(lines, ['uncaught bad listener', '[ 1, 2 ]'])
  t.is(code, 0)
})

test.serial('an async listener that rejects changes nothing, and its rejection is seen once', async (t) => {
  const failure = new Error('bad async listener')
  const runner = concurrent([a, b], {limit: 1})
  const log = record(runner)
  // oxlint-disable-next-line typescript/no-misused-promises -- that is the misuse
  runner.once('result', async () => {
    throw failure
  })
  const reasons = await unhandledDuring(async () => void t.deepEqual(await runner.toArray(), ['a', 'b']))
  t.is(reasons.length, 1)
  t.is(reasons[0], failure)
  t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'result 1 b', 'drain'])
})

test('a listener that removes itself while being called is called once, and the next one is not skipped', async (t) => {
  const log: string[] = []
  const runner = concurrent([a, a], {limit: 1})
  const leaving = (): void => {
    log.push('leaving')
    runner.off('result', leaving)
  }
  runner.on('result', leaving)
  runner.on('result', () => log.push('staying'))
  await runner.run()
  t.deepEqual(log, ['leaving', 'staying', 'staying'])
})

test('once() hears one event', async (t) => {
  let calls = 0
  const runner = concurrent([a, a, a])
  runner.once('result', () => calls++)
  await runner.run()
  t.is(calls, 1)
  t.is(runner.listenerCount('result'), 0)
})

test('off() removes what on(), addListener() and once() have added', async (t) => {
  let calls = 0
  const listener = (): number => calls++
  const runner = concurrent([a])
  runner.on('result', listener)
  runner.off('result', listener)
  runner.addListener('result', listener)
  runner.removeListener('result', listener)
  runner.once('result', listener)
  runner.off('result', listener)
  await runner.run()
  t.is(calls, 0)
})

test('off() leaves other listeners, other events and other runners alone', async (t) => {
  const log: string[] = []
  const listener = (): unknown => log.push('listener')
  const [first, second] = [concurrent([a]), concurrent([a])]
  first.on('start', listener)
  first.on('result', listener)
  first.on('result', () => log.push('other'))
  second.on('result', listener)
  first.off('result', listener)
  await first.run()
  await second.run()
  t.deepEqual(log, ['listener', 'other', 'listener'])
})

test('off() without a listener removes all of the event, and removeAllListeners() all', (t) => {
  const runner = concurrent([a])
  record(runner)
  runner.off('result')
  t.deepEqual(runner.eventNames(), ['start', 'retry', 'error', 'drain'])
  runner.removeAllListeners()
  t.deepEqual(runner.eventNames(), [])
})

test('a method that adds or takes out listeners gives the runner back', (t) => {
  const runner = concurrent([a])
  const listener = (): void => {}
  t.is(runner.on('result', listener), runner)
  t.is(runner.once('result', listener), runner)
  t.is(runner.addListener('result', listener), runner)
  t.is(runner.prependListener('result', listener), runner)
  t.is(runner.prependOnceListener('result', listener), runner)
  t.is(runner.off('result', listener), runner)
  t.is(runner.removeListener('result', listener), runner)
  t.is(runner.removeAllListeners(), runner)
  t.is(runner.setMaxListeners(3), runner)
})

test('a runner without listeners answers as an emitter does', (t) => {
  const runner = concurrent([a])
  t.false(runner.emit('drain', runner.stats))
  t.deepEqual([runner.listeners('result'), runner.rawListeners('result'), runner.eventNames()], [[], [], []])
  t.deepEqual([runner.listenerCount('result'), runner.getMaxListeners()], [0, Infinity])
  runner.off('result').removeListener('result').removeAllListeners('result').removeAllListeners()
  t.deepEqual(runner.eventNames(), [])
})

test('prependListener() and prependOnceListener() add a listener before the others', async (t) => {
  const log: string[] = []
  const runner = concurrent([a, b], {limit: 1})
  runner.on('result', () => log.push('last'))
  runner.prependListener('result', () => log.push('second'))
  runner.prependOnceListener('result', () => log.push('first'))
  await runner.run()
  t.deepEqual(log, ['first', 'second', 'last', 'second', 'last'])
})

test('a once() listener that causes the same event again is called once', async (t) => {
  let calls = 0
  const runner = concurrent([a])
  runner.once('result', (value, context) => {
    calls++
    runner.emit('result', value, context)
  })
  await runner.run()
  t.is(calls, 1)
})

test('a once() listener behind one that causes the same event again is called once', async (t) => {
  let calls = 0
  const runner = concurrent([a])
  runner.on('result', (value, context) => {
    if (value === 'a') runner.emit('result', 'again', context)
  })
  runner.once('result', () => calls++)
  await runner.run()
  t.is(calls, 1)
})

test('the first listener may be added while tasks run', async (t) => {
  const [x, y] = manuals(2)
  const runner = concurrent(thunks([x, y]), {limit: 1})
  const ended = runner.run()
  await turn()
  const log = record(runner)
  x.resolve('x')
  await turn()
  y.resolve('y')
  await ended
  t.deepEqual(log, ['result 0 x', 'start 1', 'result 1 y', 'drain'])
})

test("once() of node:events resolves with the event's arguments", async (t) => {
  const runner = concurrent([a])
  const drained = once(runner, 'drain')
  const stats = await runner.run()
  t.deepEqual(await drained, [stats])
  t.deepEqual(runner.eventNames(), [])
})

test('once() of node:events rejects with the error that comes first', async (t) => {
  const runner = concurrent([fails])
  const drained = once(runner, 'drain')
  const error = await caught(runner.run())
  t.is(await caught(drained), error)
})

test('on() of node:events gives the arguments of each event', async (t) => {
  const runner = concurrent([a, b], {limit: 1})
  const values: unknown[] = []
  const results = on(runner, 'result', {close: ['drain']})
  void runner.run()
  for await (const [value] of results) values.push(value)
  t.deepEqual(values, ['a', 'b'])
  t.deepEqual(runner.eventNames(), [])
})

test('listeners() gives the functions that were added', (t) => {
  const runner = concurrent([a])
  const [first, second] = [(): void => {}, (): void => {}]
  runner.on('result', first)
  runner.once('result', second)
  t.deepEqual(runner.listeners('result'), [first, second])
  t.deepEqual(runner.listeners('start'), [])
})

test('a listener gets the context it was added with as this, or the runner', async (t) => {
  const seen: unknown[] = []
  const self = {name: 'self'}
  const note = function (this: unknown): void {
    seen.push(this)
  }
  const runner = concurrent([a])
  runner.on('start', note, self)
  runner.on('result', note)
  await runner.run()
  t.is(seen[0], self)
  t.is(seen[1], runner)
})

test('a listener that is no function is refused', (t) => {
  const runner = concurrent([a])
  const error = t.throws(() => runner.on('result', 5 as unknown as () => void), {instanceOf: TypeError})
  t.is(error?.message, 'listener must be a function; got 5')
})

// Calling the runner inside a listener

test('abort() inside a result listener ends the run with that reason', async (t) => {
  const reason = new Error('enough')
  const runner = concurrent([a, a, a], {limit: 1})
  const log = record(runner)
  runner.on('result', () => runner.abort(reason))
  const {raised} = await consume(runner)
  await runner.drained
  t.is(raised, reason)
  t.deepEqual(log, ['start 0', 'result 0 a', 'drain'])
})

for (const end of ['abort', 'return', 'stop'] as const)
  test(`a listener behind one that calls ${end}() at the last result hears that result, and drain last`, async (t) => {
    const runner = concurrent([a, a], {limit: 1})
    runner.on('result', () => void runner[end]())
    const log = record(runner)
    await runner.run().catch(() => {})
    t.deepEqual(log, ['start 0', 'result 0 a', 'drain'])
  })

test('a listener behind one that aborts at a failure hears that failure, and drain last', async (t) => {
  const runner = concurrent([fails, a], {limit: 1, yieldExceptions: true})
  runner.on('error', () => runner.abort())
  const log = record(runner)
  await caught(runner.run())
  t.deepEqual(log, ['start 0', 'error 0 boom', 'drain'])
})

test('stop() inside a result listener delivers that result', async (t) => {
  const runner = concurrent([a, a, a], {limit: 1})
  const log = record(runner)
  runner.on('result', () => void runner.stop())
  t.deepEqual(await runner.toArray(), ['a'])
  t.deepEqual(log, ['start 0', 'result 0 a', 'drain'])
})

test('pause() inside a start listener lets that task run and holds the next', async (t) => {
  const runner = concurrent([a, a])
  const log = record(runner)
  runner.on('start', () => runner.pause())
  void runner.run()
  await turn()
  t.deepEqual(log, ['start 0', 'result 0 a'])
  runner.removeAllListeners('start')
  runner.resume()
  await runner.drained
})

test('abort() inside the error listener does not mask the error that ended the run', async (t) => {
  const runner = concurrent([fails, a], {limit: 1})
  runner.on('error', () => runner.abort(new Error('mask')))
  const {raised} = await consume(runner)
  t.true(raised instanceof ConcurrentExecutionError)
})

const errorListenerActs = test.macro(async (t, act: (runner: ConcurrentRunner<string>) => unknown) => {
  const source = tracked([fails, a, a, a])
  const runner: ConcurrentRunner<string> = concurrent<string>(source, {limit: 1})
  const log = record(runner)
  runner.on('error', () => void act(runner))
  await runner.run().catch(() => {})
  t.deepEqual(log, ['start 0', 'error 0 boom', 'drain'])
  t.deepEqual([source.nexts, source.returns], [1, 1])
})
test(
  'nothing is pulled or started after the error that ends the run, though its listener raises the limit',
  errorListenerActs,
  (runner) => {
    runner.limit = 3
  },
)
test(
  'nothing is pulled or started after the error that ends the run, though its listener lowers the limit',
  errorListenerActs,
  (runner) => {
    runner.limit = 1
  },
)
test(
  'nothing is pulled or started after the error that ends the run, though its listener resumes',
  errorListenerActs,
  (runner) => runner.resume(),
)
test(
  'nothing is pulled or started after the error that ends the run, though its listener asks for a result',
  errorListenerActs,
  (runner) => runner.next().catch(() => {}),
)
test(
  'nothing is pulled or started after the error that ends the run, though its listener stops it',
  errorListenerActs,
  (runner) => runner.stop(),
)

test('a drain listener finds the run over: whatever it calls changes nothing', async (t) => {
  const runner = concurrent([a])
  const log = record(runner)
  runner.on('drain', () => {
    runner.abort(new Error('late'))
    void runner.stop()
    void runner.return()
    runner.resume()
  })
  const stats = await runner.run()
  t.is(stats.succeeded, 1)
  t.deepEqual(log, ['start 0', 'result 0 a', 'drain'])
})

test('drain is emitted once, whatever is called on top', async (t) => {
  const [x] = manuals(1)
  const runner = concurrent(thunks([x]))
  const log = record(runner)
  const pending = runner.next()
  void runner.stop()
  void runner.stop()
  await turn()
  void runner.return()
  runner.abort()
  void runner.return()
  x.resolve('x')
  t.deepEqual(await pending, {value: undefined, done: true})
  await runner.drained
  await turn()
  t.is(log.filter((line) => line === 'drain').length, 1)
  t.is(log.at(-1), 'drain')
})

test('every method that adds a listener takes its context, and those that remove one look at it', async (t) => {
  for (const add of ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const)
    for (const remove of ['off', 'removeListener'] as const) {
      const runner = concurrent([a])
      const [mine, other] = [{}, {}]
      const seen: unknown[] = []
      function note(this: unknown): void {
        seen.push(this)
      }
      runner[add]('result', note, mine)
      runner[add]('result', note, other)
      runner[remove]('result', note, other)
      runner.on('start', note)
      runner[remove]('start', note, undefined, true) // was not added by once()
      await runner.run()
      t.deepEqual([seen.length, seen[0], seen[1]], [2, runner, mine], `${add} and ${remove}`)
      t.is(seen[1], mine)
    }
})
