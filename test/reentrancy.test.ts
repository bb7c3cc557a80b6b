/** What listeners, hooks, tasks and sources may do while the runner is in the middle of calling them. */
import test from 'ava'
import {type ConcurrentError, ConcurrentRunner, concurrent} from '../src/index.js'
import {manuals, reportedDuring, thunks, turn, unhandledDuring} from './helpers/index.js'

const boom = new Error('boom')

/** An iterator that is its own iterable and counts how often it is closed. */
function closable(next: () => IteratorResult<() => unknown>): IterableIterator<() => unknown> & {returns: number} {
  return {
    returns: 0,
    next,
    return() {
      this.returns++
      return {done: true, value: undefined}
    },
    [Symbol.iterator]() {
      return this
    },
  }
}

test('an abort from within an abort listener of a task still closes the source', async (t) => {
  const source = closable(() => ({
    done: false,
    value: ({signal}: {signal: AbortSignal} = {signal: new AbortController().signal}) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          runner.abort(new Error('another'))
          reject(signal.reason)
        })
      }),
  }))
  const runner = concurrent(source, {limit: 2})
  const first = runner.next()
  runner.abort(boom)
  t.is(await t.throwsAsync(first), boom)
  await runner.drained
  t.is(source.returns, 1)
})

for (const end of ['abort', 'return', 'stop'] as const) {
  test(`a run whose gate fails drains, also if a listener of that error calls ${end}()`, async (t) => {
    class Gated extends ConcurrentRunner<number> {
      protected override ready(): never {
        throw boom
      }
    }
    const runner = new Gated([() => 1])
    runner.on('error', () => void runner[end]())
    const error = await t.throwsAsync(runner.run())
    t.is(error?.cause, boom)
  })

  test(`a run whose item fails to be disposed of drains, also if a listener of that error calls ${end}()`, async (t) => {
    const item = {
      [Symbol.dispose]() {
        throw boom
      },
    }
    const runner = concurrent([item as never], {yieldExceptions: true})
    const causes: unknown[] = []
    runner.on('error', ({cause}) => {
      causes.push(cause)
      if (cause === boom) void runner[end]()
    })
    await runner.run().catch(() => {})
    t.is(runner.state, 'drained')
    t.is(causes.at(-1), boom)
  })
}

test('a source that asks for the next result while stop() closes it is closed once, and not opened again', async (t) => {
  const source = closable(() => ({done: true, value: undefined}))
  const close = source.return?.bind(source)
  source.return = () => {
    if (source.returns < 3) void runner.next()
    return close?.() ?? {done: true, value: undefined}
  }
  const runner = concurrent(source)
  await runner.stop()
  t.is(source.returns, 1)
})

test('a source whose result ends the run when its value is read is closed, and nothing starts', async (t) => {
  const source = closable(() => ({
    done: false,
    get value() {
      runner.abort(boom)
      return () => 1
    },
  }))
  const runner = concurrent(source)
  t.is(await t.throwsAsync(runner.next()), boom)
  const {started} = await runner.drained
  t.deepEqual([started, source.returns], [0, 1])
})

for (const [title, act] of [
  ['sets the limit', (runner: ConcurrentRunner<number>) => (runner.limit = 1)],
  ['resumes', (runner: ConcurrentRunner<number>) => runner.resume()],
  ['asks for the next result', (runner: ConcurrentRunner<number>) => void runner.next()],
] as const) {
  test(`nothing starts after a failure, also if a listener of the error ${title}`, async (t) => {
    const tasks = [() => Promise.reject<number>(boom), () => 2]
    const runner = concurrent(tasks, {limit: 1})
    runner.on('error', () => act(runner))
    await t.throwsAsync(runner.next())
    t.is((await runner.drained).started, 1)
  })
}

test('run() of an ordered run keeps nothing behind a slow task', async (t) => {
  let finish = (): void => {}
  const slow = new Promise<void>((resolve) => (finish = resolve))
  const runner = concurrent(
    function* () {
      yield () => slow
      for (let n = 0; n < 100; n++) yield () => {}
      finish()
    },
    {ordered: true, limit: 2},
  )
  const waiting = new Set<number>()
  runner.on('result', () => waiting.add(runner.stats.waiting))
  await runner.run()
  t.deepEqual([...waiting], [0])
})

test('an abort in the midst of the cleanup that a break began does not cut the cleanup short', async (t) => {
  const controller = new AbortController()
  const log: string[] = []
  async function* source(): AsyncGenerator<() => number> {
    try {
      for (;;) yield () => 1
    } finally {
      controller.abort()
      await turn()
      log.push('cleaned up')
    }
  }
  const runner = concurrent(source(), {limit: 1, highWaterMark: 1, signal: controller.signal})
  runner.on('drain', () => log.push('drain'))
  for await (const _ of runner) {
    await turn() // the source waits at its `yield` then
    break
  }
  log.push('left')
  await runner.drained
  t.deepEqual(log.toSorted(), ['cleaned up', 'drain', 'left'])
  t.is(log[0], 'cleaned up')
})

test('stop() with a timeout also ends a run whose source never finishes its cleanup', async (t) => {
  async function* source(): AsyncGenerator<() => number> {
    try {
      yield () => 1
      yield () => 2
    } finally {
      await new Promise(() => {})
    }
  }
  const runner = concurrent(source(), {limit: 1, highWaterMark: 1})
  await runner.next()
  await turn()
  void runner.stop({timeout: 1})
  t.is((await runner.next()).value, 2)
  const error = await t.throwsAsync(runner.next(), {any: true})
  t.is((error as DOMException).name, 'TimeoutError')
  await runner.drained
})

test('of several deadlines for stop() the earliest counts', async (t) => {
  const runner = concurrent([() => new Promise<void>(() => {})], {releaseOnTimeout: true})
  const pending = runner.next()
  void runner.stop({timeout: 1})
  void runner.stop({timeout: 2 ** 31 - 1})
  const error = await t.throwsAsync(pending, {any: true})
  t.is((error as DOMException).message, 'stop() took longer than 1 ms')
})

test('return() in a listener of the error does not keep the loop from getting it', async (t) => {
  const runner = concurrent([() => Promise.reject(boom)])
  runner.on('error', () => void runner.return())
  const error = await t.throwsAsync(async () => {
    for await (const _ of runner);
  })
  t.is(error?.cause, boom)
})

for (const event of ['start', 'result', 'error', 'drain'] as const) {
  test.serial(`an overridden emit that throws at ${event} is reported, and the run goes on`, async (t) => {
    class Throwing extends ConcurrentRunner<number, true> {
      override emit(name: string, ...args: never[]): boolean {
        if (name === event) throw boom
        return super.emit(name as 'start', ...(args as unknown as [never]))
      }
    }
    const tasks = [() => 1, () => Promise.reject(boom), () => 3]
    const reported = await reportedDuring(async () => {
      const stats = await new Throwing(tasks, {yieldExceptions: true}).run()
      t.deepEqual([stats.succeeded, stats.failed], [2, 1])
    })
    t.true(reported.length > 0 && reported.every((error) => error === boom))
  })
}

test('an item that is no task is disposed of after its error and before drain, and what the disposal throws is reported', async (t) => {
  const log: string[] = []
  const item = {
    async [Symbol.asyncDispose]() {
      await turn()
      log.push('disposed')
      throw boom
    },
  }
  const runner = concurrent([item as never], {yieldExceptions: true})
  runner.on('error', (error) => log.push(error.name)).on('drain', () => log.push('drain'))
  await runner.run()
  t.deepEqual(log, ['ConcurrentError', 'disposed', 'ConcurrentIteratorError', 'drain'])
})

for (const answer of [true, false]) {
  test(`a shouldRaise that aborts the run and says ${answer} has decided how it ends`, async (t) => {
    class Aborting extends ConcurrentRunner<number> {
      protected override shouldRaise(): boolean {
        this.abort(boom)
        return answer
      }
    }
    const runner = new Aborting([() => Promise.reject(new Error('of the task'))])
    t.is(await t.throwsAsync(runner.next()), boom)
    t.deepEqual(await runner.next(), {done: true, value: undefined})
    t.is(await t.throwsAsync(runner.run()), boom)
  })
}

test('many calls of next() settle in the order of the calls, the failure among them', async (t) => {
  const runner = concurrent([() => Promise.reject(boom)])
  const log: string[] = []
  const calls = [1, 2, 3].map((call) =>
    runner.next().then(
      () => log.push(`${call} done`),
      () => log.push(`${call} failed`),
    ),
  )
  await Promise.all(calls)
  t.deepEqual(log, ['1 failed', '2 done', '3 done'])
})

test('a rejection of the next() that was pending when the source was closed is silent', async (t) => {
  let fail = (_reason?: unknown): void => {}
  const errors: ConcurrentError[] = []
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>((_resolve, reject) => (fail = reject)),
      return: async () => {
        await turn()
        return {done: true as const, value: undefined}
      },
    }),
  }
  const runner = concurrent<number>(source)
  runner.on('error', (error) => errors.push(error))
  const running = runner.run()
  void runner.stop()
  fail()
  await running
  t.deepEqual(errors, [])
})

test('an abort in the drain listener changes nothing', async (t) => {
  const runner = concurrent([() => 1, () => 2], {limit: 3})
  runner.on('drain', () => runner.abort(boom))
  t.deepEqual(await runner.next(), {done: false, value: 1})
  await runner.drained
  t.deepEqual(await runner.next(), {done: false, value: 2})
  t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('a synchronous iterator that gives promises fails the source, and says what is wrong', async (t) => {
  const source = {[Symbol.iterator]: () => ({next: () => Promise.reject(boom) as never})}
  const error = await t.throwsAsync(concurrent(source).next())
  t.regex(error?.message ?? '', /gave a promise; an async iterator is found under Symbol\.asyncIterator/)
})

test('a shouldRaise that stops the run whose source failed, and says no, has the error delivered before the end', async (t) => {
  class Stopping extends ConcurrentRunner<number, true> {
    protected override shouldRaise(): boolean {
      void this.stop()
      return false
    }
  }
  const source = (): never => {
    throw boom
  }
  const runner = new Stopping(source, {yieldExceptions: true})
  const first = await runner.next()
  t.is((first.value as ConcurrentError | undefined)?.cause, boom)
  t.deepEqual(await runner.next(), {value: undefined, done: true})
})

test('a shouldRaise that stops the run still lets the error be told, before drain', async (t) => {
  const log: string[] = []
  class Stopping extends ConcurrentRunner<number> {
    protected override shouldRaise(): boolean {
      void this.stop()
      return false
    }
  }
  const runner = new Stopping([() => Promise.reject(boom)])
  runner.on('error', () => log.push('error')).on('drain', () => log.push('drain'))
  await runner.run()
  t.deepEqual(log, ['error', 'drain'])
})

test('the call of next() that begins the run comes before one that is made by a listener meanwhile', async (t) => {
  const runner = concurrent([() => 'a', () => 'b'])
  let inner: Promise<IteratorResult<string, undefined>> | undefined
  runner.on('start', () => {
    inner ??= runner.next()
  })
  t.is((await runner.next()).value, 'a')
  t.is((await inner)?.value, 'b')
})

test('the task of a source that lowers the limit during a pull waits while results fill the buffer', async (t) => {
  const runner = concurrent(
    function* () {
      yield () => 'a'
      yield () => 'b'
      runner.limit = 1
      yield () => 'c'
    },
    {limit: 3},
  )
  await runner.next()
  t.true(runner.stats.started - 1 <= 2)
  t.deepEqual(await runner.toArray(), ['b', 'c'])
})

test('an execute that throws before it has looked at a promise leaves no unhandled rejection', async (t) => {
  class Throwing extends ConcurrentRunner<number, true> {
    protected override execute(): never {
      throw boom
    }
  }
  const reasons = await unhandledDuring(async () => {
    const late = function* (): Generator<Promise<number>> {
      yield new Promise((_resolve, reject) => setImmediate(() => reject(new Error('late'))))
    }
    await new Throwing(late(), {yieldExceptions: true}).run()
  })
  t.deepEqual(reasons, [])
})

test.serial(
  'a promise that a synchronous source gives while it pauses the run may reject before its turn comes',
  async (t) => {
    const runner = concurrent<number, true>(
      function* () {
        runner.pause()
        yield Promise.reject(boom)
        yield () => 2
      },
      {yieldExceptions: true},
    )
    const reasons = await unhandledDuring(async () => {
      void runner.next().catch(() => {})
      await turn()
      t.is(runner.stats.started, 0)
    })
    t.deepEqual(reasons, [])
    runner.resume()
    t.deepEqual(await runner.toArray(), [2])
  },
)

test('when a source lowers the limit, and with it the mark, while it gives a task, the task waits', async (t) => {
  let isLowered = false
  const runner = concurrent(
    function* () {
      yield async () => 1
      isLowered = true
      yield async () => 2
      runner.limit = 1
      yield async () => 3
    },
    {limit: 2},
  )
  await runner.next()
  await turn()
  t.true(isLowered)
  t.true(runner.stats.started - 1 <= 1 + 1, 'what is on its way is within limit and mark')
  t.deepEqual(await runner.toArray(), [2, 3])
})

test('when a listener ends the run at an item that is no task, drain comes after that item was disposed of', async (t) => {
  const log: string[] = []
  const item = {[Symbol.dispose]: () => log.push('disposed')}
  const runner = concurrent([item as unknown as () => number], {yieldExceptions: true})
  runner.on('error', () => runner.abort('over'))
  runner.on('drain', () => log.push('drain'))
  await runner.run().catch(() => {})
  t.deepEqual(log, ['disposed', 'drain'])
})

test('a function that cannot be read, given by a source that pauses the run, is called like any other', async (t) => {
  const fails = (): never => {
    throw boom
  }
  const hostile = new Proxy(() => 1, {get: (_target, key) => (key === 'then' ? undefined : fails())})
  for (const isAsync of [false, true]) {
    const source = function* (): Generator<() => number> {
      runner.pause()
      yield hostile
      yield () => 2
    }
    const asyncSource = async function* (): AsyncGenerator<() => number> {
      yield* source()
    }
    const runner: ConcurrentRunner<number, true> = concurrent<number, true>(isAsync ? asyncSource : source, {
      yieldExceptions: true,
    })
    const results = runner.toArray()
    await turn()
    t.is(runner.stats.started, 0)
    runner.resume()
    t.is((await results).length, 2)
  }
})

test('when a second abort() gives tasks up, and an error listener aborts again, each task is reported once', async (t) => {
  const tasks = manuals(3)
  const runner = concurrent(thunks(tasks), {yieldExceptions: true})
  const told: number[] = []
  runner.on('error', ({index}) => {
    told.push(index)
    runner.abort(boom)
  })
  const ended = runner.run().catch(() => {})
  runner.abort(boom)
  runner.abort(boom)
  await ended
  for (const task of tasks) task.resolve('late')
  await runner.drained
  t.deepEqual(new Set(told), new Set([0, 1, 2]))
  t.is(told.length, 3)
})
