/** What the library says to its users: items, what runs, wrong options, promises that cannot be limited, errors. */
import test from 'ava'
import {
  ConcurrentError,
  ConcurrentExecutionError,
  ConcurrentRunner,
  concurrent,
  mapped,
  type RunnerOptions,
  type Task,
  TaskQueue,
} from '../src/index.js'
import {caught, instance, manual, manuals, runScript, thunks, turn} from './helpers/index.js'

const boom = new Error('boom')

// Items

test('context.item is the item of map(), in the mapper, in events and in running', async (t) => {
  const seen: unknown[] = []
  const [first] = manuals(1)
  const runner = ConcurrentRunner.map(['a', 'b'], (item, context) => {
    seen.push([item === context.item, context.item])
    return context.index === 0 ? first.thunk(context) : 'b'
  })
  runner.on('start', ({item}) => seen.push(['start', item]))
  const results = runner.toArray()
  t.deepEqual(
    [...runner.running].map(({item, index}) => [index, item]),
    [
      [0, 'a'],
      [1, 'b'],
    ],
  )
  first.resolve('a')
  await results
  t.deepEqual(seen, [
    ['start', 'a'],
    [true, 'a'],
    ['start', 'b'],
    [true, 'b'],
  ])
})

test('context.item is what was pushed with a task, and undefined for any other', async (t) => {
  const queue = new TaskQueue()
  void new ConcurrentRunner(queue, {yieldExceptions: true}).run()
  t.is(await queue.push(({item}) => item, {item: 'pushed'}), 'pushed')
  t.is(await queue.push(({item}) => item), undefined)
  queue.close()
  t.deepEqual(await concurrent([({item}) => item]).toArray(), [undefined])
})

test('error.item is the item of the task that failed, and is not enumerable', async (t) => {
  const secret = {token: 'secret'}
  const failed = ConcurrentRunner.map([secret], () => Promise.reject(boom))
  const error = instance(await caught(failed.run()), ConcurrentExecutionError)
  t.is(error.item, secret)
  t.false(Object.keys(error).includes('item'))
  t.false(JSON.stringify(error).includes('secret'))
})

test('a timeout’s error has the item too', async (t) => {
  const stuck = ConcurrentRunner.map(['a'], () => new Promise<never>(() => {}), {timeout: 1})
  const error = instance(await caught(stuck.run()), ConcurrentExecutionError)
  t.is(error.item, 'a')
})

test('the error of a task without an item has none', async (t) => {
  const error = instance(await caught(concurrent([() => Promise.reject(boom)]).run()), ConcurrentError)
  t.is(error.item, undefined)
})

// What runs

test('running is what runs now, in a list of its own that is read once and stays', async (t) => {
  const tasks = manuals(3)
  const runner = concurrent(thunks(tasks), {limit: 2, highWaterMark: 5})
  t.deepEqual([...runner.running], [])
  const results = runner.toArray()
  const before = [...runner.running]
  t.deepEqual(
    before.map(({index}) => index),
    [0, 1],
  )
  t.is(before[0], tasks[0].context)
  tasks[0].resolve('')
  await turn()
  t.deepEqual(
    [...runner.running].map(({index}) => index).toSorted((a, b) => a - b),
    [1, 2],
  )
  tasks[1].resolve('')
  tasks[2].resolve('')
  await results
  t.deepEqual([...runner.running], [])
})

test('a task that has timed out runs until it settles', async (t) => {
  const task = manual()
  const runner = concurrent([task.thunk], {timeout: 1, yieldExceptions: true})
  await runner.next()
  t.is([...runner.running].length, 1)
  task.resolve('')
  await turn()
  t.is([...runner.running].length, 0)
})

// Options

const unknown: ReadonlyArray<[options: object, message: RegExp]> = [
  [{concurrency: 3}, /no option concurrency: did you mean limit\?/],
  [{maxConcurrency: 3}, /did you mean limit\?/],
  [{limits: 3}, /did you mean limit\?/],
  [{Limit: 3}, /did you mean limit\?/],
  [{order: true}, /did you mean ordered\?/],
  [{timeOut: 3}, /did you mean timeout\?/],
  [{highWatermark: 3}, /did you mean highWaterMark\?/],
  [{abortSignal: new AbortController().signal}, /did you mean signal\?/],
  [{colour: 'red'}, /no option colour: there are limit, yieldExceptions/],
]
for (const [options, message] of unknown)
  test(`an option that does not exist is refused: ${Object.keys(options).join()}`, (t) => {
    t.throws(() => concurrent([], options as RunnerOptions<false>), {instanceOf: TypeError, message})
    t.throws(() => ConcurrentRunner.map([], String, options as RunnerOptions<false>), {instanceOf: TypeError, message})
  })

test('an option that belongs to another call is refused, and the call is named', (t) => {
  t.throws(() => new TaskQueue({concurrency: 2} as object), {
    message: 'There is no option concurrency: run() takes limit',
  })
  t.throws(() => new TaskQueue({limit: 2} as object), {message: 'There is no option limit: run() takes limit'})
  t.throws(() => mapped([], String, {limit: 2} as object), {
    message: 'There is no option limit: the runner takes limit',
  })
  t.throws(() => concurrent([], {group: String} as object), {message: 'There is no option group: map() takes group'})
})

test('an unknown option of a push, a queue, room() and stop() is refused too', async (t) => {
  const wrong = {priorty: 1, limt: 1, capcity: 1, sigal: 1, time: 1}
  const queue = new TaskQueue()
  t.throws(() => new TaskQueue({maxSize: 3} as object), {message: /did you mean capacity\?/})
  const push = await caught(Promise.resolve().then(() => queue.push(() => 1, {priorty: wrong.priorty} as object)))
  t.regex(String(push), /did you mean priority\?/)
  const room = await caught(Promise.resolve().then(() => queue.room({sigal: wrong.sigal} as object)))
  t.regex(String(room), /did you mean signal\?/)
  t.throws(() => void concurrent([]).stop({timeuot: 1} as object), {message: /did you mean timeout\?/})
})

test('an unknown option that is undefined, inherited or a symbol is no mistake', async (t) => {
  const options = Object.assign(Object.create({inherited: 1}), {concurrency: undefined, [Symbol('own')]: 1})
  t.deepEqual(await concurrent([() => 1], options as RunnerOptions<false>).toArray(), [1])
})

// Promises that run already

const warnings =
  (make: string): ((src: string) => string) =>
  (src) =>
    `
  import {concurrent, ConcurrentRunner, TaskQueue} from '${src}'
  process.on('warning', ({name, message}) => name === 'ConcurrentWarning' && console.log(message)) // Node has its own
  const promises = (count) => Array.from({length: count}, async () => 1)
  ${make}
  await new Promise((resolve) => setImmediate(resolve))
`
const warns = test.macro(async (t, make: string, count: number) => {
  const {code, lines} = await runScript(warnings(make))
  t.is(code, 0)
  t.is(lines.length, count)
  if (count > 0) t.regex(lines[0] ?? '', /3 promises.*limit of 2.*functions/)
})
test(
  'an array of more promises than its limit is warned about',
  warns,
  'await concurrent(promises(3), {limit: 2}).run()',
  1,
)
test(
  'there is one such warning a process',
  warns,
  'for (let count = 0; count < 3; count++) await concurrent(promises(3), {limit: 2}).run()',
  1,
)
test('what a function gives is warned about too', warns, 'await concurrent(() => promises(3), {limit: 2}).run()', 1)
test(
  'an array of no more promises than the limit is not warned about',
  warns,
  'await concurrent(promises(2), {limit: 2}).run()',
  0,
)
test('without the option limit there is no warning', warns, 'await concurrent(promises(100)).run()', 0)
test('without any limit there is no warning', warns, 'await concurrent(promises(100), {limit: Infinity}).run()', 0)
test('functions are not warned about', warns, 'await concurrent(Array(9).fill(() => 1), {limit: 2}).run()', 0)
test(
  'items that are promises are not warned about, since the mapper is what is limited',
  warns,
  'await ConcurrentRunner.map([1, 2, 3], async () => 1, {limit: 2}).run()',
  0,
)

// Errors

test('an uncaught failure prints its message and then the user’s own line', async (t) => {
  const {code, errors} = await runScript(
    (src) => `
    import {concurrent} from '${src}'
    async function readTheFile() {
      throw new Error('no such file')
    }
    await concurrent([() => readTheFile()]).run()
  `,
  )
  t.is(code, 1)
  const lines = errors.split('\n')
  const at = lines.findIndex((line) => line.includes('ConcurrentExecutionError: Task 0 failed: Error: no such file'))
  t.true(at >= 0)
  t.regex(lines[at + 1] ?? '', /^ +at readTheFile /)
})

test('a wrapper’s stack has its message, the cause’s frames and none of the library', async (t) => {
  const cause = new Error('no')
  const error = instance(await caught(concurrent([() => Promise.reject(cause)]).run()), ConcurrentError)
  const [message, ...frames] = (error.stack ?? '').split('\n')
  t.is(message, 'ConcurrentExecutionError: Task 0 failed: Error: no')
  t.deepEqual(frames, (cause.stack ?? '').split('\n').slice(1))
})

test('the stack of a wrapper around what is no error is its message', async (t) => {
  const tasks: Array<Task<never>> = [() => Promise.reject('text')]
  const error = instance(await caught(concurrent(tasks).run()), ConcurrentError)
  t.is(error.stack, 'ConcurrentExecutionError: Task 0 failed: "text"')
})

test('the frames of a cause whose message has lines of its own are found', async (t) => {
  const cause = new Error('first\n  second')
  const error = instance(await caught(concurrent([() => Promise.reject(cause)]).run()), ConcurrentError)
  t.regex(error.stack ?? '', /^ConcurrentExecutionError: Task 0 failed: Error: first\n {2}second\n {4}at /)
})
