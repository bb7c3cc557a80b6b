/** What a strict project may do with the library, and, behind `@ts-expect-error`, what it may not. */
import {
  ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentRunner,
  concurrent,
  defaultLimit,
  inflate,
  mapped,
  type PushOptions,
  type QueueOptions,
  type RunnerOptions,
  type RunnerState,
  type RunnerStats,
  type Source,
  type StopOptions,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
  type Yielded,
} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'
import type {RemoteTasks, WorkerTasks} from 'aio-tasks/remote'

// oxlint-disable typescript/no-unnecessary-type-parameters -- they are what is compared
/** Compiles if both are the same type. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false
function is<_Holds extends true>(): void {}

function check(holds: boolean): void {
  if (!holds) throw new Error('what compiled does not hold')
}

// A subclass with events of its own

export interface Retry {
  readonly index: number
  readonly attempt: number
}

export class Retrying<T> extends ConcurrentRunner<T, true, {again: [retry: Retry, cause: unknown]}> {
  readonly attempts: number

  constructor(source: Source<T>, attempts: number, options?: Omit<RunnerOptions<true>, 'yieldExceptions'>) {
    super(source, {...options, yieldExceptions: true})
    this.attempts = attempts
  }

  protected override async execute(task: Task<T>, context: TaskContext): Promise<T> {
    for (let attempt = 1; ; attempt++)
      try {
        return await super.execute(task, context)
      } catch (cause) {
        if (attempt === this.attempts) throw cause
        this.emit('again', {index: context.index, attempt}, cause)
        // @ts-expect-error a retry is told with its cause
        this.emit('again', {index: context.index, attempt})
      }
  }

  protected override async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
  }

  protected override shouldRaise(error: ConcurrentError): boolean {
    return super.shouldRaise(error) || error.cause instanceof RangeError
  }

  protected override cleanup(reason: unknown): void {
    check(reason === undefined)
  }
}

let calls = 0
const retrying: Retrying<string> = new Retrying(
  [
    async () => 'a',
    () => {
      if (++calls < 2) throw new TypeError('once')
      return 'b'
    },
  ],
  3,
  {limit: 1},
)
const heard: string[] = []
retrying
  .on('again', ({index, attempt}, cause) =>
    heard.push(`${index}/${attempt} ${cause instanceof Error ? cause.name : ''}`),
  )
  .on('start', ({index, signal}) => check(index >= 0 && !signal.aborted))
  .on('result', (value, context) => heard.push(value.toUpperCase() + context.index.toFixed()))
  .once('error', (error, context) => check(error instanceof ConcurrentError && context === undefined))
  .on('drain', ({started, succeeded}) => check(started === succeeded))

for await (const value of retrying) {
  is<Same<typeof value, string | ConcurrentError>>()
  heard.push(value instanceof ConcurrentError ? `${value.index}` : value)
}
check(heard.includes('B1') && heard.some((line) => line.startsWith('1/1 TypeError')))

// What is inferred

const plain = concurrent([async () => 1, Promise.resolve(2), () => 3], {ordered: true})
is<Same<typeof plain, ConcurrentRunner<number>>>()
const numbers = await plain.toArray()
is<Same<typeof numbers, number[]>>()
const first: number | undefined = numbers[0]
check(first === 1)

const tolerant = concurrent([async () => 1], {yieldExceptions: true})
is<Same<typeof tolerant, ConcurrentRunner<number, true>>>()
const next = await tolerant.next()
if (next.done) {
  is<Same<typeof next.value, undefined>>()
} else {
  is<Same<typeof next.value, number | ConcurrentError>>()
  if (next.value instanceof ConcurrentExecutionError) is<Same<typeof next.value.cause, unknown>>()
}
await tolerant.return()
is<Same<Yielded<Promise<string>, true>, string | ConcurrentError>>()

const mixed = await concurrent([() => 1, async () => 'two']).toArray()
is<Same<typeof mixed, Array<number | string>>>()
const told = await concurrent<number | string>([() => 1, async () => 'two']).toArray()
is<Same<typeof told, Array<number | string>>>()
const mixedTuple = concurrent([() => 1, async () => 'two'] as const, {yieldExceptions: true})
is<Same<typeof mixedTuple, ConcurrentRunner<number | string, true>>>()
const mixedSet = concurrent(new Set([() => 1, async () => 'two']))
is<Same<typeof mixedSet, ConcurrentRunner<number | string>>>()
const mixedContext = concurrent([() => 1, Promise.resolve('two'), ({index}) => index > 1])
is<Same<typeof mixedContext, ConcurrentRunner<number | string | boolean>>>()
await mixedContext.run()
function* mixedTasks() {
  yield () => 1
  yield async () => 'two'
}
async function* mixedAsyncTasks() {
  yield () => 1
  yield async () => 'two'
}
const mixedGenerator = concurrent(mixedTasks())
is<Same<typeof mixedGenerator, ConcurrentRunner<number | string>>>()
const mixedAsyncGenerator = concurrent(mixedAsyncTasks(), {yieldExceptions: true})
is<Same<typeof mixedAsyncGenerator, ConcurrentRunner<number | string, true>>>()
const mixedFunctions = [concurrent(mixedTasks), concurrent(mixedAsyncTasks)]
is<Same<typeof mixedFunctions, Array<ConcurrentRunner<number | string>>>>()
const mixedSignal = concurrent(async function* (signal) {
  yield () => 1
  yield async () => signal.aborted
})
is<Same<typeof mixedSignal, ConcurrentRunner<number | boolean>>>()

// Sources

function* generator(): Generator<TaskFunction<number>> {
  yield ({index}) => index
}
async function* asyncGenerator(): AsyncGenerator<TaskFunction<number>> {
  yield async ({index, signal}) => (signal.aborted ? -1 : index)
}
for (const source of [generator(), asyncGenerator(), generator, asyncGenerator, new Set([() => 0])]) {
  const found = await new ConcurrentRunner<number>(source).toArray()
  check(found[0] === 0)
}

// Plain items and objects

const lengths = await ConcurrentRunner.map(['a', 'bb'], async (word, {index}) => word.length + index, {
  limit: 2,
}).toArray()
is<Same<typeof lengths, number[]>>()
const either = ConcurrentRunner.map(['a', 'bb'], (word) => (word === 'a' ? word.length : Promise.resolve(word)))
is<Same<typeof either, ConcurrentRunner<number | string>>>()
check((await either.toArray()).includes('bb'))
ConcurrentRunner.map([new Date(0)], (date, context) => {
  is<Same<typeof context, TaskContext<Date>>>()
  is<Same<typeof context.item, Date>>()
  return date
})

// A subclass with options of its own

export class Traced<T, Yields extends boolean = false> extends ConcurrentRunner<
  T,
  Yields,
  {traced: [index: number, tracer: string]}
> {
  readonly tracer: string

  constructor(source: Source<T>, {tracer, ...options}: RunnerOptions<Yields> & {readonly tracer: string}) {
    super(source, options)
    this.tracer = tracer
  }

  protected override execute(task: Task<T>, context: TaskContext): T | PromiseLike<T> {
    this.emit('traced', context.index, this.tracer)
    return super.execute(task, context)
  }
}

const traced = new Traced(
  mapped(['a', 'bb'], async (word) => word.length),
  {tracer: 'mine', limit: 1, ordered: true},
)
is<Same<typeof traced, Traced<number>>>()
const traces: string[] = []
traced.on('traced', (index, tracer) => traces.push(`${index} ${tracer}`))
check((await traced.toArray()).join() === '1,2' && traces.join() === '0 mine,1 mine')

// Layers of subclasses, each with events of its own

function trace<T>(runner: ConcurrentRunner<T, false, {traced: [number, number]}>): void {
  runner.emit('traced', 1, 2)
}
export class Layer<T, More extends object = {}> extends ConcurrentRunner<T, false, {traced: [number, number]} & More> {
  trace(): void {
    trace(this)
    this.emit('drain', this.stats)
  }
}
export class Top<T> extends Layer<T, {done: [name: string]}> {
  finish(value: Awaited<T>, context: TaskContext): void {
    this.emit('done', 'all')
    this.emit('traced', 1, 2)
    this.emit('result', value, context)
    // @ts-expect-error a number is missing
    this.emit('traced', 1)
    // @ts-expect-error the name is a string
    this.emit('done', 1)
    // @ts-expect-error there is no such event
    this.emit('gone')
  }
}
const top = new Top([async () => 1])
const sums: number[] = []
top.on('traced', (a, b) => sums.push(a + b)).once('done', (name) => check(name === 'all'))
top.trace()
check(sums.join() === '3')
export function widen<T>(topmost: Top<T>, yielding: Retrying<T>): Array<ConcurrentRunner<T, boolean>> {
  const layer: Layer<T> = topmost
  const base: ConcurrentRunner<T> = layer
  const lenient: ConcurrentRunner<T, true> = yielding
  return [base, lenient]
}
const wide: Array<ConcurrentRunner<number | string>> = [top, traced, new ConcurrentRunner<number>([])]
const wideYielding: ConcurrentRunner<number | string, true> = tolerant
check(wide.length === 3 && wideYielding === tolerant)

const users = [{name: 'ada', posts: 0}]
const inflated = await inflate(users, (user) => [
  async () => {
    user.posts = 3
  },
]).toArray()
is<Same<typeof inflated, Array<{name: string; posts: number}>>>()
check(inflated[0]?.posts === 3)

// Options, as they come from elsewhere: undefined is as good as left out

const limit: number | undefined = Number.isNaN(0) ? 3 : undefined
const options: RunnerOptions = {
  limit,
  yieldExceptions: false,
  ordered: undefined,
  highWaterMark: 0,
  timeout: 1000,
  releaseOnTimeout: true,
  signal: new AbortController().signal,
}
check(new ConcurrentRunner(generator, options).limit === defaultLimit())

const undefinedOption = concurrent([() => 1], {yieldExceptions: undefined})
const undefinedByNew = new ConcurrentRunner([() => 1], {yieldExceptions: undefined})
const certainly: number[] = [...(await undefinedOption.toArray()), ...(await undefinedByNew.toArray())]
check(certainly.length === 2)
const perhaps = await concurrent([() => 1], {yieldExceptions: certainly.length > 2}).toArray()
is<Same<typeof perhaps, Array<number | ConcurrentError>>>()

// A queue

const settings: QueueOptions = {capacity: 10}
const urgent: PushOptions = {priority: 1, signal: undefined}
const queue = new TaskQueue(settings)
const service = new ConcurrentRunner(queue, {limit: 2, yieldExceptions: true})
const running: Promise<RunnerStats> = service.run()
const answer = await queue.push(async () => ({answer: 42}), urgent)
is<Same<typeof answer, {answer: number}>>()
check(answer.answer === 42)
const typed = new TaskQueue<string>()
typed.close()
export async function* around(source: TaskQueue<string>): AsyncGenerator<TaskFunction<string>> {
  for await (const task of source) {
    is<Same<typeof task, TaskFunction<string>>>()
    yield task
  }
}
is<Same<ReturnType<typeof concurrent<string>>, ConcurrentRunner<string>>>()
const signals = new TaskQueue<void>()
const done: Array<Promise<void>> = [signals.push(async () => {}), signals.push(() => 5)]
signals.close()
await concurrent(signals).run()
check((await Promise.all(done)).length === 2)
const sizes: readonly number[] = [queue.size, typed.size]
check(sizes.every((size) => size === 0))
await queue.room()
await queue.onIdle()
queue.closeWhenIdle()
const {started, succeeded, failed, waiting}: RunnerStats = await running
check(started === 1 && succeeded === 1 && failed === 0 && waiting === 0)
const states: RunnerState[] = [service.state, retrying.state]
check(states.every((state) => state === 'drained'))

// Control

const patience: StopOptions = {timeout: 1000}
{
  await using stopped = concurrent(generator)
  stopped.pause()
  stopped.resume()
  stopped.limit = 5
  stopped.abort(new Error('not started'))
}
await concurrent(generator).stop(patience)

/** Nothing here is called: each line is wrong in the way that the one above it says. */
export function wrong(): void {
  // @ts-expect-error there is no such event
  retrying.on('retried', () => {})
  // @ts-expect-error a result is a string
  retrying.on('result', (value: number) => value)
  // @ts-expect-error a number is no source
  concurrent(5)
  // @ts-expect-error a number is no task
  concurrent([5])
  // @ts-expect-error a limit is a number
  concurrent(generator, {limit: '2'})
  // @ts-expect-error there is no such option
  concurrent(generator, {concurrency: 2})
  // @ts-expect-error a mapper gets an item of the kind that there is
  ConcurrentRunner.map([1], (item: string) => item)
  // @ts-expect-error the tracer's name is missing
  traced.emit('traced', 1)
  // @ts-expect-error the tracer is missing, and map() passes none on
  Traced.map([1], (item) => item)
  // @ts-expect-error numbers are no strings
  const narrow: ConcurrentRunner<string> = top
  // @ts-expect-error there are errors among its results
  const hidden: ConcurrentRunner<number> = tolerant
  check(narrow === undefined && hidden === undefined)
  // @ts-expect-error the queue is for strings
  typed.push(() => 5).catch(() => {})
  // @ts-expect-error a hook is not called from outside
  retrying.cleanup(undefined)
  // @ts-expect-error counts are for reading
  service.stats.started = 0
  // @ts-expect-error the array may be empty
  const certain: number = numbers[0]
  // @ts-expect-error without yieldExceptions there are no errors among the results
  const errors: ConcurrentError[] = numbers
  // @ts-expect-error with them there are
  const results: AsyncIterable<number> = tolerant
  check(certain === 0 && errors.length === 0 && results === undefined)
}

// The other entries

concurrent(generator, {governor: new RateLimit({amount: 1, per: 1000})})
const remote = (tasks: RemoteTasks<string> | WorkerTasks<string>): ConcurrentRunner<string> => concurrent(tasks)
check(typeof remote === 'function')

console.log('all is well')
