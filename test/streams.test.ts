/** Streams that are sources are closed at once, also while they wait for a chunk; any source that waits can be woken. */
import {once} from 'node:events'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {PassThrough, Readable} from 'node:stream'
import {setTimeout as sleep} from 'node:timers/promises'
import test from 'ava'
import pDefer from 'p-defer'
import {ConcurrentRunner, concurrent, type Task, TaskQueue} from '../src/index.js'
import {caught, consume, record, runScript, turn} from './helpers/index.js'

const boom = new Error('boom')
const longest = 2 ** 31 - 1

type Runner = ConcurrentRunner<unknown>
const endings: Record<string, (runner: Runner) => unknown> = {
  break: (runner) => runner.return(),
  'abort()': (runner) => runner.abort(boom),
  'stop()': (runner) => runner.stop(),
  disposal: (runner) => runner[Symbol.asyncDispose](),
}

function webStream(): {stream: ReadableStream<string>; readonly cancelled: unknown[]} {
  const cancelled: unknown[] = []
  const stream = new ReadableStream<string>({
    start: (controller) => controller.enqueue('chunk'),
    cancel: (reason) => void cancelled.push(reason),
  })
  return {stream, cancelled}
}

/** Takes the one chunk of a stream, so that the source waits for another. */
async function waits(runner: Runner): Promise<string[]> {
  const log = record(runner)
  await runner.next()
  void runner.next().catch(() => {})
  await turn()
  return log
}

for (const [name, end] of Object.entries(endings)) {
  test(`${name} destroys a Node stream that waits for a chunk, without an error`, async (t) => {
    const stream = new PassThrough()
    let failure: unknown
    stream.on('error', (error) => (failure = error))
    stream.write('chunk')
    const runner = ConcurrentRunner.map(stream, String)
    const log = await waits(runner)
    const ended = end(runner)
    t.true(stream.destroyed)
    await ended
    await runner.drained
    t.is(failure, undefined)
    t.deepEqual(log, ['start 0', 'result 0 chunk', 'drain'])
  })

  test(`${name} destroys a Node stream that has more to give`, async (t) => {
    const stream = Readable.from(['a', 'b', 'c', 'd', 'e'])
    const runner = ConcurrentRunner.map(stream, String, {limit: 1})
    await runner.next()
    await end(runner)
    await runner.drained
    t.true(stream.destroyed)
    t.is(stream.errored, null)
  })

  test(`${name} cancels a ReadableStream that waits for a chunk, and unlocks it`, async (t) => {
    const {stream, cancelled} = webStream()
    const runner = ConcurrentRunner.map(stream, String)
    const log = await waits(runner)
    const ended = end(runner)
    t.is(cancelled.length, 1)
    await ended
    await runner.drained
    t.false(stream.locked)
    t.deepEqual(log, ['start 0', 'result 0 chunk', 'drain'])
  })

  test(`${name} before the start destroys a Node stream and cancels a ReadableStream`, async (t) => {
    const node = new PassThrough()
    const {stream, cancelled} = webStream()
    for (const source of [node, stream]) {
      const runner = ConcurrentRunner.map<unknown, string>(source, String)
      await end(runner)
      await runner.drained
    }
    t.true(node.destroyed)
    t.is(cancelled.length, 1)
  })

  test(`${name} ends a response's connection while its body waits`, async (t) => {
    const closed = pDefer<void>()
    const server = createServer((request, response) => {
      request.socket.on('close', () => closed.resolve())
      response.write('first')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const {port} = server.address() as AddressInfo
    const {body} = await fetch(`http://127.0.0.1:${port}/`)
    const runner = ConcurrentRunner.map(body ?? [], (chunk) => chunk.length)
    const log = await waits(runner)
    await end(runner)
    await closed.promise // else the test times out
    await runner.drained
    t.deepEqual(log, ['start 0', 'result 0 5', 'drain'])
    server.close()
  })

  test(`${name} wakes a source that waits, by its signal`, async (t) => {
    let hasCleanedUp = false
    const runner = concurrent<unknown>(async function* (signal) {
      try {
        yield () => 'first'
        await sleep(longest, undefined, {signal})
      } finally {
        hasCleanedUp = true
      }
    })
    const log = await waits(runner)
    await end(runner)
    await runner.drained
    await turn()
    t.true(hasCleanedUp)
    t.deepEqual(log, ['start 0', 'result 0 first', 'drain'])
  })
}

test('a failing task destroys a Node stream and cancels a ReadableStream while they wait', async (t) => {
  const node = new PassThrough()
  node.write('chunk')
  const {stream, cancelled} = webStream()
  for (const source of [node, stream]) {
    const runner = ConcurrentRunner.map<unknown, never>(source, async () => {
      await turn()
      throw boom
    })
    const log = record(runner)
    await caught(runner.run())
    t.deepEqual(log, ['start 0', 'error 0 boom', 'drain'])
  }
  t.true(node.destroyed)
  t.is(cancelled.length, 1)
})

test('the error of a stream is a failure of the source, also when it comes while the stream waits', async (t) => {
  const node = new PassThrough()
  node.write('chunk')
  const web = failingWebStream()
  for (const [source, fail] of [
    [node, () => node.destroy(boom)],
    [web.stream, web.fail],
  ] as const) {
    const runner = ConcurrentRunner.map<unknown, string>(source, String)
    const log = await waits(runner)
    fail()
    await runner.drained
    t.deepEqual(log, ['start 0', 'result 0 chunk', 'error - boom', 'drain'])
  }
})

test('the error of a Node stream that nothing has been read of yet is a failure of the source, and no uncaught exception', async (t) => {
  class Gated extends ConcurrentRunner<unknown> {
    readonly gate = pDefer<void>()
    protected override ready(): Promise<void> {
      return this.gate.promise
    }
  }
  const stream = new PassThrough()
  const gated = new Gated(stream as AsyncIterable<never>)
  const log = record(gated)
  const run = caught(gated.run())
  stream.destroy(boom)
  await turn()
  gated.gate.resolve()
  t.is(((await run) as Error).cause, boom)
  t.deepEqual(log, ['error - boom', 'drain'])
})

function failingWebStream(): {readonly stream: ReadableStream<string>; readonly fail: () => void} {
  let fail = (): void => {}
  const stream = new ReadableStream<string>({
    start: (controller) => {
      controller.enqueue('chunk')
      fail = () => controller.error(boom)
    },
  })
  return {stream, fail: () => fail()}
}

test('when a stream fails to close itself, an error event says so', async (t) => {
  const stream = new ReadableStream<string>({
    start: (controller) => controller.enqueue('chunk'),
    cancel: () => Promise.reject(boom),
  })
  const runner = ConcurrentRunner.map(stream, String)
  const log = await waits(runner)
  await runner.return()
  await runner.drained
  t.deepEqual(log, ['start 0', 'result 0 chunk', 'error - boom', 'drain'])
})

test('a stream that is read to its end is unlocked and not cancelled', async (t) => {
  const {stream, cancelled} = webStream()
  const runner = ConcurrentRunner.map(stream.pipeThrough(new TransformStream()), String)
  const log = record(runner)
  await runner.next()
  t.deepEqual(cancelled, [])
  const ended = new ReadableStream<string>({
    start: (controller) => {
      controller.enqueue('a')
      controller.close()
    },
  })
  t.deepEqual(await ConcurrentRunner.map(ended, String).toArray(), ['a'])
  t.false(ended.locked)
  t.deepEqual(log, ['start 0', 'result 0 chunk'])
  await runner.return()
})

test('a ReadableStream that comes to its end just when the run is left is closed without an error', async (t) => {
  for (let ticks = 0; ticks < 8; ticks++) {
    let close = (): void => {}
    const stream = new ReadableStream<string>({
      start: (controller) => {
        controller.enqueue('chunk')
        close = () => controller.close()
      },
    })
    const runner = ConcurrentRunner.map(stream, String)
    const log = await waits(runner)
    close()
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    await runner.return()
    await runner.drained
    t.deepEqual(log, ['start 0', 'result 0 chunk', 'drain'], `${ticks} microtasks after its end`)
    t.false(stream.locked)
  }
})

test('a stream that is locked already is a failure of the source', async (t) => {
  const {stream} = webStream()
  stream.getReader()
  const runner = ConcurrentRunner.map(stream, String)
  const error = await caught(runner.run())
  t.is((error as Error).name, 'ConcurrentIteratorError')
})

test('chunks that a stream has already when it is left in the middle of a pull are not reported as errors', async (t) => {
  const stream = new PassThrough({objectMode: true})
  const runner = concurrent<number>(stream as AsyncIterable<Task<number>>, {limit: 2})
  const log = record(runner)
  const first = runner.next()
  stream.write(() => 1)
  await first
  stream.write(() => 2)
  await runner.return()
  await runner.drained
  t.true(stream.destroyed)
  t.false(log.some((line) => line.startsWith('error')))
})

test('a loop over standard input that is left lets the process end, though the input stays open', async (t) => {
  const {code, lines, errors} = await runScript(
    (src) => `
    import {spawn} from 'node:child_process'
    const script = ${JSON.stringify(`
      import {ConcurrentRunner} from ${JSON.stringify(src)}
      const runner = ConcurrentRunner.map(process.stdin, String)
      for await (const chunk of runner) { console.log(chunk.trim()); break }
      console.log('left')
    `)}
    const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '--eval', script], {stdio: ['pipe', 'inherit', 'inherit']})
    child.stdin.write('hello\\n')
    child.on('exit', (code) => {
      console.log('status', code)
      child.stdin.destroy()
    })
  `,
  )
  t.deepEqual([code, lines, errors], [0, ['hello', 'left', 'status 0'], ''])
})

test('stop() over a queue that waits drains at once', async (t) => {
  const queue = new TaskQueue<number>()
  const runner = new ConcurrentRunner<number>(queue)
  const loop = consume(runner)
  await turn()
  await runner.stop()
  t.deepEqual(await loop, {values: []})
})
