/** AsyncLocalStorage: everything of a run happens in the context in which the run was started, whoever drives it later. */
import {AsyncLocalStorage} from 'node:async_hooks'
import test from 'ava'
import {
  ConcurrentRunner,
  concurrent,
  type RunnerOptions,
  type Source,
  type Task,
  type TaskContext,
  type TaskFunction,
  TaskQueue,
} from '../src/index.js'
import {freezeClock, runScript, turn} from './helpers/index.js'

const als = new AsyncLocalStorage<string>()
/** From Node 24 on; Bun and Deno tell of such a version too. */
const isEnterWithContained = Number.parseInt(process.versions.node, 10) >= 24

class Noting extends ConcurrentRunner<number> {
  readonly #seen: Set<string | undefined>

  constructor(source: Source<number>, options: RunnerOptions<false>, seen: Set<string | undefined>) {
    super(source, options)
    this.#seen = seen
  }

  protected override async ready(): Promise<void> {
    this.#seen.add(als.getStore())
    await turn(1)
    this.#seen.add(als.getStore())
  }

  protected override execute(task: Task<number>, context: TaskContext): number | PromiseLike<number> {
    this.#seen.add(als.getStore())
    return super.execute(task, context)
  }
}

type Make = (source: (count: number) => Source<number>, seen: Set<string | undefined>) => ConcurrentRunner<number>

const count = 8
const kinds: Record<string, Make> = {
  'a plain source': (source) => concurrent<number>(source(count), {limit: 1, highWaterMark: 0}),
  'an ordered run': (source) => concurrent<number>(source(count), {limit: 1, highWaterMark: 1, ordered: true}),
  'tasks with a timeout': (source) => concurrent<number>(source(count), {limit: 1, highWaterMark: 1, timeout: 60_000}),
  'a subclass with hooks': (source, seen) => new Noting(source(count), {limit: 1, highWaterMark: 1}, seen),
}

for (const [kind, make] of Object.entries(kinds))
  for (const isAsync of [false, true])
    test(`tasks, hooks and the ${isAsync ? 'async ' : ''}source see the context of the start in ${kind}, whoever calls next(), resume() or sets the limit`, async (t) => {
      const seen = new Set<string | undefined>()
      const task: TaskFunction<number> = async () => {
        seen.add(als.getStore())
        await turn(1)
        seen.add(als.getStore())
        return 1
      }
      const source = (many: number): Source<number> =>
        isAsync
          ? (async function* () {
              for (let index = 0; index < many; index++) {
                seen.add(als.getStore())
                await turn(1)
                seen.add(als.getStore())
                yield task
              }
            })()
          : (function* () {
              for (let index = 0; index < many; index++) {
                seen.add(als.getStore())
                yield task
              }
            })()
      const runner = make(source, seen)
      await als.run('start', () => runner.next())
      als.run('pause', () => runner.pause())
      const paused = als.run('next while paused', () => runner.next())
      await turn()
      als.run('resume', () => runner.resume())
      await paused
      als.run('limit', () => {
        runner.limit = 2
      })
      await als.run('next', () => runner.next())
      const rest = await als.run('run', () => runner.run())
      t.is(rest.started, count)
      t.deepEqual([...seen], ['start'])
    })

test('tasks and mappers see the context of run() and of toArray()', async (t) => {
  const seen: unknown[] = []
  const note = (): void => void seen.push(als.getStore())
  await als.run('run', () => concurrent([note, async () => note()]).run())
  await als.run('toArray', () => ConcurrentRunner.map([1, 2], note).toArray())
  t.deepEqual(seen, ['run', 'run', 'toArray', 'toArray'])
})

test('in a run that starts outside of any context, tasks see none', async (t) => {
  const seen: unknown[] = []
  const note: TaskFunction<void> = async () => void seen.push(als.getStore())
  const runner = concurrent([note, note, note], {limit: 1, highWaterMark: 0})
  await runner.next()
  await als.run('request', () => runner.next())
  await als.run('request', () => runner.run())
  t.deepEqual(seen, [undefined, undefined, undefined])
})

test('what a task sets by run() no other task sees', async (t) => {
  const seen: unknown[] = []
  const task: TaskFunction<void> = ({index}) => {
    seen.push(als.getStore())
    return als.run(`task ${index}`, () => turn(1))
  }
  await als.run('start', () => concurrent([task, task, task], {limit: 1}).run())
  t.deepEqual(seen, ['start', 'start', 'start'])
})

const contained = isEnterWithContained ? test : test.skip
for (const isMapped of [false, true])
  contained(
    `what ${isMapped ? 'a mapper' : 'a task'} sets by enterWith() no other sees, from Node 24 on`,
    async (t) => {
      const seen: unknown[] = []
      const task = async (): Promise<void> => {
        seen.push(als.getStore())
        als.enterWith('leak')
        await turn(1)
      }
      await als.run('start', () =>
        isMapped
          ? ConcurrentRunner.map([1, 2, 3], task, {limit: 1}).run()
          : concurrent([task, task, task], {limit: 1}).run(),
      )
      t.deepEqual(seen, ['start', 'start', 'start'])
      t.is(als.getStore(), undefined)
    },
  )

const drivers: Record<string, string> = {
  'called resume()': 'runner.pause(); als.run(store, () => runner.resume())',
  'set the limit': 'als.run(store, () => { runner.limit = 3 })',
  'called next()': 'void als.run(store, () => runner.next())',
  'added a listener': `als.run(store, () => runner.on('result', () => {}))`,
}
for (const [what, drive] of Object.entries(drivers))
  test(`a run keeps nothing of the context of a request that ${what}`, async (t) => {
    const {lines, errors} = await runScript(
      (src) => `
      import {AsyncLocalStorage} from 'node:async_hooks'
      import {setFlagsFromString} from 'node:v8'
      import {runInNewContext} from 'node:vm'
      import {ConcurrentRunner, concurrent} from '${src}'
      setFlagsFromString('--expose-gc')
      const gc = runInNewContext('gc')
      const als = new AsyncLocalStorage()
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const finish = []
      const task = () => new Promise((resolve) => finish.push(resolve))
      const source = function* () { for (;;) yield task }
      const runner = concurrent(source, {limit: 2})
      const first = runner.next()
      await turn()
      const weak = (() => {
        const store = {big: new Array(1000).fill(0)}
        ${drive}
        return new WeakRef(store)
      })()
      for (const resolve of finish.splice(0)) resolve() // tasks go on, and others start
      for (let count = 0; count < 5; count++) {
        await turn()
        for (const resolve of finish.splice(0, 1)) resolve()
        gc()
      }
      console.log(weak.deref() === undefined, runner.state !== 'drained')
      process.exit()
    `,
    )
    t.deepEqual([lines, errors], [['true true'], ''])
  })

const lastDrivers: Record<string, string> = {
  'called stop()': 'void als.run(store, () => runner.stop())',
  'called stop() with a timeout': 'void als.run(store, () => runner.stop({timeout: 10_000}))',
  'waited for drained': 'void als.run(store, () => runner.drained)',
  'left the run': 'void als.run(store, () => runner.return())',
}
for (const [what, drive] of Object.entries(lastDrivers))
  test(`a run that is over keeps nothing of the context of a request that ${what}`, async (t) => {
    const {lines, errors} = await runScript(
      (src) => `
      import {AsyncLocalStorage} from 'node:async_hooks'
      import {setFlagsFromString} from 'node:v8'
      import {runInNewContext} from 'node:vm'
      import {concurrent} from '${src}'
      setFlagsFromString('--expose-gc')
      const gc = runInNewContext('gc')
      const als = new AsyncLocalStorage()
      als.run({}, () => {})
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const finish = []
      const source = function* () { for (;;) yield () => new Promise((resolve) => finish.push(resolve)) }
      const runner = concurrent(source, {limit: 2})
      void runner.next()
      await turn()
      const weak = (() => {
        const store = {big: new Array(1000).fill(0)}
        ${drive}
        return new WeakRef(store)
      })()
      void runner.stop()
      for (const resolve of finish) resolve()
      for (let count = 0; count < 5; count++) {
        await turn()
        gc()
      }
      console.log(weak.deref() === undefined, runner.state)
    `,
    )
    t.deepEqual([lines, errors], [['true drained'], ''])
  })

test('shouldRaise and cleanup see the context of the start, whoever ends the run', async (t) => {
  const seen = new Set<string | undefined>()
  class Seeing extends ConcurrentRunner<number, true> {
    protected override shouldRaise(): boolean {
      seen.add(`shouldRaise ${als.getStore()}`)
      return false
    }
    protected override cleanup(): void {
      seen.add(`cleanup ${als.getStore()}`)
    }
  }
  const fails = (): never => {
    throw new Error('again')
  }
  for (const end of ['stop', 'abort', 'return'] as const) {
    const runner = new Seeing([fails], {yieldExceptions: true, retry: {delay: 60_000}})
    void als.run('start', () => runner.next()).catch(() => {})
    await turn()
    als.run(end, () => void runner[end]())
    await runner.drained
  }
  t.deepEqual([...seen], ['shouldRaise start', 'cleanup start'])
})

test('hooks and governors see the context of the start after a push has been withdrawn that waited for its next attempt', async (t) => {
  const seen = new Set<string | undefined>()
  class Seeing extends ConcurrentRunner<unknown, true> {
    protected override ready(): void {
      seen.add(als.getStore())
    }
    protected override execute(task: Task<unknown>, context: TaskContext): unknown {
      seen.add(als.getStore())
      return super.execute(task, context)
    }
  }
  const governor = {
    acquire: () => {
      seen.add(als.getStore())
      return {release: () => void seen.add(als.getStore())}
    },
  }
  const queue = new TaskQueue()
  als.run('start', () => queue.run({retry: {delay: 60_000, waiting: 1}, governor}, Seeing))
  const controller = new AbortController()
  void queue.push(() => Promise.reject(new Error('again')), {signal: controller.signal})
  await turn()
  const push = queue.push(() => turn(1))
  await turn()
  als.run('withdrawal', () => controller.abort())
  await push
  t.deepEqual([...seen], ['start'])
  await queue.shutdown()
})

test.serial('the functions of retry see the context of the start, also after a rest of the run', async (t) => {
  const seen = new Set<string | undefined>()
  const when = (): boolean => {
    seen.add(als.getStore())
    return false
  }
  const items = Array.from({length: 200}, (_, index) => index)
  const runner = ConcurrentRunner.map(items, () => turn(1).then(() => Promise.reject(new Error('boom'))), {
    limit: 8,
    yieldExceptions: true,
    retry: {when},
  })
  let now = 0
  performance.now = () => (now += 5) // the run must rest at each look at the clock
  try {
    als.run('start', () => void runner.next())
    await als.run('loop', async () => {
      for await (const result of runner) void result
    })
  } finally {
    freezeClock()
  }
  t.deepEqual([...seen], ['start'])
})

const keptRuns: Record<string, string> = {
  tasks: 'concurrent([task, task])',
  'mapped items': 'ConcurrentRunner.map([1, 2], task)',
  'tasks that were tried again':
    'concurrent([({attempt}) => attempt === 1 ? Promise.reject(new Error()) : task()], {retry: {delay: 1}})',
  'tasks of a queue': 'new ConcurrentRunner(queue)',
}
for (const [what, make] of Object.entries(keptRuns))
  test(`a run of ${what} that is over keeps nothing of the context in which it was started`, async (t) => {
    const {lines, errors} = await runScript(
      (src) => `
      import {AsyncLocalStorage} from 'node:async_hooks'
      import {setFlagsFromString} from 'node:v8'
      import {runInNewContext} from 'node:vm'
      import {ConcurrentRunner, concurrent, TaskQueue} from '${src}'
      setFlagsFromString('--expose-gc')
      const gc = runInNewContext('gc')
      const als = new AsyncLocalStorage()
      als.run({}, () => {})
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const task = () => turn()
      const queue = new TaskQueue()
      void queue.push(task)
      queue.close()
      const runner = ${make}
      const weak = await (async () => {
        const store = {big: new Array(1000).fill(0)}
        await als.run(store, async () => {
          for await (const result of runner) void result
        })
        return new WeakRef(store)
      })()
      await runner.drained
      for (let count = 0; count < 5; count++) {
        await turn()
        gc()
      }
      console.log(weak.deref() === undefined, runner.state)
    `,
    )
    t.deepEqual([lines, errors], [['true drained'], ''])
  })
