/**
 * Tries what the README's table says of aio-tasks and its peers, as far as a run can show it, and compares:
 * `node test/bench/dist/probes.js`. Ends with status 1 where the table says something else.
 */
import {readFileSync} from 'node:fs'
import {setTimeout as sleep, setImmediate as turn} from 'node:timers/promises'
import Bottleneck from 'bottleneck'
import {Duration, Effect, Schedule, Semaphore, Stream} from 'effect'
import pLimit from 'p-limit'
import {pMapIterable} from 'p-map'
import PQueue from 'p-queue'
import {transform} from 'streaming-iterables'
import {ConcurrentRunner, TaskQueue} from '../../../dist/index.js'

type Mapper = (item: number, signal?: AbortSignal) => Promise<number>
type Loop = (items: AsyncIterable<number>, mapper: Mapper, limit: number) => AsyncIterable<number>
type Call = (task: (signal?: AbortSignal) => Promise<void>) => Promise<unknown>

interface Library {
  /** Gives results in a loop. */
  readonly loop?: Loop
  /** Runs pushed tasks, one at a time. */
  readonly push?: () => Call
  /** Runs pushed tasks, one at a time, each for 20 ms at most. */
  readonly timed?: () => Call
  /** Runs pushed tasks, one at a time; one that fails is tried again after 50 ms. */
  readonly retried?: () => Call
  /** Runs as many tasks that finish at once, ten at a time: pushed in one turn, or read in a loop, or both. */
  readonly instant: (count: number) => Promise<unknown>
  /** Where each task has a cost that grows with their number. */
  readonly fewer?: number
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number++) yield number
}

async function exhaust(results: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of results);
}

const all = (count: number, push: (task: () => Promise<void>) => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({length: count}, () => push(async () => {})))

function effectCall(around: (task: Effect.Effect<void, unknown>) => Effect.Effect<void, unknown>): Call {
  const semaphore = Semaphore.makeUnsafe(1)
  return (task) =>
    Effect.runPromise(
      around(semaphore.withPermit(Effect.tryPromise({try: (signal) => task(signal), catch: (error) => error}))),
    )
}

const effectLoop: Loop = (items, mapper, concurrency) =>
  Stream.fromAsyncIterable(items, (error) => error).pipe(
    Stream.mapEffect((item) => Effect.promise((signal) => mapper(item, signal)), {concurrency, unordered: true}),
    Stream.toAsyncIterable,
  )

function bottleneckRetried(): Call {
  const limiter = new Bottleneck({maxConcurrent: 1})
  limiter.on('failed', (_, {retryCount}) => (retryCount < 1 ? 50 : undefined))
  return (task) => limiter.schedule(() => task())
}

const libraries: Readonly<Record<string, Library>> = {
  'aio-tasks': {
    loop: (items, mapper, limit) => ConcurrentRunner.map(items, (item, {signal}) => mapper(item, signal), {limit}),
    push: () => pushes({limit: 1}),
    timed: () => pushes({limit: 1, timeout: 20}),
    retried: () => pushes({limit: 1, retry: {attempts: 2, delay: 50}}),
    instant: async (count) => {
      await all(count, pushes({limit: 10}))
      await exhaust(ConcurrentRunner.map(numbers(count), async () => {}, {limit: 10}))
    },
  },
  'p-map': {
    loop: (items, mapper, concurrency) =>
      pMapIterable(items, (item) => mapper(item), {concurrency, preserveOrder: false}),
    instant: (count) => exhaust(pMapIterable(numbers(count), async () => {}, {concurrency: 10})),
  },
  'p-queue': {
    push: () => adds(new PQueue({concurrency: 1})),
    timed: () => adds(new PQueue({concurrency: 1, timeout: 20})),
    instant: (count) => {
      const queue = new PQueue({concurrency: 10})
      return all(count, (task) => queue.add(task))
    },
  },
  'p-limit': {
    push: () => {
      const limit = pLimit(1)
      return (task) => limit(() => task())
    },
    instant: (count) => all(count, pLimit(10)),
  },
  Bottleneck: {
    push: () => {
      const limiter = new Bottleneck({maxConcurrent: 1})
      return (task) => limiter.schedule(() => task())
    },
    timed: () => {
      const limiter = new Bottleneck({maxConcurrent: 1})
      return (task) => limiter.schedule({expiration: 20}, () => task())
    },
    retried: bottleneckRetried,
    instant: (count) => {
      const limiter = new Bottleneck({maxConcurrent: 10})
      return all(count, (task) => limiter.schedule(task))
    },
    fewer: 10_000,
  },
  Effect: {
    loop: effectLoop,
    push: () => effectCall((task) => task),
    timed: () => {
      const semaphore = Semaphore.makeUnsafe(1)
      return (task) =>
        Effect.runPromise(
          semaphore.withPermit(
            Effect.promise((signal) => task(signal)).pipe(Effect.timeout(Duration.millis(20)), Effect.ignore),
          ),
        )
    },
    retried: () => effectCall((task) => Effect.retry(task, {times: 1, schedule: Schedule.spaced(Duration.millis(50))})),
    instant: (count) => exhaust(effectLoop(numbers(count), async (item) => item, 10)),
  },
  'streaming-iterables': {
    loop: (items, mapper, limit) => transform(limit, (item: number) => mapper(item), items),
    instant: (count) => exhaust(transform(10, async (item: number) => item, numbers(count))),
  },
}

function pushes(options: ConstructorParameters<typeof ConcurrentRunner>[1]): Call {
  const queue = new TaskQueue()
  void new ConcurrentRunner(queue, {...options, yieldExceptions: true}).run()
  return (task) => queue.push(({signal}) => task(signal))
}

function adds(queue: PQueue): Call {
  return (task) => queue.add(({signal}) => task(signal))
}

/** What one row of the table says of a library, part by part; `undefined`: it has no such thing. */
type Probe = (library: Library) => Promise<readonly string[] | undefined>

const mark = (holds: boolean): string => (holds ? '✓' : '–')

/** The first of 500 tasks is slow, and the loop takes one result and no more. */
const becomeAvailable: Probe = async ({loop}) => {
  if (loop === undefined) return undefined
  let pulled = 0
  async function* source(): AsyncGenerator<number> {
    for await (const number of numbers(500)) {
      pulled++
      yield number
    }
  }
  const results = loop(source(), async (item) => (item === 0 ? sleep(100, item) : item), 4)[Symbol.asyncIterator]()
  const {value: first} = await results.next()
  for (let turns = 0; turns < 300; turns++) await turn()
  const holdsUp = pulled < 50
  await sleep(150)
  await results.return?.()
  return [mark(first !== 0), mark(holdsUp)]
}

/** The loop is left in its first round, while tasks run that hear their signals, and the source waits for a free slot. */
const leaving: Probe = async ({loop}) => {
  if (loop === undefined) return undefined
  let [isClosed, isTold] = [false, false]
  async function* source(): AsyncGenerator<number> {
    try {
      yield* numbers(100)
    } finally {
      await sleep(20)
      isClosed = true
    }
  }
  const mapper: Mapper = async (item, signal) => {
    signal?.addEventListener('abort', () => (isTold = true))
    return sleep(item === 0 ? 50 : 200, item)
  }
  for await (const _ of loop(source(), mapper, 2)) {
    await sleep(20)
    break
  }
  const isAwaited = isClosed
  await sleep(400)
  return [isClosed && !isAwaited ? '✓, not awaited' : mark(isClosed), mark(isTold)]
}

/** There is one slot, and a task fails once: the next one may run before it is tried again. */
const retrying: Probe = async ({retried}) => {
  if (retried === undefined) return undefined
  const ran: string[] = []
  const call = retried()
  const first = call(async () => {
    ran.push('first')
    if (ran.length === 1) throw new Error('once')
  })
  await Promise.all([first, call(async () => void ran.push('second'))])
  return [mark(ran.filter((name) => name === 'first').length === 2), mark(ran[1] === 'second')]
}

/** There is one slot, and a task goes on beyond its timeout: the next one may start meanwhile. */
const timingOut: Probe = async ({timed}) => {
  if (timed === undefined) return undefined
  let [isRunning, overlap] = [true, false]
  const call = timed()
  const late = call(() => sleep(120).then(() => void (isRunning = false))).catch(() => {})
  await call(async () => {
    overlap = isRunning
  })
  await Promise.all([late, sleep(200)])
  return [mark(!overlap)]
}

/** A timer of 5 ms ticks during the whole run, and not only at its ends. Making all the pushes is not part of the run. */
const ticking: Probe = async ({instant, fewer = 100_000}) => {
  const run = instant(fewer)
  const ticks = [performance.now()]
  const timer = setInterval(() => ticks.push(performance.now()), 5)
  await run
  ticks.push(performance.now())
  clearInterval(timer)
  const gaps = ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? 0))
  const whole = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0)
  return [mark(ticks.length > 4 && Math.max(...gaps) < 0.4 * whole)]
}

/** The words with which a row of the README's table begins, and what tries it. */
const rows: ReadonlyArray<readonly [start: string, probe: Probe]> = [
  ['results in a loop', becomeAvailable],
  ['leaving the loop', leaving],
  ['retries', retrying],
  ['a task that has timed out', timingOut],
  ['a 5 ms timer', ticking],
]

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
const cellsOf = (start: string): string[] =>
  (readme.split('\n').find((line) => line.startsWith(`| ${start}`)) ?? '').split('|').slice(2, -1)

/** What a cell says, in the marks of the probes. Its other words say by which call. */
function said(cell: string): string {
  return cell
    .split(';')
    .map((part) => part.trim())
    .map((part) => (part.startsWith('–') ? '–' : part.endsWith(', not awaited') ? '✓, not awaited' : '✓'))
    .join('; ')
}

let wrong = 0
for (const [start, probe] of rows) {
  console.log(start)
  const cells = cellsOf(start)
  for (const [at, [name, library]] of Object.entries(libraries).entries()) {
    const cell = cells[at]?.trim() ?? 'no cell'
    let seen: readonly string[] | undefined
    let isRight = false
    // Again if need be: on a busy machine timers are late, in whichever library.
    for (let tries = 0; tries < 3 && !isRight; tries++) {
      seen = await probe(library)
      isRight = seen === undefined ? /^(?:–(?:; –)*|no \w+)$/.test(cell) : seen.join('; ') === said(cell)
    }
    if (!isRight) wrong++
    console.log(`  ${isRight ? '✓' : '✘'} ${name}: ${seen?.join('; ') ?? 'no such thing'} (README: ${cell})`)
  }
}
console.log(wrong === 0 ? 'The table is right' : `${wrong} cells of the table are wrong`)
process.exitCode = wrong === 0 ? 0 : 1
