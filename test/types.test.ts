import test from 'ava'
import {
  type ConcurrentError,
  ConcurrentRunner,
  concurrent,
  inflate,
  type RunnerEvents,
  type RunnerOptions,
  type RunnerState,
  type RunnerStats,
  type Source,
  type Task,
  type TaskContext,
  type Yielded,
} from '../src/index.js'
import {type Equal, holds} from './helpers/types.js'

/** What a loop over a runner gives. */
type Gives<R> = R extends AsyncIterable<infer V> ? V : never

/** Never called: what is in it is only there to be compiled. */
const compiles = (_body: () => unknown): true => true

const numbers: Array<() => Promise<number>> = []

test('the yielded type is what the tasks give, awaited', (t) => {
  const ofFunctions = concurrent([() => 1])
  const ofAsync = concurrent([async () => 'a'])
  const ofPromises = concurrent([Promise.resolve(true)])
  const ofMixed = concurrent([() => 1, async () => 2, Promise.resolve(3)])
  t.true(holds<Equal<Gives<typeof ofFunctions>, number>>())
  t.true(holds<Equal<Gives<typeof ofAsync>, string>>())
  t.true(holds<Equal<Gives<typeof ofPromises>, boolean>>())
  t.true(holds<Equal<Gives<typeof ofMixed>, number>>())
})

test('results of different types are a union', (t) => {
  const tasks: Array<Task<number | string>> = [() => 1, async () => 'a']
  const runner = concurrent(tasks)
  t.true(holds<Equal<Gives<typeof runner>, number | string>>())
})

test('no undefined creeps into the result', (t) => {
  const toArray = (): Promise<number[]> => concurrent(numbers).toArray()
  const next = (): Promise<IteratorResult<number, undefined>> => concurrent(numbers).next()
  t.is(typeof toArray, typeof next)
  t.true(holds<Equal<Gives<ConcurrentRunner<number>>, number>>())
})

test('every kind of source infers', (t) => {
  const set = concurrent(new Set(numbers))
  const generator = concurrent(function* () {
    yield async () => 1
  })
  const asyncGenerator = concurrent(async function* () {
    yield async () => 1
  })
  const ofFunction = concurrent((signal: AbortSignal) => [async () => Number(signal.aborted)])
  const withSignal = concurrent(async function* (signal) {
    yield () => signal.aborted
  })
  const withContext = concurrent([({index, signal}: TaskContext) => (signal.aborted ? -1 : index)])
  t.true(holds<Equal<Gives<typeof set>, number>>())
  t.true(holds<Equal<Gives<typeof generator>, number>>())
  t.true(holds<Equal<Gives<typeof asyncGenerator>, number>>())
  t.true(holds<Equal<Gives<typeof ofFunction>, number>>())
  t.true(holds<Equal<Gives<typeof withSignal>, boolean>>())
  t.true(holds<Equal<Gives<typeof withContext>, number>>())
})

test('the context of a task written in place is inferred', (t) => {
  t.true(compiles(() => concurrent<number>([({index}) => index])))
  t.true(
    compiles(() =>
      concurrent([
        (context) => {
          const exact: TaskContext = context
          return exact.index
        },
      ]),
    ),
  )
})

test('with yieldExceptions the yielded type has ConcurrentError', (t) => {
  const off = concurrent(numbers, {yieldExceptions: false})
  const unset = concurrent(numbers, {limit: 2})
  const on = concurrent(numbers, {yieldExceptions: true})
  const either = concurrent(numbers, {yieldExceptions: Math.random() < 2})
  const byNew = new ConcurrentRunner(numbers, {yieldExceptions: true, limit: 3})
  t.true(holds<Equal<Gives<typeof off>, number>>())
  t.true(holds<Equal<Gives<typeof unset>, number>>())
  t.true(holds<Equal<Gives<typeof on>, number | ConcurrentError>>())
  t.true(holds<Equal<Gives<typeof either>, number | ConcurrentError>>())
  t.true(holds<Equal<Gives<typeof byNew>, number | ConcurrentError>>())
})

test('next() and toArray() follow yieldExceptions', (t) => {
  const on = concurrent(numbers, {yieldExceptions: true})
  type Next = Awaited<ReturnType<typeof on.next>>
  type Collected = Awaited<ReturnType<typeof on.toArray>>
  t.true(holds<Equal<Next, IteratorResult<number | ConcurrentError, undefined>>>())
  t.true(holds<Equal<Collected, Array<number | ConcurrentError>>>())
  t.true(holds<Equal<Yielded<Promise<string>, true>, string | ConcurrentError>>())
  t.true(holds<Equal<Yielded<Promise<string>, false>, string>>())
  t.true(holds<Equal<Yielded<string, boolean>, string | ConcurrentError>>())
})

test('options may be undefined, one by one', (t) => {
  const options: RunnerOptions = {
    limit: undefined,
    yieldExceptions: undefined,
    ordered: undefined,
    highWaterMark: undefined,
    timeout: undefined,
    releaseOnTimeout: undefined,
    signal: undefined,
  }
  t.true(compiles(() => concurrent(numbers, options)))
})

test('options that were put in a variable keep what they say', (t) => {
  const on = {yieldExceptions: true, limit: 2} as const
  const runner = concurrent(numbers, on)
  t.true(holds<Equal<Gives<typeof runner>, number | ConcurrentError>>())
})

test('the payload of an event follows from its name', (t) => {
  const runner = concurrent(numbers)
  runner.on('start', (...args) => holds<Equal<typeof args, [context: TaskContext]>>())
  runner.on('result', (...args) => holds<Equal<typeof args, [value: number, context: TaskContext]>>())
  runner.on('error', (...args) => holds<Equal<typeof args, [error: ConcurrentError, context?: TaskContext]>>())
  runner.once('drain', (...args) => holds<Equal<typeof args, [stats: RunnerStats]>>())
  runner.off('drain', (stats) => holds<Equal<typeof stats, RunnerStats>>())
  type Result = RunnerEvents<Promise<string>>['result']
  t.true(holds<Equal<Result, [value: string, context: TaskContext]>>())
})

test('events that do not exist, and listeners that do not fit, do not compile', (t) => {
  const misuse = (runner: ConcurrentRunner<number>): void => {
    // @ts-expect-error no such event
    runner.on('finish', () => {})
    // @ts-expect-error the value is a number
    runner.on('result', (value: string) => value)
    // @ts-expect-error drain has one argument
    runner.on('drain', (stats: RunnerStats, more: number) => [stats, more])
    // @ts-expect-error no such event
    runner.emit('finish')
    // @ts-expect-error the value is missing
    runner.emit('result')
  }
  t.is(misuse.length, 1)
})

// A subclass with events of its own: generic, since the map of events is then extended by a type parameter.
class Crawler<T> extends ConcurrentRunner<T, true, {visit: [url: string, depth: number]; idle: []}> {
  visit(url: string): void {
    this.emit('visit', url, 1)
    this.emit('idle')
    // @ts-expect-error the depth is missing
    this.emit('visit', url)
    // @ts-expect-error no such event
    this.emit('leave')
  }
  protected override execute(task: Task<T>, context: TaskContext): T | PromiseLike<T> {
    return super.execute(task, context)
  }
}

class Meter extends ConcurrentRunner<number, false, {level: [value: number]}> {
  measure(context: TaskContext): void {
    this.emit('level', 3)
    this.emit('result', 3, context)
    // @ts-expect-error the level is a number
    this.emit('level', 'high')
    // @ts-expect-error the result is a number
    this.emit('result', 'three', context)
  }
}

test('a subclass emits and hears its own events and those of the runner', (t) => {
  const use = (crawler: Crawler<string>, meter: Meter): void => {
    crawler.on('visit', (...args) => holds<Equal<typeof args, [url: string, depth: number]>>())
    crawler.on('idle', (...args) => holds<Equal<typeof args, []>>())
    crawler.on('result', (...args) => holds<Equal<typeof args, [value: string, context: TaskContext]>>())
    crawler.on('error', (error) => holds<Equal<typeof error, ConcurrentError>>())
    meter.on('level', (...args) => holds<Equal<typeof args, [value: number]>>())
    meter.on('drain', (stats) => holds<Equal<typeof stats, RunnerStats>>())
    // @ts-expect-error no such event
    crawler.on('leave', () => {})
    // @ts-expect-error the url is a string
    crawler.on('visit', (url: number) => url)
  }
  t.is(use.length, 2)
  t.true(holds<Equal<Gives<Crawler<string>>, string | ConcurrentError>>())
})

test('map() infers from its items and its mapper', (t) => {
  const sync = ConcurrentRunner.map([1, 2], (item) => String(item))
  const later = ConcurrentRunner.map(new Set(['a']), async (item, {index}) => item.length + index)
  const on = ConcurrentRunner.map(['a'], async (item) => item.length, {yieldExceptions: true})
  const ofAsync = ConcurrentRunner.map(
    async function* () {
      yield {id: 1}
    },
    ({id}) => id,
  )
  t.true(holds<Equal<Gives<typeof sync>, string>>())
  t.true(holds<Equal<Gives<typeof later>, number>>())
  t.true(holds<Equal<Gives<typeof on>, number | ConcurrentError>>())
  t.true(holds<Equal<Gives<typeof ofAsync>, number>>())
})

test('inflate() yields the objects it was given', (t) => {
  const users = [{name: 'a', load: async () => 1}]
  const off = inflate(users, (user) => [user.load()])
  const on = inflate(users, (user) => [user.load, Promise.resolve('x')], {yieldExceptions: true})
  t.true(holds<Equal<Gives<typeof off>, (typeof users)[number]>>())
  t.true(holds<Equal<Gives<typeof on>, (typeof users)[number] | ConcurrentError>>())
})

test('sources and options that are wrong do not compile', (t) => {
  t.true(
    compiles(() => {
      // @ts-expect-error numbers are no tasks
      concurrent([1, 2, 3])
      // @ts-expect-error not iterable
      concurrent(5)
      // @ts-expect-error a promise of an array
      concurrent(Promise.resolve([() => 1]))
      // @ts-expect-error a limit is a number
      concurrent([() => 1], {limit: '2'})
      // @ts-expect-error no such option
      concurrent([() => 1], {concurrency: 2})
      // @ts-expect-error a signal, not its controller
      concurrent([() => 1], {signal: new AbortController()})
      // @ts-expect-error an async generator awaits what it yields
      concurrent(async function* () {
        yield Promise.resolve(1)
      })
      // @ts-expect-error a mapper is needed
      ConcurrentRunner.map([1])
      // @ts-expect-error the item is a number
      ConcurrentRunner.map([1], (item: string) => item)
    }),
  )
})

test('what the runner tells about itself cannot be written, but for the limit', (t) => {
  const misuse = (runner: ConcurrentRunner<number>, context: TaskContext): void => {
    runner.limit = 2
    // @ts-expect-error read only
    runner.state = 'idle'
    // @ts-expect-error read only
    runner.stats.started = 1
    // @ts-expect-error read only
    runner.isPaused = true
    // @ts-expect-error read only
    context.index = 1
    // @ts-expect-error hooks are for subclasses
    runner.ready()
    // @ts-expect-error hooks are for subclasses
    runner.cleanup()
  }
  t.is(misuse.length, 2)
  t.true(holds<Equal<ConcurrentRunner<number>['state'], RunnerState>>())
  t.true(holds<Equal<ConcurrentRunner<number>['drained'], Promise<RunnerStats>>>())
  t.true(holds<Equal<ReturnType<ConcurrentRunner<number>['run']>, Promise<RunnerStats>>>())
})

test('a runner is an async iterable iterator of its results', (t) => {
  t.true(
    compiles(() => {
      const iterator: AsyncIterableIterator<number, undefined> = concurrent(numbers)
      const disposable: AsyncDisposable = concurrent(numbers)
      const wider: AsyncIterable<number | string> = concurrent(numbers)
      // @ts-expect-error numbers are no strings
      const wrong: AsyncIterable<string> = concurrent(numbers)
      return [iterator, disposable, wider, wrong]
    }),
  )
})

test('a source type names what its tasks give', (t) => {
  const use = (source: Source<Date>): ConcurrentRunner<Date> => concurrent(source)
  t.is(use.length, 1)
  t.true(compiles(() => use([() => new Date()])))
})
