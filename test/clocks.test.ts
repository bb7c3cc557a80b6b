/** Fake timers, zones and other realms: a run works, or says what is missing. */
import {runInNewContext} from 'node:vm'
import test from 'ava'
import {ConcurrentError, ConcurrentExecutionError, concurrent, type RunnerOptions, type Task} from '../src/index.js'
import {caught, instance, runScript} from './helpers/index.js'

const mocked: Record<string, string> = {
  'only setTimeout': `['setTimeout']`,
  'setImmediate too': `['setTimeout', 'setInterval', 'setImmediate', 'Date']`,
}
for (const [which, apis] of Object.entries(mocked)) {
  const mocking = (src: string): string => `
    import {mock} from 'node:test'
    import {concurrent, TaskQueue} from '${src}'
    mock.timers.enable({apis: ${apis}})
  `

  test(`runs of every kind end while node:test mocks ${which}, though the clock stands still`, async (t) => {
    const {code, lines} = await runScript(
      (src) => `${mocking(src)}
      const many = function* () { for (let index = 0; index < 20_000; index++) yield () => index }
      console.log((await concurrent(many).run()).succeeded)
      console.log((await concurrent(many, {limit: 2000, ordered: true}).toArray()).length)
      const stuck = concurrent(async function* () { yield () => 1; await new Promise(() => {}) })
      for await (const value of stuck) { console.log(value); break }
      await stuck.drained
      const queue = new TaskQueue()
      const runner = concurrent(queue, {timeout: 1000})
      const run = runner.run()
      console.log(await queue.push(async () => 'pushed'))
      queue.close()
      console.log((await run).succeeded)
    `,
    )
    t.deepEqual([code, lines], [0, ['20000', '20000', '1', 'pushed', '1']])
  })

  test(`timeouts and the deadline of stop() go by the clock that node:test mocks with ${which}`, async (t) => {
    const {code, lines} = await runScript(
      (src) => `${mocking(src)}
      const never = () => new Promise(() => {})
      const slow = concurrent([never], {timeout: 1000})
      const begun = new Promise((resolve) => slow.on('start', resolve))
      const run = slow.run().catch((error) => console.log(error.message))
      await begun
      mock.timers.tick(999)
      console.log(slow.stats.failed)
      mock.timers.tick(1)
      await run
      const stuck = concurrent([never])
      const started = new Promise((resolve) => stuck.on('start', resolve))
      const ended = stuck.run().catch((error) => console.log(error.message))
      await started
      const stopped = stuck.stop({timeout: 5000})
      mock.timers.tick(5000)
      await Promise.all([ended, stopped])
      console.log('over')
      process.exit()
    `,
    )
    t.deepEqual(
      [code, lines],
      [
        0,
        [
          '0',
          'Task 0 failed: TimeoutError: The task took longer than 1000 ms',
          'stop() took longer than 5000 ms',
          'over',
        ],
      ],
    )
  })
}

// Another realm, as Jest gives each file of tests: its own Object, Error, Promise and Array

const realm = (code: string): unknown => runInNewContext(code, {AbortController, setTimeout})

test('an error of another realm is named with its message, and is the cause itself', async (t) => {
  const failure = realm(`new TypeError('from elsewhere')`) as Error
  t.false(failure instanceof Error)
  const error = instance(await caught(concurrent([() => Promise.reject(failure)]).run()), ConcurrentExecutionError)
  t.is(error.message, 'Task 0 failed: TypeError: from elsewhere')
  t.is(error.cause, failure)
})

test('arrays, sets, generators and async generators of another realm are sources, and its promises are tasks', async (t) => {
  for (const code of [
    '[() => 1, Promise.resolve(2)]',
    'new Set([() => 1, Promise.resolve(2)])',
    'new Map([[0, () => 1], [1, Promise.resolve(2)]]).values()',
    '(function* () { yield () => 1; yield Promise.resolve(2) })()',
    '(async function* () { yield () => 1; yield async () => 2 })()',
    '(function* () { yield () => 1; yield async () => 2 })',
  ])
    t.deepEqual(await concurrent<number>(realm(code) as Array<Task<number>>, {ordered: true}).toArray(), [1, 2], code)
})

test('options of another realm are taken, and wrong ones refused', async (t) => {
  const options = realm('({limit: 1, ordered: true, signal: new AbortController().signal})') as RunnerOptions<false>
  t.deepEqual(await concurrent([() => 1], options).toArray(), [1])
  t.throws(() => concurrent([], realm('({concurrency: 1})') as RunnerOptions<false>), {message: /did you mean limit\?/})
})

test('a rejected promise of another realm in an array is no unhandled rejection', async (t) => {
  const {code, lines, errors} = await runScript(
    (src) => `
    import {runInNewContext} from 'node:vm'
    import {concurrent} from '${src}'
    const runner = concurrent(runInNewContext(\`[Promise.reject(new Error('no')), () => 1]\`), {yieldExceptions: true})
    await new Promise((resolve) => setImmediate(resolve))
    console.log((await runner.toArray()).length)
  `,
  )
  t.deepEqual([code, lines, errors], [0, ['2'], ''])
})

test('an AbortError of another realm is silent after the end', async (t) => {
  const abortError = realm(`Object.assign(new Error('stopped'), {name: 'AbortError'})`) as Error
  const errors: ConcurrentError[] = []
  const runner = concurrent<number>({
    [Symbol.asyncIterator]: () => ({
      next: async () => ({done: false, value: () => 1}),
      return: () => Promise.reject(abortError),
    }),
  })
  runner.on('error', (error) => errors.push(error))
  for await (const _ of runner) break
  await runner.drained
  t.deepEqual(errors, [])
})
