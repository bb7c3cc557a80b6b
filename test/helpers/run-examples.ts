/**
 * Runs the examples of doc comments, one after the other, in a process of its own: `run-examples.ts <ending> <file>…`.
 * Gives each what it assumes, ends each of its runners in the given way, and prints what goes wrong.
 */
import {EventEmitter, on} from 'node:events'
import {createReadStream} from 'node:fs'
import {stat, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as sleep} from 'node:timers/promises'
import {pathToFileURL} from 'node:url'
import {inspect} from 'node:util'
import {ConcurrentError, ConcurrentRunner, type Items, type Source, TaskQueue} from 'aio-tasks'
import type {LocalGovernor} from 'aio-tasks/governors'
import {workerTasks} from 'aio-tasks/remote'
import {MemoryQueue} from '../../examples/engine.js'

const [ending = '', ...files] = process.argv.slice(2)
const patience = 40_000
/** When a worker is told to stop, which would go on for ever. */
const workFor = 3000
const stop = new Error('the example is aborted')
const failure = new Error('the task fails')

let place = ''
const problem = (what: string, error?: unknown): void => {
  process.stdout.write(`${place} ${what} ${error instanceof Error ? error.stack : inspect(error)}\n`)
}
process.on('unhandledRejection', (error) => problem('leaves a rejection unhandled:', error))
process.on('uncaughtException', (error) => problem('throws where nobody catches:', error))
Object.assign(console, {log: () => {}, error: () => {}, time: () => {}, timeEnd: () => {}})

/** Every runner that an example consumes is ended in the one way, when its first task starts or has a result. */
const ended = new WeakSet<object>()
function endLater(runner: ConcurrentRunner<unknown>): void {
  if (ended.has(runner)) return
  ended.add(runner)
  if (ending === 'break') runner.once('result', () => void runner.return())
  if (ending === 'abort') runner.once('start', () => void setImmediate(() => runner.abort(stop)))
  setTimeout(() => void runner.stop(), workFor).unref()
}
const {prototype} = ConcurrentRunner
for (const method of ['next', 'run', 'toArray'] as const) {
  const original = prototype[method] as () => Promise<never>
  Object.defineProperty(prototype, method, {
    value(this: ConcurrentRunner<unknown>) {
      endLater(this)
      return original.call(this)
    },
  })
}

const work = async <V>(value: V, signal?: AbortSignal): Promise<V> => {
  await sleep(1, undefined, signal ? {signal} : {})
  if (ending === 'a failing task') throw failure
  return value
}

/** An engine with both sides: jobs that are handed in are run, and some are there to be run. */
function makeEngine(): object {
  const queue = Object.assign(new MemoryQueue(), {lease: 300})
  const others = new ConcurrentRunner(
    workerTasks(queue.worker(), ({data}) => work(data)),
    {yieldExceptions: true},
  )
  const own = Object.assign(new MemoryQueue(), {lease: 300})
  void own.producer().add(['a', 'b', 'c'].map((id, index) => ({id, index, data: id})))
  const producer = queue.producer()
  const worker = own.worker()
  const add: typeof producer.add = (jobs) => {
    if (others.state === 'idle') void others.run()
    return producer.add(jobs)
  }
  return {...producer, ...worker, add}
}

/** What the examples assume, made anew for each. */
function assume(): void {
  const urls = ['https://a.example', 'https://b.example', 'https://c.example']
  const queue = new TaskQueue()
  queue.run()
  const socket = new EventEmitter()
  for (const delay of [5, 10, 15]) setTimeout(() => socket.emit('message', delay), delay)
  const tasks = urls.map((url) => () => work(url))
  const values = {
    urls,
    url: urls[0],
    files: files.slice(0, 3).map((file) => join(process.cwd(), file)),
    users: urls.map(() => ({loadAvatar: () => work(undefined), loadPosts: () => work(undefined)})),
    tasks,
    runner: new ConcurrentRunner(tasks, {limit: 2}),
    queue,
    socket,
    load: (url: string, init?: {signal?: AbortSignal}) => work(url, init?.signal),
    fetch: (_: string, init?: {signal?: AbortSignal}) => work(new Response('body'), init?.signal),
    answer: (message: unknown) => work(String(message)),
    linksOf: async (page: string) => (page === urls[0] ? work(urls.slice(1)) : []),
    show: () => {},
    paths: urls,
    connection: JSON.parse(process.env['AIO_TASKS_CONNECTION'] ?? 'null') as unknown,
    engine: makeEngine(),
    resize: (path: string, signal: AbortSignal) => work(path, signal),
    connect: () => ({close: async () => {}}),
    sleep,
    on,
    stat: (path: string) => work(path).then(() => stat(path)),
    createReadStream: (_: string, options?: object) => createReadStream('lines.txt', options),
    createInterface,
  }
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(globalThis, name, {configurable: true, writable: true, value})
}

interface Made {
  readonly items?: Items<unknown>
  readonly source?: Source<unknown>
  readonly made?: unknown
  readonly governor?: LocalGovernor
  readonly call?: (url: string, signal: AbortSignal) => Promise<unknown>
}

/** What an example only makes is used too: a source, a governor, a function that a task calls. */
async function consume({items, source, made, governor, call}: Made): Promise<void> {
  let runner: ConcurrentRunner<unknown> | undefined
  const {urls} = globalThis as unknown as {urls: readonly string[]}
  if (call !== undefined) runner = ConcurrentRunner.map(urls, (url, {signal}) => call(url, signal), {limit: 2})
  if (governor !== undefined) runner = ConcurrentRunner.map(urls, () => work({tokens: 20}), {governor})
  if (items !== undefined) runner = ConcurrentRunner.map(items, (item) => work(item))
  if (source !== undefined) runner = new ConcurrentRunner(source)
  if (made instanceof ConcurrentRunner) runner = made
  if (runner === undefined) return
  const stopping = setTimeout(() => void runner.stop(), 200) // an endless source
  try {
    for await (const _ of runner) if (ending === 'break') break
  } finally {
    clearTimeout(stopping)
  }
  await runner.drained
}

const isExpected = (error: unknown): boolean =>
  ending !== 'none' &&
  (error === stop || error === failure || error instanceof ConcurrentError || (error as Error).cause === stop)

await writeFile('lines.txt', 'line\n'.repeat(100_000)) // long enough to be left in the middle
for (const file of files) {
  place = file
  assume()
  // A worker runs until the process is told to end.
  const ends = setTimeout(() => process.emit('SIGTERM'), 300)
  const run = import(pathToFileURL(join(process.cwd(), file)).href).then(consume).then(
    () => true,
    (error: unknown) => {
      if (!isExpected(error)) problem('rejects:', error)
      return true
    },
  )
  if (!(await Promise.race([run, sleep(patience, false)]))) problem('hangs')
  clearTimeout(ends)
  await sleep(20) // unhandled rejections are printed
}
process.stdout.write(`ran ${files.length}\n`)
process.exit()
