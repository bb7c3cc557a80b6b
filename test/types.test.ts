import events from 'node:events'
import test from 'ava'
import {
  type ConcurrentError,
  ConcurrentRunner,
  concurrent,
  inflate,
  mapped,
  type RetryInfo,
  type RunnerEvents,
  type RunnerOptions,
  type RunnerState,
  type RunnerStats,
  type Source,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
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
  runner.on('retry', (...args) => holds<Equal<typeof args, [context: TaskContext, info: RetryInfo]>>())
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

// Results of different types

test('results of different types are a union without being told so', (t) => {
  const functions = function* () {
    yield () => 1
    yield async () => 'a'
  }
  const asyncFunctions = async function* (signal: AbortSignal) {
    yield () => 1
    yield async () => signal.aborted
  }
  const array = concurrent([() => 1, async () => 'a'])
  const tuple = concurrent([() => 1, async () => 'a'] as const)
  const set = concurrent(new Set([() => 1, async () => 'a']))
  const generator = concurrent(functions())
  const asyncGenerator = concurrent(asyncFunctions(new AbortController().signal))
  const ofFunction = concurrent(functions)
  const ofAsyncFunction = concurrent(asyncFunctions)
  const inPlace = concurrent(async function* (signal) {
    yield () => 1
    yield async () => signal.aborted
  })
  const ofArrays = concurrent((signal) => [() => 1, async () => signal.aborted])
  const all = concurrent([() => 1, Promise.resolve('a'), ({index}) => index > 1])
  const either = concurrent([({index}: TaskContext) => (index > 1 ? index : Promise.resolve('a'))])
  const nothing = concurrent([async () => 1, () => undefined])
  t.true(holds<Equal<Gives<typeof array>, number | string>>())
  t.true(holds<Equal<Gives<typeof tuple>, number | string>>())
  t.true(holds<Equal<Gives<typeof set>, number | string>>())
  t.true(holds<Equal<Gives<typeof generator>, number | string>>())
  t.true(holds<Equal<Gives<typeof asyncGenerator>, number | boolean>>())
  t.true(holds<Equal<Gives<typeof ofFunction>, number | string>>())
  t.true(holds<Equal<Gives<typeof ofAsyncFunction>, number | boolean>>())
  t.true(holds<Equal<Gives<typeof inPlace>, number | boolean>>())
  t.true(holds<Equal<Gives<typeof ofArrays>, number | boolean>>())
  t.true(holds<Equal<Gives<typeof all>, number | string | boolean>>())
  t.true(holds<Equal<Gives<typeof either>, number | string>>())
  t.true(holds<Equal<Gives<typeof nothing>, number | undefined>>())
})

test('results of different types are a union with yieldExceptions too', (t) => {
  const on = concurrent([() => 1, async () => 'a'], {yieldExceptions: true})
  const off = concurrent([() => 1, async () => 'a'], {yieldExceptions: false, limit: 2})
  t.true(holds<Equal<Gives<typeof on>, number | string | ConcurrentError>>())
  t.true(holds<Equal<Gives<typeof off>, number | string>>())
})

test('a mapper may give a value or a promise, of one type or of two', (t) => {
  const one = ConcurrentRunner.map([1], (item) => (item > 1 ? item : Promise.resolve(2)))
  const two = ConcurrentRunner.map([1], (item) => (item > 1 ? item : Promise.resolve('a')))
  const three = ConcurrentRunner.map(['a'], (item, {index, signal}) => {
    if (signal.aborted) return item
    return index > 1 ? index : Promise.resolve(true)
  })
  const perhaps = ConcurrentRunner.map([1], (item) => (item > 1 ? undefined : Promise.resolve('a')))
  const literal: ConcurrentRunner<number | string> = ConcurrentRunner.map([1], (item) =>
    item > 1 ? 1 : Promise.resolve('a'),
  )
  t.true(holds<Equal<Gives<typeof one>, number>>())
  t.true(holds<Equal<Gives<typeof two>, number | string>>())
  t.true(holds<Equal<Gives<typeof three>, number | string | boolean>>())
  t.true(holds<Equal<Gives<typeof perhaps>, string | undefined>>())
  t.is(literal.state, 'idle')
})

test('generic functions that make runners compile', (t) => {
  const ofSource = <T>(source: Source<T>): ConcurrentRunner<T> => concurrent(source)
  const ofTasks = <T>(tasks: Array<Task<T>>): ConcurrentRunner<T, true> => concurrent(tasks, {yieldExceptions: true})
  const ofItems = <I, T>(items: Iterable<I>, load: (item: I) => Promise<T>): ConcurrentRunner<T> =>
    ConcurrentRunner.map(items, load)
  const ofEither = <I, T>(items: Iterable<I>, load: (item: I) => T | Promise<T>): Source<T> => mapped(items, load)
  t.true(holds<Equal<typeof ofSource, <T>(source: Source<T>) => ConcurrentRunner<T>>>())
  t.is(typeof ofTasks, typeof ofItems)
  t.is(typeof ofEither, 'function')
})

test('yieldExceptions: undefined counts as false', (t) => {
  const set: boolean | undefined = numbers.length > 0 ? true : undefined
  const off = concurrent(numbers, {yieldExceptions: undefined})
  const byNew = new ConcurrentRunner(numbers, {yieldExceptions: undefined})
  const byMap = ConcurrentRunner.map([1], (item) => item, {yieldExceptions: undefined})
  const mixed = concurrent([() => 1, async () => 'a'], {yieldExceptions: undefined})
  const either = concurrent(numbers, {yieldExceptions: set as boolean | undefined})
  const options: RunnerOptions = {}
  const unknown = concurrent(numbers, options)
  const same: ConcurrentRunner<number> = off
  t.true(holds<Equal<Gives<typeof off>, number>>())
  t.true(holds<Equal<Gives<typeof byNew>, number>>())
  t.true(holds<Equal<Gives<typeof byMap>, number>>())
  t.true(holds<Equal<Gives<typeof mixed>, number | string>>())
  t.true(holds<Equal<Gives<typeof either>, number | ConcurrentError>>())
  t.true(holds<Equal<Gives<typeof unknown>, number | ConcurrentError>>())
  t.is(same, off)
})

// Items

test('the item of a context has the type that map() knows', (t) => {
  const runner = ConcurrentRunner.map([{id: 1}], (item, context) => {
    t.true(holds<Equal<typeof context, TaskContext<{id: number}>>>())
    return context.item === item
  })
  const letters = ConcurrentRunner.map(new Set('abc'), (letter, {item}) => [letter, item] as const)
  runner.on('start', ({item}) => holds<Equal<typeof item, unknown>>())
  t.true(holds<Equal<Gives<typeof letters>, readonly [string, string]>>())
})

// Subclasses

class Traced<T, Yields extends boolean = false> extends ConcurrentRunner<T, Yields, {traced: [number, number]}> {
  readonly tracer: string

  constructor(source: Source<T>, {tracer, ...options}: RunnerOptions<Yields> & {readonly tracer: string}) {
    super(source, options)
    this.tracer = tracer
  }
}
class Fixed extends ConcurrentRunner<number> {}
class Lenient<T> extends ConcurrentRunner<T, true> {}
class Loose<T> extends ConcurrentRunner<T> {
  readonly tracer: string | undefined

  constructor(source: Source<T>, {tracer, ...options}: RunnerOptions<false> & {readonly tracer?: string} = {}) {
    super(source, options)
    this.tracer = tracer
  }
}

test('mapped() is a source for a subclass with options of its own', (t) => {
  const one = new Traced(
    mapped(['a'], async (url) => url.length),
    {tracer: 'x', limit: 4},
  )
  const two = new Traced(
    mapped(['a'], (url) => (url === '' ? url.length : Promise.resolve(url))),
    {tracer: 'x', yieldExceptions: true},
  )
  t.true(holds<Equal<typeof one, Traced<number>>>())
  t.true(holds<Equal<typeof two, Traced<number | string, true>>>())
})

test('map() of a subclass compiles where the options of a runner are all that it needs', (t) => {
  const misuse = (): void => {
    // @ts-expect-error the tracer is missing
    Traced.map([1], (item) => item)
    // @ts-expect-error nor does map() pass it on
    Traced.map([1], (item) => item, {tracer: 'x'})
    // @ts-expect-error its results are numbers
    Fixed.map(['a'], (item) => item)
    // @ts-expect-error it yields exceptions, and without the option it would not
    Lenient.map([1], (item) => item)
  }
  const loose = Loose.map([1], (item) => item)
  const fixed = Fixed.map(['a'], (item) => item.length)
  const lenient = Lenient.map([1], (item) => item, {yieldExceptions: true})
  t.is(misuse.length, 0)
  t.true(holds<Equal<typeof loose, ConcurrentRunner<number>>>())
  t.true(holds<Equal<typeof fixed, ConcurrentRunner<number>>>())
  t.true(holds<Equal<typeof lenient, ConcurrentRunner<number, true>>>())
})

// A subclass that lets its own subclasses add events. Its own it emits as what it is to all of them.
function trace<T>(runner: ConcurrentRunner<T, false, {traced: [number, number]}>): void {
  runner.emit('traced', 1, 2)
  // @ts-expect-error two numbers
  runner.emit('traced', 1)
}
class Layer<T, More extends object = {}> extends ConcurrentRunner<T, false, {traced: [number, number]} & More> {
  trace(): void {
    trace(this)
    this.emit('drain', this.stats)
    void events.once(this, 'traced')
  }
}
class Top<T> extends Layer<T, {done: [name: string]}> {
  finish(value: Awaited<T>, context: TaskContext): void {
    this.emit('done', 'all')
    this.emit('traced', 1, 2)
    this.emit('result', value, context)
    this.on('done', (...args) => holds<Equal<typeof args, [name: string]>>())
    // @ts-expect-error the name is a string
    this.emit('done', 1)
    // @ts-expect-error one number is missing
    this.emit('traced', 1)
    // @ts-expect-error no such event
    this.emit('gone')
  }
}

test('a runner is assignable to one with fewer events, and to one with wider results', (t) => {
  const widen = (top: Top<number>, crawler: Crawler<number>, plain: ConcurrentRunner<number>): unknown[] => {
    const layer: Layer<number> = top
    const base: ConcurrentRunner<number> = top
    const own: ConcurrentRunner<number, false, {traced: [number, number]}> = top
    const yielding: ConcurrentRunner<number, true> = crawler
    const wider: ConcurrentRunner<number | string> = plain
    const widerTop: ConcurrentRunner<number | string> = top
    const widerYielding: ConcurrentRunner<number | string, true> = crawler
    const any: ConcurrentRunner<unknown, boolean> = crawler
    // @ts-expect-error numbers are no strings
    const wrong: ConcurrentRunner<string> = plain
    // @ts-expect-error there are errors among its results
    const hidden: ConcurrentRunner<number> = crawler
    return [layer, base, own, yielding, wider, widerTop, widerYielding, any, wrong, hidden]
  }
  const inside = <T>(top: Top<T>, crawler: Crawler<T>): [ConcurrentRunner<T>, Layer<T>, ConcurrentRunner<T, true>] => [
    top,
    top,
    crawler,
  ]
  t.is(widen.length, 3)
  t.is(inside.length, 2)
})

test("a runner is one of Node's event emitters", (t) => {
  t.true(
    compiles(async () => {
      const runner = new Top(numbers)
      const emitter: events.EventEmitter = runner
      await events.once(runner, 'drain')
      for await (const [value] of events.on(runner, 'result', {close: ['drain']})) t.is(typeof value, 'number')
      return emitter
    }),
  )
  t.false(concurrent(numbers) instanceof events.EventEmitter)
})

test('a subclass may have a field of any name that is not documented', (t) => {
  class Named extends ConcurrentRunner<number> {
    readonly audience = 'all'
    readonly guards = 3
    readonly emitter = true
  }
  t.deepEqual(Object.keys(new Named(numbers)).sort(), ['audience', 'emitter', 'guards'])
})

// Queues

test('a queue gives functions, and the types of its pushes', (t) => {
  const around = async function* (queue: TaskQueue<string>) {
    for await (const task of queue) {
      t.true(holds<Equal<typeof task, TaskFunction<string>>>())
      yield task
    }
  }
  const queue = new TaskQueue<string>()
  const wrapped = concurrent(around(queue))
  const direct = concurrent(queue)
  const untyped = concurrent(new TaskQueue())
  const byMap = ConcurrentRunner.map(queue, (task, context) => task(context))
  t.true(holds<Equal<Gives<typeof wrapped>, string>>())
  t.true(holds<Equal<Gives<typeof direct>, string>>())
  t.true(holds<Equal<Gives<typeof untyped>, unknown>>())
  t.true(holds<Equal<Gives<typeof byMap>, string>>())
})

test('a queue of void takes tasks that give anything, and other queues do not', (t) => {
  t.true(
    compiles(() => {
      const queue = new TaskQueue<void>()
      const given: Array<Promise<void>> = [
        queue.push(() => {}),
        queue.push(async () => {}),
        queue.push(() => 5),
        queue.push(async () => 'a', {priority: 1}),
        queue.push(Promise.resolve(5)),
      ]
      const runner = concurrent(queue)
      t.true(holds<Equal<Gives<typeof runner>, void>>())
      // @ts-expect-error the queue is for strings
      void new TaskQueue<string>().push(() => 5)
      // @ts-expect-error a number is no task
      void queue.push(5)
      return given
    }),
  )
})
