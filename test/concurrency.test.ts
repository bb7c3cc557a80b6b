import test from 'ava'
import pDefer from 'p-defer'
import {ConcurrentRunner, concurrent, defaultLimit, type RunnerOptions, type Task} from '../src/index.js'
import {
  caught,
  isSettled,
  type Manual,
  manual,
  manuals,
  startedOf,
  thunks,
  tracked,
  trackedAsync,
  turn,
  withRealClock,
} from './helpers/index.js'

const many = 200_000

/** Tasks that take some turns of the event loop, and the most of them that ever ran at once. */
function counted(
  count: number,
  turnsOf: (index: number) => number,
): {tasks: Array<Task<number>>; readonly most: () => number} {
  let running = 0
  let most = 0
  const task: Task<number> = async ({index}) => {
    most = Math.max(most, ++running)
    await turn(turnsOf(index))
    running--
    return index
  }
  return {tasks: Array<Task<number>>(count).fill(task), most: () => most}
}

const keepsLimit = test.macro(async (t, limit: number, options: RunnerOptions, track?: typeof trackedAsync) => {
  const {tasks, most} = counted(40, (index) => (index * 7) % 5)
  const values = await concurrent<number>(track ? track(tasks) : tasks, {
    ...options,
    limit,
    yieldExceptions: false,
  }).toArray()
  t.is(most(), limit)
  t.deepEqual(
    values.sort((a, b) => a - b),
    tasks.map((_, index) => index),
  )
})
test('a limit of 1 runs one task after the other', keepsLimit, 1, {})
test('a limit is reached and never exceeded', keepsLimit, 3, {})
test('a limit is reached and never exceeded with an async source', keepsLimit, 3, {}, trackedAsync)
test('a limit is reached and never exceeded in ordered mode', keepsLimit, 4, {ordered: true})
test('a limit is reached and never exceeded with a small buffer', keepsLimit, 4, {highWaterMark: 1})
test('a limit is reached and never exceeded without a buffer', keepsLimit, 4, {highWaterMark: 0})
test('a limit above the number of tasks runs them all', keepsLimit, 40, {})

const isUnlimited = test.macro(async (t, limit: number) => {
  const tasks = Array.from({length: 100}, () => manual())
  const runner = concurrent(thunks(tasks), {limit})
  t.is(runner.limit, Infinity)
  const ended = runner.toArray()
  t.is(startedOf(tasks).length, 100)
  for (const task of tasks) task.resolve('')
  t.is((await ended).length, 100)
})
test('a limit of Infinity starts everything at once', isUnlimited, Infinity)
test('a limit of -1 starts everything at once', isUnlimited, -1)

test('the limit is min(32, cores + 4) where none is given', (t) => {
  t.is(concurrent([]).limit, defaultLimit())
  t.is(concurrent([], {limit: undefined}).limit, defaultLimit())
  t.true(defaultLimit() >= 5 && defaultLimit() <= 32)
})

test('promises of an array count against the limit from the moment they are pulled', async (t) => {
  const [a, b, c] = [pDefer<string>(), pDefer<string>(), pDefer<string>()]
  const runner = concurrent([a.promise, b.promise, c.promise], {limit: 2})
  const ended = runner.toArray()
  await turn()
  t.is(runner.stats.running, 2)
  b.resolve('b')
  await turn()
  t.deepEqual([runner.stats.started, runner.stats.running], [3, 2])
  a.resolve('a')
  c.resolve('c')
  t.deepEqual((await ended).sort(), ['a', 'b', 'c'])
})

// Backpressure

interface Backpressure {
  readonly limit: number
  readonly highWaterMark?: number
  readonly ordered?: boolean
}

const isBounded = test.macro(
  async (t, options: Backpressure, track: typeof tracked | typeof trackedAsync = tracked) => {
    const {limit, highWaterMark = limit} = options
    const source = track<Task<number>>([], {
      forever:
        () =>
        async ({index}) =>
          turn(index % 3).then(() => index),
    })
    const runner = concurrent<number>(source, options)
    let consumed = 0
    let mostAhead = 0
    runner.on('start', () => {
      mostAhead = Math.max(mostAhead, runner.stats.started - consumed)
    })
    for await (const _ of runner) {
      if (++consumed === 60) break
      await turn(consumed % 4)
    }
    t.true(mostAhead <= limit + highWaterMark, `${mostAhead} ahead`)
    t.true(mostAhead >= Math.min(limit, 2), `${mostAhead} ahead`)
  },
)
for (const ordered of [false, true]) {
  const suffix = ordered ? ', in ordered mode' : ''
  const title = (mark: string): string => `started - consumed <= limit + highWaterMark ${mark}${suffix}`
  test(title('by default'), isBounded, {limit: 3, ordered})
  test(title('for a mark of 0'), isBounded, {limit: 3, highWaterMark: 0, ordered})
  test(title('for a mark of 1'), isBounded, {limit: 3, highWaterMark: 1, ordered})
  test(title('for a mark below the limit'), isBounded, {limit: 5, highWaterMark: 2, ordered})
  test(title('for a mark above the limit'), isBounded, {limit: 2, highWaterMark: 9, ordered})
  test(title('for a limit of 1 and a mark of 0'), isBounded, {limit: 1, highWaterMark: 0, ordered})
  test(title('for an async source'), isBounded, {limit: 3, highWaterMark: 1, ordered}, trackedAsync)
}

const stopsAt = test.macro(async (t, options: Backpressure, expected: number) => {
  const source = tracked<Task<number>>([], {forever: () => () => 1})
  const runner = concurrent<number>(source, options)
  await runner.next()
  await turn()
  t.is(runner.stats.started, expected)
  t.is(source.nexts, expected)
  await turn()
  t.is(runner.stats.started, expected)
  await runner.return()
})
test('a consumer that stops after one result stops the source once the buffer is full', stopsAt, {limit: 1}, 2)
test('with a mark of 0 nothing starts while nobody waits', stopsAt, {limit: 1, highWaterMark: 0}, 1)
test('with a mark of 3 three results wait', stopsAt, {limit: 1, highWaterMark: 3}, 4)

test('with a mark of 0 the source is untouched between two calls of next()', async (t) => {
  const source = tracked<Task<number>>([], {
    forever:
      () =>
      async ({index}) =>
        index,
  })
  const runner = concurrent<number>(source, {limit: 1, highWaterMark: 0})
  for (let call = 0; call < 5; call++) {
    await turn()
    t.is(source.nexts, call)
    t.deepEqual(await runner.next(), {value: call, done: false})
  }
  await runner.return()
})

test('with a mark of Infinity a slow consumer holds nothing up', async (t) => {
  const runner = concurrent(
    Array<Task<number>>(500).fill(() => 1),
    {limit: 2, highWaterMark: Infinity},
  )
  await runner.next()
  await turn(50)
  t.deepEqual([runner.stats.started, runner.stats.waiting], [500, 499])
  await runner.return()
})

test('in ordered mode results that wait behind a slow first one count against the mark', async (t) => {
  const slow = manual<number>()
  const source = tracked<Task<number>>([slow.thunk], {
    forever:
      () =>
      ({index}) =>
        index,
  })
  const runner = concurrent<number>(source, {limit: 2, highWaterMark: 3, ordered: true})
  const pending = runner.next()
  await turn()
  t.deepEqual([runner.stats.started, runner.stats.waiting, runner.stats.running], [4, 3, 1])
  slow.resolve(0)
  t.deepEqual(await pending, {value: 0, done: false})
  await runner.return()
})

test('run() is its own consumer: the mark does not hold it up', async (t) => {
  const stats = await concurrent(
    Array<Task<number>>(50).fill(() => 1),
    {limit: 2, highWaterMark: 0},
  ).run()
  t.is(stats.succeeded, 50)
  t.is(stats.waiting, 0)
})

// Order

test('results come as they become available: a stalled task holds up no other', async (t) => {
  const [a, b, c] = manuals(3)
  const runner = concurrent(thunks([a, b, c]))
  const first = runner.next()
  c.resolve('c')
  t.deepEqual(await first, {value: 'c', done: false})
  b.resolve('b')
  t.deepEqual(await runner.next(), {value: 'b', done: false})
  a.resolve('a')
  t.deepEqual(await runner.next(), {value: 'a', done: false})
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})

test('in ordered mode results come in source order, whatever settles first', async (t) => {
  const [a, b, c] = manuals(3)
  const runner = concurrent(thunks([a, b, c]), {ordered: true})
  const pending = [runner.next(), runner.next(), runner.next()]
  c.resolve('c')
  b.resolve('b')
  t.false(await isSettled(Promise.race(pending)))
  a.resolve('a')
  t.deepEqual(
    (await Promise.all(pending)).map((result) => result.value),
    ['a', 'b', 'c'],
  )
})

test('in ordered mode errors are yielded in source order too', async (t) => {
  const [a, b, c] = manuals(3)
  const ended = concurrent(thunks([a, b, c]), {ordered: true, yieldExceptions: true}).toArray()
  c.resolve('c')
  b.reject('b')
  await turn()
  a.resolve('a')
  t.deepEqual(
    (await ended).map((value) => (typeof value === 'string' ? value : value.index)),
    ['a', 1, 'c'],
  )
})

test('in ordered mode an item that is no task keeps its place', async (t) => {
  const slow = manual<number>()
  const source = [slow.thunk, 'bad', () => 2] as Array<Task<number>>
  const ended = concurrent(source, {ordered: true, yieldExceptions: true}).toArray()
  await turn()
  slow.resolve(0)
  t.deepEqual(
    (await ended).map((value) => (typeof value === 'number' ? value : `no task ${value.index}`)),
    [0, 'no task 1', 2],
  )
})

test('in ordered mode hundreds of results may wait for the first', async (t) => {
  const slow = manual<number>()
  const source = [slow.thunk, ...Array<Task<number>>(3000).fill(({index}) => index)]
  const ended = concurrent(source, {ordered: true, limit: 4, highWaterMark: Infinity}).toArray()
  await turn(20)
  slow.resolve(0)
  t.deepEqual(await ended, [...source.keys()])
})

// Pause and limit

test('pause() starts nothing new, and resume() starts at once', async (t) => {
  const tasks = manuals(4)
  const runner = concurrent(thunks(tasks), {limit: 2})
  const ended = runner.toArray()
  runner.pause()
  t.true(runner.isPaused)
  tasks[0].resolve('a')
  await turn()
  t.deepEqual(startedOf(tasks), [0, 1])
  runner.resume()
  t.false(runner.isPaused)
  t.deepEqual(startedOf(tasks), [0, 1, 2])
  for (const task of tasks) task.resolve('')
  t.is((await ended).length, 4)
})

test('while paused running tasks go on and are delivered', async (t) => {
  const [a, b] = manuals(2)
  const runner = concurrent(thunks([a, b]), {limit: 1})
  const first = runner.next()
  runner.pause()
  a.resolve('a')
  t.deepEqual(await first, {value: 'a', done: false})
  t.false(await isSettled(runner.next()))
  await runner.return()
})

test('a runner paused before its start waits for resume()', async (t) => {
  const [a] = manuals(1)
  const runner = concurrent([a.thunk])
  runner.pause()
  const ended = runner.run()
  await turn()
  t.false(a.isStarted)
  runner.resume()
  a.resolve('a')
  t.is((await ended).succeeded, 1)
})

test('pause() inside a task holds the ones after it', async (t) => {
  const [late] = manuals(1)
  const pausing = (): string => {
    runner.pause()
    return 'first'
  }
  const runner: ConcurrentRunner<string> = concurrent([pausing, late.thunk], {limit: 5})
  t.deepEqual(await runner.next(), {value: 'first', done: false})
  await turn()
  t.false(late.isStarted)
  runner.resume()
  late.resolve('late')
  t.deepEqual(await runner.toArray(), ['late'])
})

test('when a source pauses the run in the middle of a pull, its item is kept until resume()', async (t) => {
  const [x] = manuals(1)
  const runner: ConcurrentRunner<string> = concurrent(function* () {
    runner.pause()
    yield x.thunk
  })
  const ended = runner.toArray()
  await turn()
  t.false(x.isStarted)
  runner.resume()
  t.true(x.isStarted)
  x.resolve('x')
  t.deepEqual(await ended, ['x'])
})

test('when a source lowers the limit in the middle of a pull, its item is kept until a slot is free', async (t) => {
  const [x, y] = manuals(2)
  const runner: ConcurrentRunner<string> = concurrent(
    function* () {
      yield x.thunk
      runner.limit = 1
      yield y.thunk
    },
    {limit: 2},
  )
  const ended = runner.toArray()
  t.deepEqual(startedOf([x, y]), [0])
  x.resolve('x')
  await turn()
  t.true(y.isStarted)
  y.resolve('y')
  t.deepEqual(await ended, ['x', 'y'])
})

test('a paused runner can be left', async (t) => {
  const source = tracked([], {forever: () => () => 1})
  const runner = concurrent(source)
  runner.pause()
  const pending = runner.next()
  await runner.return()
  t.deepEqual(await pending, {value: undefined, done: true})
  t.is(source.returns, 1)
})

test('raising the limit fills the new slots at once', async (t) => {
  const tasks = manuals(4)
  const runner = concurrent(thunks(tasks), {limit: 1})
  const ended = runner.run()
  t.deepEqual(startedOf(tasks), [0])
  runner.limit = 3
  t.deepEqual(startedOf(tasks), [0, 1, 2])
  t.is(runner.limit, 3)
  for (const task of tasks) task.resolve('')
  await ended
})

test('lowering the limit waits for running tasks', async (t) => {
  const tasks = manuals(5)
  const runner = concurrent(thunks(tasks), {limit: 3})
  const ended = runner.run()
  runner.limit = 1
  const startedAfter = async (task: Manual<string>): Promise<number> => {
    task.resolve('')
    await turn()
    return startedOf(tasks).length
  }
  t.is(await startedAfter(tasks[0]), 3)
  t.is(await startedAfter(tasks[1]), 3)
  t.is(await startedAfter(tasks[2]), 4)
  t.is(await startedAfter(tasks[3]), 5)
  tasks[4].resolve('')
  await ended
})

test('the limit can be set while paused, and holds from resume() on', async (t) => {
  const tasks = manuals(4)
  const runner = concurrent(thunks(tasks), {limit: 4})
  runner.pause()
  const ended = runner.run()
  runner.limit = 2
  t.deepEqual(startedOf(tasks), [])
  runner.resume()
  t.deepEqual(startedOf(tasks), [0, 1])
  for (const task of tasks) task.resolve('')
  await ended
})

test('the limit can be set before the start, after the end, and to no limit', async (t) => {
  const runner = concurrent(Array<Task<number>>(3).fill(() => 1))
  runner.limit = 2
  t.is(runner.limit, 2)
  runner.limit = -1
  t.is(runner.limit, Infinity)
  await runner.run()
  runner.limit = 1
  t.is(runner.limit, 1)
})

test('an item that was being pulled when the limit was lowered waits for a slot', async (t) => {
  const gate = pDefer<void>()
  const [a, b] = manuals(2)
  const source = trackedAsync(thunks([a, b]), {onNext: (call) => (call === 1 ? gate.promise : undefined)})
  const runner = concurrent<string>(source, {limit: 2})
  const ended = runner.toArray()
  await turn()
  runner.limit = 1
  gate.resolve()
  await turn()
  t.deepEqual(startedOf([a, b]), [0])
  a.resolve('a')
  await turn()
  t.true(b.isStarted)
  b.resolve('b')
  t.deepEqual(await ended, ['a', 'b'])
})

test('without the option highWaterMark, the mark is the limit, also when the limit changes', async (t) => {
  const runner = concurrent(tracked<Task<number>>([], {forever: () => () => 1}), {limit: 1})
  await runner.next()
  runner.limit = 4
  await turn()
  // Three may wait before the next start, and four are then on their way.
  t.is(runner.stats.waiting, 7)
  await runner.return()
})

const wrongLimit = test.macro(async (t, limit: unknown, name: 'RangeError' | 'TypeError') => {
  const runner = concurrent([() => 1], {limit: 2})
  const error = t.throws(() => {
    runner.limit = limit as number
  })
  t.is(error?.name, name)
  t.regex(error?.message ?? '', /^limit must be an integer >= 1, or -1 or Infinity for no limit; got /)
  t.is(runner.limit, 2)
  t.deepEqual(await runner.toArray(), [1])
})
test('a limit of 0 is refused at run time, and nothing changes', wrongLimit, 0, 'RangeError')
test('a limit of NaN is refused at run time', wrongLimit, Number.NaN, 'RangeError')
test('a limit of 1.5 is refused at run time', wrongLimit, 1.5, 'RangeError')
test('a limit of "2" is refused at run time', wrongLimit, '2', 'TypeError')

// The event loop

/** How many of `many` ready tasks had finished when a timer and an immediate were first called. */
async function ticksDuring(run: () => Promise<unknown>, through: () => number): Promise<number[]> {
  const seen: number[] = []
  const timer = setTimeout(() => seen.push(through()), 1)
  const immediate = setImmediate(() => seen.push(through()))
  await withRealClock(run)
  clearTimeout(timer)
  clearImmediate(immediate)
  return seen
}

const staysAlive = test.macro(
  async (t, make: () => ConcurrentRunner<number>, run: (runner: ConcurrentRunner<number>) => Promise<unknown>) => {
    const runner = make()
    const seen = await ticksDuring(
      () => run(runner),
      () => runner.stats.started,
    )
    t.is(seen.length, 2, 'timers starved')
    for (const started of seen) t.true(started < many, `first called after ${started} tasks`)
  },
)
const loop = async (runner: ConcurrentRunner<number>): Promise<void> => {
  for await (const _ of runner);
}
const work: Task<number> = async () => 1
test.serial(
  '200,000 ready tasks do not starve the event loop in run()',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(work)),
  (runner) => runner.run(),
)
test.serial(
  '200,000 ready tasks do not starve the event loop in a loop',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(work)),
  loop,
)
test.serial(
  '200,000 ready tasks do not starve the event loop one at a time',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(work), {limit: 1}),
  loop,
)
test.serial(
  '200,000 promises that have fulfilled do not starve the event loop',
  staysAlive,
  () => concurrent(Array<Promise<number>>(many).fill(Promise.resolve(1)), {limit: 4}),
  loop,
)
test.serial(
  '200,000 plain values do not starve the event loop',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(() => 1)),
  loop,
)
test.serial(
  '200,000 ready tasks do not starve the event loop in ordered mode',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(work), {ordered: true}),
  loop,
)
test.serial(
  '200,000 ready tasks of an async source do not starve the event loop',
  staysAlive,
  () => concurrent(trackedAsync<Task<number>>(Array<Task<number>>(many).fill(work))),
  loop,
)
test.serial(
  '200,000 ready tasks without a limit do not starve the event loop',
  staysAlive,
  () => concurrent(Array<Task<number>>(many).fill(work), {limit: Infinity}),
  (runner) => runner.run(),
)

test.serial('no limit over an endless synchronous source does not starve the event loop', async (t) => {
  const runner = concurrent(tracked<Task<number>>([], {forever: () => work}), {limit: Infinity})
  const reason = new Error('a timer got its turn')
  setTimeout(() => runner.abort(reason), 1)
  t.is(await withRealClock(() => caught(runner.run())), reason)
})

test.serial('200,000 results that wait do not starve the event loop when a loop comes for them', async (t) => {
  const runner = concurrent(
    Array<Task<number>>(many).fill(() => 1),
    {limit: Infinity, highWaterMark: Infinity},
  )
  await runner.next()
  await runner.drained
  t.is(runner.stats.waiting, many - 1)
  let consumed = 0
  const seen = await ticksDuring(
    async () => {
      for await (const _ of runner) consumed++
    },
    () => consumed,
  )
  t.is(seen.length, 2)
  for (const before of seen) t.true(before < many - 1, `first called after ${before} results`)
})

test.serial('a gate that opens at once does not starve the event loop', async (t) => {
  class Gated extends ConcurrentRunner<number> {
    protected override async ready(): Promise<void> {}
  }
  const runner = new Gated(Array<Task<number>>(many).fill(work))
  const seen = await ticksDuring(
    () => runner.run(),
    () => runner.stats.started,
  )
  t.is(seen.length, 2)
  for (const started of seen) t.true(started < many, `first called after ${started} tasks`)
})

test.serial('200,000 tasks that finish at once overflow no stack', async (t) => {
  const stats = await concurrent(
    Array<Task<number>>(many).fill(() => 1),
    {limit: 1},
  ).run()
  t.is(stats.succeeded, many)
})

test('whatever the limit, at most 512 tasks run at once when each finishes as soon as it starts', async (t) => {
  let mostRunning = 0
  const runner = new ConcurrentRunner(
    (function* () {
      for (let index = 0; index < 20_000; index++) yield async () => index
    })(),
    {limit: Infinity},
  )
  runner.on('start', () => {
    mostRunning = Math.max(mostRunning, runner.stats.running)
  })
  t.is((await runner.run()).succeeded, 20_000)
  t.true(mostRunning <= 512, `${mostRunning} ran at once`)
})

test('tasks that take a while reach a limit above 512', async (t) => {
  const runner = new ConcurrentRunner(endless(), {limit: 2000})
  void runner.next()
  for (let before = 0; before < runner.stats.running; ) {
    before = runner.stats.running
    await turn()
  }
  t.is(runner.stats.running, 2000)
  void runner.return()

  function* endless(): Generator<() => Promise<never>> {
    for (;;) yield () => new Promise<never>(() => {})
  }
})
