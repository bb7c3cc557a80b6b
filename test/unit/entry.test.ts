import {AsyncLocalStorage} from 'node:async_hooks'
import {getEventListeners} from 'node:events'
import test from 'ava'
import {Context} from '../../src/context.js'
import {Entry, type EntryOwner} from '../../src/entry.js'
import {receiptOf} from '../../src/tasks.js'
import type {Task, TaskContext} from '../../src/types.js'
import {caught, isSettled, reportedDuring, turn, unhandledDuring} from '../helpers/index.js'

const noOwner: EntryOwner = {withdrawn: () => {}, returned: () => {}, released: () => {}}

interface Made {
  readonly entry: Entry
  /** What its owner was told. */
  readonly told: string[]
  readonly abort: (reason?: unknown) => void
  readonly signal: AbortSignal
}

function made(task: Task<unknown>): Made {
  const told: string[] = []
  const controller = new AbortController()
  const {signal} = controller
  const entry = new Entry(task, 0, signal, {
    withdrawn: () => told.push('withdrawn'),
    returned: () => told.push('returned'),
    released: () => told.push('released'),
  })
  return {entry, told, signal, abort: (reason) => controller.abort(reason)}
}

/** What a runner would get, to be called with a context or as it is. */
function taken(entry: Entry): (context?: TaskContext) => Promise<unknown> {
  const task = entry.take()
  entry.claim()
  return async (context = new Context(0)) => (typeof task === 'function' ? task(context) : task)
}

const call = (entry: Entry, context?: TaskContext): Promise<unknown> => taken(entry)(context)

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

// Its outcome

test('the outcome is what the runner tells, and not what the call gave', async (t) => {
  const {entry, told} = made(() => 'first')
  t.is(await call(entry), 'first')
  t.false(await isSettled(entry.outcome))
  entry.fulfilled('final')
  entry.released()
  t.is(await entry.outcome, 'final')
  t.deepEqual(told, ['released'])
})

for (const reason of [new Error('boom'), undefined, null, 0]) {
  test(`it rejects with the very reason: ${String(reason)}`, async (t) => {
    const {entry, told} = made(() => {})
    entry.take()
    entry.rejected(reason)
    entry.released()
    t.is(await caught(entry.outcome), reason)
    t.deepEqual(told, ['released'])
  })
}

test('a rejection that nobody hears is not an unhandled one', async (t) => {
  const reasons = await unhandledDuring(() => {
    made(() => {}).entry.cancel(new Error('gone'))
    made(() => {}).entry.rejected(new Error('failed'))
    made(Promise.reject(new Error('its own'))).entry.cancel(new Error('gone'))
  })
  t.deepEqual(reasons, [])
})

test('the function that is handed out carries the entry as its receipt', (t) => {
  const {entry} = made(() => {})
  t.is(receiptOf(entry.take()), entry)
})

// Its calls

test('a function is called with the runner’s own context where the push has no signal', async (t) => {
  const context = new Context(3)
  const entry = new Entry((given) => given, 0, undefined, noOwner)
  t.is(await call(entry, context), context)
})

test('the function is not called before the runner calls it', async (t) => {
  const {entry} = made(() => t.fail())
  entry.take()
  await turn()
  t.pass()
})

test('a promise gives what it gives', async (t) => {
  t.is(await call(made(Promise.resolve('done')).entry), 'done')
  const error = new Error('no')
  t.is(await caught(call(made(Promise.reject(error)).entry)), error)
})

test('a synchronous throw becomes a rejection', async (t) => {
  const error = new Error('at once')
  const {entry} = made(() => {
    throw error
  })
  t.is(await caught(call(entry)), error)
})

test('it may be called again, one after the other or at once, and each call is one of the task', async (t) => {
  let calls = 0
  const {entry} = made(() => ++calls)
  const task = taken(entry)
  t.is(await task(), 1)
  t.is(await task(), 2)
  t.deepEqual(await Promise.all([task(), task(), task()]), [3, 4, 5])
})

test('once its outcome is told, another call makes none of the task', async (t) => {
  const {entry} = made(() => t.fail())
  const task = taken(entry)
  entry.rejected('too late')
  t.is(await caught(task()), 'too late')
})

test('each call sees the async context of the push, and not that of the caller', async (t) => {
  const als = new AsyncLocalStorage<string>()
  const {entry} = als.run('push', () => made(() => als.getStore()))
  const task = taken(entry)
  t.is(await als.run('runner', () => task()), 'push')
  t.is(await als.run('retry', () => task()), 'push')
  t.deepEqual(await als.run('race', () => Promise.all([task(), task()])), ['push', 'push'])
})

// Its signal

test('with a signal, the context has the same index, and a signal of its own that is always the same', async (t) => {
  const {entry} = made((context) => context)
  const context = new Context(7)
  const task = taken(entry)
  const first = (await task(context)) as TaskContext
  const second = (await task(context)) as TaskContext
  t.is(first.index, 7)
  t.is(first.signal, second.signal)
})

for (const read of ['before', 'after']) {
  for (const who of ['runner', 'push']) {
    test(`the signal, read ${read}, aborts with the ${who}’s reason, and keeps the first`, async (t) => {
      const {entry, abort} = made((context) => context)
      const context = new Context(0)
      const given = (await call(entry, context)) as TaskContext
      if (read === 'before') t.false(given.signal.aborted)
      if (who === 'runner') context.abort('runner')
      abort('push')
      t.true(given.signal.aborted)
      t.is(given.signal.reason, read === 'after' || who === 'push' ? 'push' : 'runner')
    })
  }
}

test('a signal known only by its shape aborts the task’s too', async (t) => {
  const target = new EventTarget()
  const signal = Object.assign(target, {aborted: false, reason: 'shaped'}) as unknown as AbortSignal
  const entry = new Entry((context) => context, 0, signal, noOwner)
  const context = (await call(entry)) as TaskContext
  t.false(context.signal.aborted)
  target.dispatchEvent(new Event('abort'))
  t.is(context.signal.reason, 'shaped')
})

test('the runner’s signal is asked for when the task first reads its own, and never again', async (t) => {
  const {signal} = new AbortController()
  let reads = 0
  const context = {
    index: 0,
    item: undefined,
    get signal() {
      reads++
      return signal
    },
  }
  const counts = await call(
    made((given) => [reads, given.signal && reads, given.signal && reads, given.signal.aborted, reads]).entry,
    context,
  )
  t.deepEqual(counts, [0, 1, 1, false, 1])
})

test('contexts of two calls both hear of an abort', async (t) => {
  const {entry, abort} = made((context) => context.signal)
  const task = taken(entry)
  const signals = (await Promise.all([task(), task()])) as AbortSignal[]
  abort('stop')
  t.deepEqual(
    signals.map(({reason}): unknown => reason),
    ['stop', 'stop'],
  )
})

test('an abort while it waits withdraws and rejects it', async (t) => {
  const {entry, told, abort} = made(() => t.fail())
  abort('changed my mind')
  t.is(await caught(entry.outcome), 'changed my mind')
  t.deepEqual(told, ['withdrawn'])
})

test('an abort when a runner has it but has not called it rejects it at once, and it is never called', async (t) => {
  const {entry, told, abort} = made(() => t.fail())
  const task = taken(entry)
  abort('changed my mind')
  t.is(await caught(entry.outcome), 'changed my mind')
  t.deepEqual(told, [])
  t.is(await caught(task()), 'changed my mind')
  entry.rejected('whatever')
  entry.released()
  t.deepEqual(told, ['released'])
})

test('one that was aborted in a runner’s hands does not go back to the queue', (t) => {
  const {entry, told, abort} = made(() => t.fail())
  entry.take()
  abort()
  entry.returned()
  t.deepEqual(told, ['released'])
})

test('one that came back hears its signal still', async (t) => {
  const {entry, told, abort} = made(() => t.fail())
  entry.take()
  entry.returned()
  abort('late')
  t.is(await caught(entry.outcome), 'late')
  t.deepEqual(told, ['returned', 'withdrawn'])
})

test('an abort while it runs leaves the outcome to the task', async (t) => {
  const {entry, told, abort} = made(() => {})
  await call(entry)
  abort('stop')
  t.deepEqual(told, [])
  entry.fulfilled('done all the same')
  t.is(await entry.outcome, 'done all the same')
})

for (const [how, end] of [
  ['has succeeded', (entry) => entry.fulfilled(1)],
  ['has failed', (entry) => entry.rejected(1)],
  ['was cancelled', (entry) => entry.cancel(1)],
] as ReadonlyArray<[string, (entry: Entry) => void]>) {
  test(`no listener is left on the signal of one that ${how}`, async (t) => {
    const {entry, signal} = made((context) => context.signal)
    t.is(listeners(signal), 1)
    await call(entry)
    t.is(listeners(signal), 1)
    end(entry)
    t.is(listeners(signal), 0)
  })
}

// Its disposal

test('cancelling disposes of the task', async (t) => {
  let disposals = 0
  const {entry} = made(Object.assign(() => {}, {[Symbol.dispose]: () => void disposals++}))
  entry.cancel('gone')
  t.is(await caught(entry.outcome), 'gone')
  t.is(disposals, 1)
})

test('one that was aborted in a runner’s hands is disposed of once', (t) => {
  let disposals = 0
  const {entry, abort} = made(Object.assign(() => {}, {[Symbol.dispose]: () => void disposals++}))
  entry.take()
  abort()
  entry.returned()
  t.is(disposals, 1)
})

test('going back to the queue disposes of nothing', (t) => {
  const {entry, told} = made(Object.assign(() => {}, {[Symbol.dispose]: () => t.fail()}))
  entry.take()
  entry.returned()
  t.deepEqual(told, ['returned'])
})

test.serial(
  'what a disposal throws or rejects with is reported, and the task’s push rejects as it should',
  async (t) => {
    const thrown = new Error('thrown')
    const rejected = new Error('rejected')
    const sync = made(
      Object.assign(() => {}, {
        [Symbol.dispose]: () => {
          throw thrown
        },
      }),
    )
    const async = made(Object.assign(() => {}, {[Symbol.asyncDispose]: () => Promise.reject(rejected)}))
    const reported = await reportedDuring(async () => {
      sync.entry.cancel('gone')
      async.entry.cancel('gone')
      await turn()
    })
    t.deepEqual(reported, [thrown, rejected])
    t.is(await caught(sync.entry.outcome), 'gone')
    t.is(await caught(async.entry.outcome), 'gone')
  },
)
