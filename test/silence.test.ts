/** What rejects because the run has told it to stop waiting is no error: no `error` event, no unhandled rejection, no crash. */
import {spawn} from 'node:child_process'
import {EventEmitter, on, once} from 'node:events'
import {createReadStream} from 'node:fs'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {createInterface as createPromisingInterface} from 'node:readline/promises'
import {PassThrough} from 'node:stream'
import {setInterval, setTimeout as sleep} from 'node:timers/promises'
import test from 'ava'
import {ConcurrentRunner, type Items, mapped, type RunnerOptions, type Source, type TaskFunction} from '../src/index.js'
import {library, record, turn, typescript, unhandledDuring} from './helpers/index.js'

const boom = new Error('boom')
const one: TaskFunction<number> = () => 1
const longest = 2 ** 31 - 1

// A server that sends a line and then nothing, and a file of many lines.
const server = createServer((_, response) => void response.write('first\n'))
const folder = await mkdtemp(join(tmpdir(), 'aio-tasks-silence-'))
const file = join(folder, 'lines.txt')
test.before(async () => {
  await writeFile(file, 'line\n'.repeat(100_000))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
test.after.always(async () => {
  server.closeAllConnections()
  server.close()
  await rm(folder, {recursive: true})
})

const body = async (signal?: AbortSignal): Promise<AsyncIterable<unknown>> => {
  const {port} = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/`, signal ? {signal} : {})
  if (response.body === null) throw new Error('no body')
  return response.body
}
const messages = (signal?: AbortSignal): AsyncIterable<unknown> => {
  const emitter = new EventEmitter()
  setImmediate(() => emitter.emit('message', 1))
  return on(emitter, 'message', signal ? {signal} : {})
}
const waiting = (): PassThrough => {
  const stream = new PassThrough()
  stream.write('line\n')
  return stream
}

type Stuff = AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>

/** What waits, or is told to stop waiting by the signal of the source. */
const stuff: Record<string, (signal: AbortSignal) => Stuff> = {
  'events.on() with the signal': (signal) => messages(signal),
  'events.on()': () => messages(),
  'setInterval() with the signal': (signal) => setInterval(1, undefined, {signal}),
  'setInterval()': () => setInterval(1),
  'readline with the signal over a file': (signal) => createInterface({input: createReadStream(file), signal}),
  'readline over a file': () => createInterface({input: createReadStream(file)}),
  'readline of promises over a file': () => createPromisingInterface({input: createReadStream(file)}),
  'readline with the signal over a stream that waits': (signal) => createInterface({input: waiting(), signal}),
  'readline over a stream that waits': () => createInterface({input: waiting()}),
  'a file with the signal': (signal) => createReadStream(file, {signal}),
  'a file': () => createReadStream(file),
  'a stream that waits': () => waiting(),
  'the body of a response with the signal': (signal) => body(signal),
  'the body of a response': () => body(),
}

const endings: Record<string, (runner: ConcurrentRunner<number>, controller: AbortController) => unknown> = {
  break: (runner) => runner.return(),
  'abort()': (runner) => runner.abort(),
  'abort() with a reason of the caller': (runner) => runner.abort(boom),
  'a signal': (_, controller) => controller.abort(),
  'a signal with a reason of the caller': (_, controller) => controller.abort(boom),
  'stop()': (runner) => runner.stop({timeout: 1}),
}

/** Starts a run, ends it when its first task has settled, and gives its `error` events once it has drained. */
async function errorsOf(
  source: Source<number>,
  end: (runner: ConcurrentRunner<number>, controller: AbortController) => unknown,
  Runner: typeof ConcurrentRunner = ConcurrentRunner,
  options: RunnerOptions<false> = {},
): Promise<string[]> {
  const controller = new AbortController()
  const runner = new Runner<number>(source, {...options, signal: controller.signal})
  const log = record(runner)
  await runner.next().catch(() => {})
  const pending = runner.next().catch(() => {})
  await turn()
  await end(runner, controller)
  await pending
  await runner.drained
  await turn(5)
  return log.filter((line) => line.startsWith('error'))
}

const isSilent = test.macro(async (t, run: () => Promise<string[]>, expected: readonly string[] = []) => {
  let errors: string[] = []
  const unhandled = await unhandledDuring(async () => {
    errors = await run()
  })
  t.deepEqual(errors, expected)
  t.deepEqual(unhandled, [])
})

const throwBoom = (): never => {
  throw boom
}

for (const [kind, make] of Object.entries(stuff)) {
  const generator = (task: TaskFunction<number>) =>
    async function* (signal: AbortSignal): AsyncGenerator<TaskFunction<number>> {
      for await (const _ of await make(signal)) yield task
    }
  const items: Items<unknown> = (signal) => {
    const given = make(signal)
    return given instanceof Promise ? later(given) : given
  }
  for (const [name, end] of Object.entries(endings)) {
    test.serial(`${name} is silent in a generator over ${kind}`, isSilent, () => errorsOf(generator(one), end))
    test.serial(`${name} is silent over ${kind}`, isSilent, () =>
      errorsOf(
        mapped(items, () => 1),
        end,
      ),
    )
  }
  const nothing = (): void => {}
  const failed = ['error 0 boom']
  test.serial(
    `the failing task is the only error in a generator over ${kind}`,
    isSilent,
    () => errorsOf(generator(throwBoom), nothing, ConcurrentRunner, {limit: 1}),
    failed,
  )
  test.serial(
    `the failing task is the only error over ${kind}`,
    isSilent,
    () => errorsOf(mapped(items, throwBoom), nothing, ConcurrentRunner, {limit: 1}),
    failed,
  )
}

/** The very iterable that a promise gives, read as a source of its own. */
function later(promise: Promise<AsyncIterable<unknown>>): AsyncIterable<unknown> {
  let iterator: Promise<AsyncIterator<unknown>> | undefined
  const opened = (): Promise<AsyncIterator<unknown>> =>
    (iterator ??= promise.then((iterable) => iterable[Symbol.asyncIterator]()))
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => (await opened()).next(),
      return: async () => (await (await opened()).return?.()) ?? {done: true, value: undefined},
    }),
  }
}

// Hooks and pulls that were told to stop

class Waits extends ConcurrentRunner<number> {
  protected override async ready(signal: AbortSignal): Promise<void> {
    if (this.stats.started > 0) await sleep(longest, undefined, {signal})
  }
}
for (const [name, end] of Object.entries(endings))
  test.serial(`${name} is silent while ready() waits for a sleep with its signal`, isSilent, () =>
    errorsOf([one, one], end, Waits as typeof ConcurrentRunner),
  )
test.serial(
  'the failing task is the only error while ready() waits for a sleep with its signal',
  isSilent,
  () => errorsOf([async () => turn(1).then(throwBoom), one], () => {}, Waits as typeof ConcurrentRunner),
  ['error 0 boom'],
)

// Standard input, which stays open

const inputEndings: Record<string, string> = {
  break: 'runner.return()',
  'abort()': 'runner.abort()',
  'a signal': 'controller.abort()',
  'stop()': 'runner.stop()',
  'a failing task': 'isFailing = true',
}
for (const [name, end] of Object.entries(inputEndings))
  test(`${name} over standard input is silent, and the process ends though the input stays open`, async (t) => {
    const script = `
      import {ConcurrentRunner} from '${library}'
      let isFailing = false
      const controller = new AbortController()
      const work = async (chunk) => {
        await new Promise((resolve) => setImmediate(resolve))
        if (isFailing) throw new Error('boom')
        return String(chunk).trim()
      }
      const runner = ConcurrentRunner.map(process.stdin, work, {limit: 1, signal: controller.signal})
      runner.on('error', (error) => console.log(error.message))
      console.log((await runner.next()).value)
      const pending = runner.next().catch(() => {})
      await new Promise((resolve) => setImmediate(resolve))
      ${end}
      if (isFailing) console.log('more?')
      await pending
      await runner.drained
      console.log('left')
    `
    const child = spawn(process.execPath, [typescript, '--input-type=module', '--eval', script])
    let output = ''
    child.stderr.on('data', (data) => (output += data))
    child.stdout.on('data', (data) => {
      output += data
      if (output.endsWith('more?\n')) child.stdin.write('again\n')
    })
    child.stdin.write('hello\n')
    const [code] = (await once(child, 'close')) as [number | null]
    child.stdin.destroy()
    const failing = name === 'a failing task' ? 'more?\nTask 1 failed: Error: boom\n' : ''
    t.is(`${output}status ${code}`, `hello\n${failing}left\nstatus 0`)
  })
