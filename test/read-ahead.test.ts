/** What is read ahead of the slots waits in order, or by groups that take turns. */

import {AsyncLocalStorage} from 'node:async_hooks'
import test from 'ava'
import {
  ConcurrentExecutionError,
  ConcurrentIteratorError,
  ConcurrentRunner,
  concurrent,
  type Governor,
  mapped,
  type Permit,
  type RunnerOptions,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../src/index.js'
import {
  caught,
  consume,
  instance,
  manual,
  never,
  record,
  reportedDuring,
  tracked,
  trackedAsync,
  turn,
  unhandledDuring,
} from './helpers/index.js'

const letters = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']
const first = (item: string): string => item.charAt(0)
const endings = [
  ['break', (runner: ConcurrentRunner<unknown>) => void runner.return()],
  ['abort()', (runner: ConcurrentRunner<unknown>) => runner.abort()],
  ['stop()', (runner: ConcurrentRunner<unknown>) => void runner.stop()],
] as const

test('readAhead: n has n items pulled that wait for a slot, and not one more', async (t) => {
  const tasks = Array.from({length: 8}, () => manual())
  const source = tracked(tasks.map(({thunk}) => thunk))
  const runner = concurrent(source, {limit: 2, readAhead: 3})
  const results = runner.toArray()
  await turn()
  t.is(source.nexts, 5)
  t.is(runner.stats.started, 2)
  tasks[0]?.resolve('first')
  await turn()
  t.is(source.nexts, 6)
  for (const task of tasks) task.resolve('other')
  t.is((await results).length, 8)
  t.is(source.nexts, 9)
})

test('a slow source is read while all slots are taken, with one next() at a time', async (t) => {
  const tasks = Array.from({length: 4}, () => manual())
  const source = trackedAsync(tasks.map(({thunk}) => thunk))
  const runner = concurrent(source, {limit: 1, readAhead: 2})
  const results = runner.toArray()
  await turn()
  t.is(source.nexts, 3)
  t.is(source.mostOutstanding, 1)
  for (const task of tasks) task.resolve('done')
  t.is((await results).length, 4)
})

test('what is read ahead starts in the order of the source, with the places of the source', async (t) => {
  const seen: number[] = []
  const tasks = Array.from(
    {length: 20},
    () =>
      ({index}: TaskContext) =>
        seen.push(index),
  )
  await concurrent(tasks, {limit: 3, readAhead: 5}).run()
  t.deepEqual(
    seen,
    tasks.map((_, index) => index),
  )
})

test('nothing is read behind a promise that waits', async (t) => {
  const held = manual()
  const source = tracked([held.thunk, () => 'b', Promise.resolve('c'), () => 'd', () => 'e'])
  const results = concurrent(source, {limit: 1, readAhead: 10, ordered: true}).toArray()
  await turn()
  t.is(source.nexts, 3)
  held.resolve('a')
  t.deepEqual(await results, ['a', 'b', 'c', 'd', 'e'])
})

test('a promise that was read ahead and rejects before its turn is no unhandled rejection', async (t) => {
  const held = manual()
  const source = [held.thunk, Promise.reject(new Error('early'))][Symbol.iterator]()
  const results = concurrent(
    {[Symbol.iterator]: () => source},
    {limit: 1, readAhead: 1, yieldExceptions: true},
  ).toArray()
  await turn()
  held.resolve('a')
  t.is((await results).length, 2)
})

test('a TaskQueue is not read ahead: what waits there can be cleared', async (t) => {
  const queue = new TaskQueue()
  const held = manual()
  queue.run({limit: 1, readAhead: 10})
  void queue.push(held.thunk)
  const cleared = queue.push(() => 'b')
  await turn()
  t.is(queue.size, 1)
  queue.clear(new Error('cleared'))
  t.is(instance(await caught(cleared), Error).message, 'cleared')
  held.resolve('a')
  await queue.shutdown()
})

test('while paused nothing is read ahead', async (t) => {
  const source = tracked([() => 1, () => 2])
  const runner = concurrent(source, {limit: 1, readAhead: 5})
  runner.pause()
  const results = runner.toArray()
  await turn()
  t.is(source.nexts, 0)
  runner.resume()
  t.deepEqual(await results, [1, 2])
})

test('ready() is asked before each pull, also of what is read ahead', async (t) => {
  let asked = 0
  class Gated extends ConcurrentRunner<number> {
    protected override ready(): void {
      asked++
    }
  }
  const held = manual<number>()
  const source = tracked([held.thunk, () => 2, () => 3])
  const results = new Gated(source, {limit: 1, readAhead: 1}).toArray()
  await turn()
  t.is(source.nexts, 2)
  t.is(asked, 2)
  held.resolve(1)
  t.deepEqual(await results, [1, 2, 3])
  t.is(asked, 4) // also before the pull that finds the end
})

for (const [name, end] of endings)
  test(`${name} disposes of what was read ahead, closes the source once, and drains`, async (t) => {
    let disposed = 0
    const held = manual()
    const tasks: Array<TaskFunction<string>> = [
      held.thunk,
      ...Array.from({length: 5}, () => Object.assign(() => 'never', {[Symbol.dispose]: () => void disposed++})),
    ]
    const source = tracked(tasks, {forever: () => () => 'more'})
    const runner = concurrent(source, {limit: 1, readAhead: 3})
    const log = record(runner)
    const next = runner.next().catch(() => {})
    await turn()
    end(runner)
    t.is(disposed, 3)
    t.is(source.returns, 1)
    held.resolve('a')
    await runner.drained
    await next
    t.is(log.filter((line) => line.startsWith('start')).length, 1)
    t.is(log.at(-1), 'drain')
  })

test('a source that fails while it is read ahead ends the run at once', async (t) => {
  const held = manual()
  const source = function* (): Generator<TaskFunction<string>> {
    yield held.thunk
    yield () => 'never'
    throw new Error('source')
  }
  const runner = concurrent(source, {limit: 1, readAhead: 5})
  const error = caught(runner.next())
  await turn()
  t.is(instance(await error, ConcurrentIteratorError).index, 2)
  held.resolve('a')
  t.is((await runner.drained).started, 1)
})

test('with ordered a source that fails does so in its place: what was read before still starts', async (t) => {
  const source = function* (): Generator<() => unknown> {
    yield () => 'a'
    yield () => 'b'
    yield () => 'c'
    throw new Error('source')
  }
  const {values, raised} = await consume(concurrent(source, {limit: 1, readAhead: 5, ordered: true}))
  t.deepEqual(values, ['a', 'b', 'c'])
  t.is(instance(raised, ConcurrentIteratorError).index, 3)
})

test('an item that is no task fails in its turn, without a start', async (t) => {
  const runner = concurrent([() => 'a', 7 as never, () => 'c'], {limit: 1, readAhead: 5, yieldExceptions: true})
  const log = record(runner)
  await runner.run()
  t.deepEqual(
    log.map((line) => line.slice(0, 8)),
    ['start 0', 'result 0', 'error - ', 'start 2', 'result 2', 'drain'],
  )
})

test('behind an item that is no task, places are still those of the source', async (t) => {
  const places: number[] = []
  const task = ({index}: TaskContext): number => places.push(index)
  const tasks = [task, 7 as never, task, task, task]
  await concurrent(tasks, {limit: 1, ordered: true, readAhead: 1, yieldExceptions: true}).run()
  t.deepEqual(places, [0, 2, 3, 4])
})

test('groups of mapped items: at most limit of each run, they take turns, and a full one blocks no other', async (t) => {
  const started: string[] = []
  const held = new Map(letters.map((item) => [item, manual()]))
  const load = (item: string, context: TaskContext): unknown => {
    started.push(item)
    return held.get(item)?.thunk(context)
  }
  const runner = ConcurrentRunner.map(letters, load, {limit: 4, group: first, groups: {limit: 2}})
  const results = runner.run()
  await turn()
  t.deepEqual(started, ['a1', 'b1', 'c1', 'a2'])
  held.get('c1')?.resolve('')
  await turn()
  t.deepEqual(started.slice(4), ['b2'])
  held.get('b1')?.resolve('')
  await turn()
  t.is(started.length, 5) // a is full, and nothing else is left
  held.get('a2')?.resolve('')
  await turn()
  t.deepEqual(started.slice(5), ['a3'])
  for (const task of held.values()) task.resolve('')
  t.is((await results).succeeded, 7)
})

test('the limit of a group may be a function of the group, and index and item are those of the source', async (t) => {
  const most = new Map<string, number>()
  const running = new Map<string, number>()
  const seen: Array<[number, unknown]> = []
  const runner = ConcurrentRunner.map(
    letters,
    async (item, context) => {
      seen.push([context.index, context.item])
      const count = (running.get(first(item)) ?? 0) + 1
      running.set(first(item), count)
      most.set(first(item), Math.max(most.get(first(item)) ?? 0, count))
      await turn(1)
      running.set(first(item), count - 1)
    },
    {limit: 10, group: first, groups: {limit: (group) => (group === 'a' ? 3 : 1)}},
  )
  await runner.run()
  t.deepEqual(
    [...most],
    [
      ['a', 3],
      ['b', 1],
      ['c', 1],
    ],
  )
  for (const [index, item] of seen) t.is(item, letters[index])
})

test('mapped() carries group, groups and readAhead to a runner of any class', async (t) => {
  class Named extends ConcurrentRunner<string> {}
  let most = 0
  let running = 0
  const upper = async (item: string): Promise<string> => {
    most = Math.max(most, ++running)
    await turn(1)
    running--
    return item.toUpperCase()
  }
  const source = mapped(letters, upper, {group: () => 'all', groups: {limit: 1}, readAhead: 2})
  t.deepEqual(
    await new Named(source, {limit: 5, ordered: true}).toArray(),
    letters.map((item) => item.toUpperCase()),
  )
  t.is(most, 1)
})

test('at most readAhead items are looked at, so a run of one group holds up the others behind it', async (t) => {
  const items = [...Array.from({length: 5}, (_, index) => `a${index}`), 'b0']
  const source = tracked(items)
  const held = manual()
  const started: string[] = []
  const runner = ConcurrentRunner.map(
    source,
    (item, context) => {
      started.push(item)
      return item === 'a0' ? held.thunk(context) : item
    },
    {limit: 4, group: first, groups: {limit: 1}, readAhead: 3},
  )
  const over = runner.run()
  await turn()
  t.is(source.nexts, 4)
  t.deepEqual(started, ['a0'])
  held.resolve('')
  await over
  t.is(started.length, 6)
})

test('a group whose governor has no permit is passed over, and goes on when there is one', async (t) => {
  const waiting: Array<(permit: Permit) => void> = []
  const permit: Permit = {release() {}}
  const gate: Governor & Required<Pick<Governor, 'tryAcquire'>> = {
    tryAcquire: () => undefined,
    acquire: () => new Promise((resolve) => waiting.push(resolve)),
  }
  const free = {tryAcquire: () => permit, acquire: () => permit}
  const results: string[] = []
  const runner = ConcurrentRunner.map(['a1', 'b1', 'b2'], (item) => item, {
    limit: 2,
    group: first,
    groups: {governor: (group: string) => (group === 'a' ? gate : free)},
  }).on('result', (item) => results.push(item))
  const over = runner.run()
  await turn()
  t.deepEqual(results, ['b1', 'b2'])
  waiting[0]?.(permit)
  await over
  t.deepEqual(results, ['b1', 'b2', 'a1'])
})

test('what group() throws fails that task alone, between a start and an error', async (t) => {
  const group = (item: string): string => {
    if (item === 'b1') throw new Error('no group')
    return first(item)
  }
  const runner = ConcurrentRunner.map(['a1', 'b1', 'c1'], (item) => item, {limit: 1, yieldExceptions: true, group})
  const log = record(runner)
  const results = await runner.toArray()
  t.is(results.length, 3)
  const error = instance(
    results.find((result) => result instanceof Error),
    ConcurrentExecutionError,
  )
  t.deepEqual([error.index, error.item, (error.cause as Error).message], [1, 'b1', 'no group'])
  t.deepEqual(
    log.filter((line) => line.includes(' 1')),
    ['start 1', 'error 1 no group'],
  )
})

test('with ordered, a full buffer and a full group the task whose result is next still starts', async (t) => {
  // a2 comes next, waits for a1, and b and c have filled the buffer.
  const held = new Map(['a1', 'a2', 'b1', 'b2'].map((item) => [item, manual()]))
  const started: string[] = []
  const runner = ConcurrentRunner.map(
    [...held.keys()],
    (item, context) => {
      started.push(item)
      return held.get(item)?.thunk(context)
    },
    {limit: 4, ordered: true, highWaterMark: 1, group: first, groups: {limit: 1}},
  )
  const loop = consume(runner)
  await turn()
  held.get('b1')?.resolve('b1')
  await turn()
  t.deepEqual(started, ['a1', 'b1']) // the buffer is full of b1
  held.get('a1')?.resolve('a1')
  await turn()
  t.deepEqual(started, ['a1', 'b1', 'a2'])
  held.get('a2')?.resolve('a2')
  held.get('b2')?.resolve('b2')
  t.deepEqual((await loop).values, ['a1', 'a2', 'b1', 'b2'])
})

test('with ordered, after a failure those before it that wait for their group still start, and no other', async (t) => {
  const held = manual()
  const started: string[] = []
  const runner = ConcurrentRunner.map(
    ['a1', 'a2', 'b1', 'a3'],
    (item, context) => {
      started.push(item)
      if (item === 'b1') throw new Error('boom')
      return item === 'a1' ? held.thunk(context) : item
    },
    {limit: 4, ordered: true, group: first, groups: {limit: 1}},
  )
  const loop = consume(runner)
  await turn()
  t.deepEqual(started, ['a1', 'b1'])
  held.resolve('a1')
  const {values, raised} = await loop
  t.deepEqual(values, ['a1', 'a2'])
  t.is(instance(raised, ConcurrentExecutionError).index, 2)
  t.deepEqual(started, ['a1', 'b1', 'a2'])
  t.is((await runner.drained).started, 3)
})

test('a task that is tried again gives its place in the group back while it waits', async (t) => {
  const started: string[] = []
  const runner = ConcurrentRunner.map(
    ['a1', 'a2'],
    (item, {attempt}) => {
      started.push(`${item}.${attempt}`)
      if (item === 'a1' && attempt === 1) throw new Error('again')
      return item
    },
    {limit: 1, group: first, groups: {limit: 1}, retry: {delay: 5}},
  )
  t.deepEqual((await runner.toArray()).toSorted(), ['a1', 'a2'])
  t.deepEqual(started, ['a1.1', 'a2.1', 'a1.2'])
})

test('tasks that were read ahead run in the async context of the run', async (t) => {
  const storage = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const runner = ConcurrentRunner.map(letters, async () => void seen.push(storage.getStore()), {
    limit: 1,
    group: first,
    groups: {limit: 1},
  })
  const over = storage.run('run', () => runner.run())
  storage.run('other', () => {
    runner.pause()
    runner.resume()
  })
  await over
  t.deepEqual(
    seen,
    letters.map(() => 'run'),
  )
})

test('a subclass that overrides execute gets a task it can call', async (t) => {
  class Doubled extends ConcurrentRunner<string> {
    protected override async execute(task: Task<string>, context: TaskContext): Promise<string> {
      t.is(typeof task, 'function')
      return super.execute(task, context)
    }
  }
  const source = mapped(letters, (item) => item, {group: first})
  t.deepEqual((await new Doubled(source).toArray()).toSorted(), letters)
})

test('a subclass that overrides execute gets the very tasks that were read ahead', async (t) => {
  const seen: unknown[] = []
  class Noting extends ConcurrentRunner<string> {
    protected override execute(task: Task<string>, context: TaskContext): string | PromiseLike<string> {
      seen.push(task)
      return super.execute(task, context)
    }
  }
  const tasks = [() => 'a', () => 'b']
  t.deepEqual(await new Noting(tasks, {limit: 1, readAhead: 1}).toArray(), ['a', 'b'])
  t.deepEqual(seen, tasks)
})

test('a function that was read ahead is tried again, without an item, and a promise is not', async (t) => {
  const again = ({attempt, item}: TaskContext): string => {
    if (attempt === 1) throw new Error('again')
    return `attempt ${attempt} of ${String(item)}`
  }
  const runner = concurrent([again, Promise.reject(new Error('gone')), again], {
    limit: 1,
    readAhead: 2,
    ordered: true,
    yieldExceptions: true,
    retry: {delay: 0},
  })
  const log = record(runner)
  t.deepEqual((await runner.toArray()).map(String), [
    'attempt 2 of undefined',
    'ConcurrentExecutionError: Task 1 failed: Error: gone',
    'attempt 2 of undefined',
  ])
  t.deepEqual(
    log.filter((line) => line.startsWith('retry')),
    ['retry 0 again', 'retry 2 again'],
  )
})

test('a group is forgotten when its tasks have settled, however they have, and is made anew for a later item', async (t) => {
  const made: string[] = []
  const limit = (group: string): number => {
    made.push(group)
    return 1
  }
  const load = (item: string): string => {
    if (item === 'b1') throw new Error('boom')
    return item
  }
  const runner = ConcurrentRunner.map(['a1', 'b1', 'a2', 'b2'], load, {
    limit: 1,
    readAhead: 1,
    yieldExceptions: true,
    group: first,
    groups: {limit},
  })
  t.is((await runner.toArray()).length, 4)
  t.deepEqual(made, ['a', 'b', 'a', 'b'])
})

test('with ordered and a full buffer no task that was read ahead starts', async (t) => {
  const [head, ...others] = Array.from({length: 5}, () => manual())
  const tasks = [head?.thunk ?? never, ...others.map(({thunk}) => thunk)]
  const runner = concurrent(tasks, {limit: 2, highWaterMark: 1, ordered: true, readAhead: 4})
  const results = consume(runner)
  await turn()
  others[0]?.resolve('1')
  await turn()
  t.is(runner.stats.started, 2) // the first task, whose result is next, still runs
  for (const task of [head, ...others]) task?.resolve('done')
  t.is((await results).values.length, 5)
})

for (const [ending, end] of endings)
  for (const place of ['the governor of a group', 'a listener of start'])
    test(`${ending} inside of ${place} disposes of the task that was about to start`, async (t) => {
      const log: string[] = []
      const items = ['a', 'b'].map((letter) => ({letter, [Symbol.dispose]: () => void log.push(letter)}))
      const permit: Permit = {release() {}}
      const governor = {
        tryAcquire: () => {
          if (place === 'the governor of a group') end(runner)
          return permit
        },
        acquire: () => permit,
      }
      const runner: ConcurrentRunner<string> = ConcurrentRunner.map(items, ({letter}) => letter, {
        limit: 1,
        group: () => 'all',
        groups: {governor: () => governor},
      })
      runner.on('start', () => place === 'a listener of start' && end(runner))
      await runner.run().catch(() => {})
      // stop() lets a task go on whose start was told
      const isRun = ending === 'stop()' && place === 'a listener of start'
      t.deepEqual(log.toSorted(), isRun ? ['b'] : ['a', 'b'])
    })

test('wrong options of groups and readAhead are refused by name', (t) => {
  const run = (options: object): unknown => ConcurrentRunner.map(letters, first, options)
  t.throws(() => concurrent([], {readAhead: -1}), {
    message: 'readAhead must be an integer >= 0, or Infinity for no bound; got -1',
  })
  t.throws(() => run({group: 'host'}), {instanceOf: TypeError, message: 'group must be a function; got "host"'})
  t.throws(() => run({groups: {limit: 1}}), {message: /needs the option group/})
  t.throws(() => run({group: first, groups: {limit: 0}}), {message: /^groups\.limit must be/})
  t.throws(() => run({group: first, groups: {capacity: 3}}), {message: /groups\.capacity is for a TaskQueue/})
  t.throws(() => mapped(letters, first, {groep: first} as object), {message: /did you mean groups?\?/})
})

test('a change of the limit is told, before the tasks that start because of it', async (t) => {
  const held = manual()
  const runner = concurrent([held.thunk, held.thunk], {limit: 1})
  const log = record(runner)
  runner.on('limit', (limit, previous) => log.push(`limit ${previous} to ${limit}`))
  const over = runner.run()
  runner.limit = 2
  runner.limit = 2
  held.resolve('')
  await over
  runner.limit = 3
  t.deepEqual(log.slice(0, 3), ['start 0', 'limit 1 to 2', 'start 1'])
  t.is(log.filter((line) => line.startsWith('limit')).length, 1)
})

const noPermit = (): never => {
  throw new Error('no permit')
}

test('the limit of a group holds after the governor of the run has failed for one of its tasks', async (t) => {
  let asked = 0
  const governor: Governor = {
    acquire() {
      if (++asked === 2) throw new Error('no permit')
      return {release() {}}
    },
  }
  let running = 0
  const runner = ConcurrentRunner.map(
    [1, 2, 3, 4, 5],
    async (item) => {
      t.is(++running, 1)
      await turn()
      running--
      return item
    },
    {governor, yieldExceptions: true, group: () => 'a', groups: {limit: 1}, readAhead: 0},
  )
  const {succeeded, failed} = await runner.run()
  t.deepEqual([succeeded, failed], [4, 1])
})

test('groups whose governors fail hold up no other: each task fails, and all others run', async (t) => {
  const items = Array.from({length: 250}, (_, index) => index)
  const permit: Permit = {release() {}}
  const runner = ConcurrentRunner.map(items, (item) => item, {
    yieldExceptions: true,
    group: (item) => item,
    readAhead: 10,
    groups: {
      governor: (group: number) =>
        group % 50 === 49
          ? {tryAcquire: () => permit, acquire: () => permit}
          : {tryAcquire: noPermit, acquire: noPermit},
    },
  })
  const log = record(runner)
  void runner.run()
  await turn(20)
  t.is(log.at(-1), 'drain')
  t.is(runner.stats.failed, 245)
  t.is(runner.stats.succeeded, 5)
})

test('with ordered and a full buffer, a head whose group has no permit after all lets the others start', async (t) => {
  let refuse: (cause: Error) => void = () => {}
  const permit: Permit = {release() {}}
  const gate = {
    tryAcquire: () => undefined,
    acquire: () => new Promise<Permit>((_, reject) => (refuse = reject)),
  }
  const runner = ConcurrentRunner.map(['a1', 'b1', 'b2', 'b3'], (item) => item, {
    limit: 2,
    ordered: true,
    highWaterMark: 1,
    yieldExceptions: true,
    group: first,
    groups: {governor: (group: string) => (group === 'a' ? gate : {tryAcquire: () => permit, acquire: () => permit})},
  })
  const log = record(runner)
  const results = runner.toArray()
  await turn()
  refuse(new Error('refused'))
  await turn(5)
  t.is(log.at(-1), 'drain')
  t.deepEqual((await results).slice(1), ['b1', 'b2', 'b3'])
})

for (const from of ['group()', 'the source'])
  test(`a run that is paused by ${from} while it reads ahead starts nothing until it is resumed`, async (t) => {
    const source = function* (): Generator<string> {
      yield 'a'
      if (from === 'the source') runner.pause()
      yield 'b'
      yield 'c'
    }
    const group = (item: string): string => {
      if (item === 'b' && from === 'group()') runner.pause()
      return item
    }
    const runner: ConcurrentRunner<string> = ConcurrentRunner.map(source, (item) => item, {limit: 2, group})
    const results = runner.toArray()
    await turn()
    t.is(runner.stats.started, 0)
    runner.resume()
    t.deepEqual(await results, ['a', 'b', 'c'])
  })

for (const [ending, end] of endings)
  for (const last of ['a', 'c'])
    test(`${ending} inside of group() for ${last} starts nothing more, and disposes of all items first`, async (t) => {
      const log: string[] = []
      const items = ['a', 'b', 'c', 'd'].map((letter) => ({letter, [Symbol.dispose]: () => void log.push(letter)}))
      const runner: ConcurrentRunner<unknown> = ConcurrentRunner.map(items, (item) => item.letter, {
        group: ({letter}) => {
          if (letter === last) end(runner)
          return letter
        },
      })
      runner.on('start', ({index}) => log.push(`start ${index}`)).on('drain', () => log.push('drain'))
      await runner.run().catch(() => {})
      t.is(log.at(-1), 'drain')
      t.deepEqual(log.slice(0, -1).toSorted(), ['a', 'b', 'c', 'd'])
    })

test('a promise among mapped items that waits in the line and rejects is no unhandled rejection', async (t) => {
  const held = manual()
  const early = new Error('early')
  const source = function* (): Generator<Promise<string>> {
    yield Promise.resolve('a')
    yield Promise.reject(early)
  }
  const load = async (item: Promise<string>, context: TaskContext): Promise<string> =>
    context.index === 0 ? held.thunk(context) : item
  const runner = ConcurrentRunner.map(source, load, {limit: 1, readAhead: 1, yieldExceptions: true})
  const results = runner.toArray()
  const unhandled = await unhandledDuring(() => {})
  t.deepEqual(
    unhandled.filter((reason) => reason === early),
    [],
  )
  held.resolve('a')
  t.is((await results).length, 2)
})

test('with ordered, a source that fails leaves a task before it that waits for its permit in line', async (t) => {
  const permits: Array<(permit: Permit) => void> = []
  const source = async function* (): AsyncGenerator<() => string> {
    yield () => 'a'
    await turn(1)
    throw new Error('source')
  }
  const acquire = (): Promise<Permit> => new Promise((resolve) => permits.push(resolve))
  const runner = concurrent(source, {ordered: true, readAhead: 3, governor: {acquire}})
  const log = record(runner)
  const loop = consume(runner)
  await turn(6)
  permits[0]?.({release() {}})
  await turn(3)
  t.is(log.at(-1), 'drain')
  const {values, raised} = await loop
  t.deepEqual(values, ['a'])
  t.is(instance(raised, ConcurrentIteratorError).index, 1)
})

test.serial('a permit of a group that throws when it comes back is told, and holds nothing up', async (t) => {
  const permit: Permit = {
    release() {
      throw new Error('release')
    },
  }
  const runner = ConcurrentRunner.map(['a1', 'a2', 'b1'], (item) => item, {
    group: first,
    governor: {acquire: async () => ({release() {}})},
    groups: {governor: () => ({tryAcquire: () => permit, acquire: () => permit})},
  })
  const log = record(runner)
  const reported = await reportedDuring(async () => {
    void runner.run()
    await turn(10)
  })
  t.is(log.at(-1), 'drain')
  t.true(reported.length > 0)
  t.true(reported.every((error) => instance(error, Error).message === 'release'))
})

test('an item whose group is undefined has none, as a push without one: no limit of a group holds for it', async (t) => {
  const held = manual()
  const runner = ConcurrentRunner.map(['a1', '1', 'a2', '2'], (_, context) => held.thunk(context), {
    limit: 10,
    group: (item) => (item.startsWith('a') ? 'a' : undefined),
    groups: {limit: 1},
  })
  const over = runner.run()
  await turn()
  t.deepEqual(
    [...runner.running].map(({item}) => item),
    ['a1', '1', '2'],
  )
  held.resolve('')
  t.is((await over).succeeded, 4)
})

const pulledAhead: Record<string, RunnerOptions<true>> = {
  'are read ahead': {limit: 1, readAhead: 5},
  'are read ahead in order': {limit: 1, readAhead: 5, ordered: true},
  'wait for a permit': {limit: 1, readAhead: 5, governor: {acquire: async () => turn().then(() => ({release() {}}))}},
}
for (const [how, options] of Object.entries(pulledAhead))
  test(`where a subclass goes on after its source has failed, tasks that ${how} still run`, async (t) => {
    class Patient extends ConcurrentRunner<string, true> {
      protected override shouldRaise(): boolean {
        return false
      }
    }
    const source = function* (): Generator<TaskFunction<string>> {
      for (const name of ['a', 'b', 'c']) yield () => turn().then(() => name)
      throw new Error('boom')
    }
    const runner = new Patient(source, {...options, yieldExceptions: true})
    const log = record(runner)
    await runner.run()
    t.is(log.at(-1), 'drain')
    t.deepEqual(
      log.filter((line) => line.startsWith('result')),
      ['result 0 a', 'result 1 b', 'result 2 c'],
    )
    t.is(log.filter((line) => line === 'error - boom').length, 1)
  })

test('while listeners hear the error that ends the run, nothing starts that was read ahead', async (t) => {
  const [failing, waiting] = [manual(), manual()]
  const runner = concurrent([failing.thunk, waiting.thunk], {limit: 1, readAhead: 1})
  const log = record(runner)
  runner.on('error', () => (runner.limit = 2))
  const ended = caught(runner.run())
  await turn()
  failing.reject(new Error('boom'))
  t.is(instance(await ended, ConcurrentExecutionError).index, 0)
  t.deepEqual(log, ['start 0', 'error 0 boom', 'drain'])
})

test('with ordered and a full buffer, the task whose result is next waits while a timed-out task of its group runs', async (t) => {
  const held = manual()
  const started: string[] = []
  const runner = ConcurrentRunner.map(
    ['a1', 'a2', 'b1'],
    (item, context) => {
      started.push(item)
      return item === 'a1' ? held.thunk(context) : item
    },
    {
      limit: 3,
      ordered: true,
      yieldExceptions: true,
      highWaterMark: 1,
      timeout: 5,
      group: first,
      groups: {limit: 1},
    },
  )
  t.is(instance((await runner.next()).value, ConcurrentExecutionError).index, 0)
  await turn()
  t.is(runner.stats.waiting, 1)
  t.deepEqual(started, ['a1', 'b1'])
  held.resolve('late')
  t.deepEqual((await consume(runner)).values, ['a2', 'b1'])
})

for (const [what, hinder, release] of [
  [
    'pauses the run',
    (runner: ConcurrentRunner<string>) => runner.pause(),
    (runner: ConcurrentRunner<string>) => runner.resume(),
  ],
  [
    'lowers the limit',
    (runner: ConcurrentRunner<string>) => (runner.limit = 1),
    (runner: ConcurrentRunner<string>) => (runner.limit = 2),
  ],
] as const)
  test(`when the governor of a group ${what} while it is asked, its task waits, and gives the permit back`, async (t) => {
    const held = manual()
    const started: string[] = []
    const outcomes: unknown[] = []
    const governor = {
      tryAcquire: () => {
        if (outcomes.length === 0) hinder(runner)
        return {release: (outcome: unknown) => void outcomes.push(outcome)}
      },
      acquire: never,
    }
    const runner: ConcurrentRunner<string> = ConcurrentRunner.map(
      ['a1', 'b1'],
      (item, context) => {
        started.push(item)
        return item === 'a1' ? held.thunk(context) : item
      },
      {limit: 2, group: (item) => (item === 'a1' ? undefined : 'b'), groups: {governor: () => governor}},
    )
    const results = runner.toArray()
    await turn()
    t.deepEqual(started, ['a1'])
    t.deepEqual(outcomes, [{status: 'unused'}])
    release(runner)
    await turn()
    t.deepEqual(started, ['a1', 'b1'])
    held.resolve('a1')
    t.deepEqual(await results, ['b1', 'a1'])
  })

test('with ordered, stop() drops the task that a failure waits for, and the failure comes', async (t) => {
  const governor = {tryAcquire: () => undefined, acquire: never}
  const runner = ConcurrentRunner.map(
    ['a1', 'b1'],
    () => {
      throw new Error('boom')
    },
    {ordered: true, group: (item) => (item === 'a1' ? 'a' : undefined), groups: {governor: () => governor}},
  )
  const log = record(runner)
  const loop = consume(runner)
  await turn()
  t.deepEqual(log, ['start 1', 'error 1 boom'])
  void runner.stop()
  t.is(instance((await loop).raised, ConcurrentExecutionError).index, 1)
  await runner.drained
  t.deepEqual(log, ['start 1', 'error 1 boom', 'drain'])
})

test('with ordered, a source that fails does so behind the last item before it, also if that is no task', async (t) => {
  const held = manual()
  const source = function* (): Generator<TaskFunction<string>> {
    yield held.thunk
    yield 5 as unknown as TaskFunction<string>
    throw new Error('boom')
  }
  const runner = concurrent(source, {limit: 1, ordered: true, yieldExceptions: true, readAhead: 3})
  const loop = consume(runner)
  await turn()
  held.resolve('a')
  const {values, raised} = await loop
  t.is(values[0], 'a')
  t.regex(String(values[1]), /Item 1 of the source is not a task/)
  t.is(values.length, 2)
  t.is(instance(raised, ConcurrentIteratorError).index, 2)
})
