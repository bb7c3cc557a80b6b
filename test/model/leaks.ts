/**
 * Runs scenarios of every kind, holds on to the runner and to the user's signal, and watches what else there was:
 * the source, tasks, contexts, results and errors. Nor may the heap grow with the number of runs.
 */
import {setImmediate as turn} from 'node:timers/promises'
import {ConcurrentRunner, concurrent, type RunnerOptions, type Source, TaskQueue} from '../../src/index.js'

interface Result {
  readonly result: number
}

type Thunk = () => Promise<Result>

const lasting = new AbortController()
/** What must be collected, with its name. */
const watched: Array<readonly [name: string, ref: WeakRef<object>]> = []
/** What users may keep. */
const kept: unknown[] = []
let runs = 0

function watch<O extends object>(name: string, object: O): O {
  watched.push([name, new WeakRef(object)])
  return object
}

function thunk(name: string, index: number): Thunk {
  return watch(`${name}: task`, async () => {
    await turn()
    // No Error, whose stack keeps the functions that it went through.
    if (index === 4) throw watch(`${name}: cause`, {cause: index})
    return watch(`${name}: result`, {result: index})
  })
}

const count = 8

const sources: Record<string, (name: string) => Source<Result>> = {
  array: (name) => Array.from({length: count}, (_, index) => thunk(name, index)),
  promises: (name) => Array.from({length: count}, async (_, index) => thunk(name, index)()),
  set: (name) => new Set(Array.from({length: count}, (_, index) => thunk(name, index))),
  generator: function* (name) {
    for (let index = 0; index < count; index++) yield thunk(name, index)
  },
  'async generator': async function* (name) {
    for (let index = 0; index < count; index++) yield thunk(name, index)
  },
  factory: (name) => () => Array.from({length: count}, (_, index) => thunk(name, index)),
  queue: (name) => {
    const queue = new TaskQueue<Result>()
    for (let index = 0; index < count; index++) queue.push(thunk(name, index), {signal: lasting.signal}).catch(() => {})
    queue.close()
    return queue
  },
}

type Runner = ConcurrentRunner<Result, boolean>

const endings: Record<string, (runner: Runner) => Promise<unknown>> = {
  'to the end': (runner) => runner.toArray(),
  'for its events': (runner) => runner.run(),
  'by break': async (runner) => {
    for await (const _ of runner) break
  },
  'by abort': async (runner) => {
    const first = runner.next()
    await first
    const second = runner.next()
    runner.abort({reason: 'aborted'})
    await second
  },
  'by stop': async (runner) => {
    await runner.next()
    await runner.stop()
    for await (const _ of runner);
  },
  'by disposal': async (runner) => {
    await runner.next()
    await runner[Symbol.asyncDispose]()
  },
  'before it begins': (runner) => runner.return(),
}

async function run(name: string, kind: string, ending: string, options: RunnerOptions): Promise<void> {
  const source = watch(`${name}: source`, sources[kind]?.(name) ?? [])
  const runner: Runner = concurrent(source, {limit: 3, signal: lasting.signal, timeout: 60_000, ...options})
  runner.on('start', (context) => watch(`${name}: context`, context))
  runner.on('error', (error) => watch(`${name}: error`, error))
  kept.push(runner)
  runs++
  await endings[ending]?.(runner).catch(() => {})
  await runner.drained
  // What still waits may listen to its own signal.
  if (source instanceof TaskQueue) source.clear()
}

async function all(): Promise<void> {
  for (const kind of Object.keys(sources))
    for (const ending of Object.keys(endings))
      for (const ordered of [false, true])
        for (const yieldExceptions of [false, true])
          await run(`${kind} ${ending}, ${JSON.stringify({ordered, yieldExceptions})}`, kind, ending, {
            ordered,
            yieldExceptions,
          })
}

async function collect(): Promise<void> {
  for (let times = 0; times < 5; times++) {
    await turn()
    globalThis.gc?.()
  }
}

async function heap(): Promise<number> {
  await collect()
  return process.memoryUsage().heapUsed
}

if (!globalThis.gc) throw new Error('Run it with node --expose-gc')

await all()
await collect()
// A runner keeps the error that ended it, for consumers that still come.
const left = watched
  .map(([name, ref]) => (ref.deref() === undefined ? '' : name))
  .filter((name) => name !== '' && !/"yieldExceptions":false.*(error|cause)$/.test(name))
for (const name of left.slice(0, 40)) console.log(`kept: ${name}`)
console.log(`${watched.length} objects of ${kept.length} runs were watched, ${left.length} are left`)

// With one signal for ever, and nobody who keeps the runners.
let least = Infinity
let before = await heap()
for (let round = 0; round < 8; round++) {
  for (let times = 0; times < 3; times++) await all()
  watched.length = 0
  kept.length = 0
  const after = await heap()
  console.log(`${after - before} bytes more after ${runs} runs`)
  least = Math.min(least, after - before)
  before = after
  runs = 0
}

const resources = process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'Immediate')
console.log(`timers: ${resources.join(', ') || 'none'}`)
const isFine = left.length === 0 && least < 50_000 && resources.length === 0
console.log(isFine ? 'nothing is kept' : 'something is kept')
