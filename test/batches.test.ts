import test from 'ava'
import {ConcurrentExecutionError, ConcurrentRunner, concurrent, type Task} from '../src/index.js'
import {caught, consume, isSettled, manuals, thunks, tracked, turn} from './helpers/index.js'

const boom = new Error('boom')
const numbers = (count: number): Array<Task<number>> => Array.from({length: count}, (_, index) => async () => index)

test('batches() hands over every result once, in arrays of 1 to max', async (t) => {
  for (const max of [1, 3, 64]) {
    const {values} = await consume(concurrent(numbers(100), {ordered: true}).batches(max))
    t.deepEqual(values.flat(), [...numbers(100).keys()])
    t.true(values.every(({length}) => length >= 1 && length <= max))
  }
})

test('without maxWait a batch has what is ready, and waits for its first result alone', async (t) => {
  const [a, b, c] = manuals(3)
  const batches = concurrent(thunks([a, b, c])).batches(10)
  const first = batches.next()
  await turn()
  t.false(await isSettled(first))
  a.resolve('a')
  b.resolve('b')
  t.deepEqual(await first, {done: false, value: ['a', 'b']})
  const second = batches.next()
  c.resolve('c')
  t.deepEqual(await second, {done: false, value: ['c']})
  t.deepEqual(await batches.next(), {done: true, value: undefined})
})

test('without maxWait a batch does not wait for a turn of the event loop once a result is there', async (t) => {
  const [a, b] = manuals(2)
  const batches = concurrent(thunks([a, b])).batches(2)
  const first = batches.next()
  let hasTurned = false
  setImmediate(() => (hasTurned = true))
  a.resolve('a')
  t.deepEqual(await first, {done: false, value: ['a']})
  t.false(hasTurned)
  t.deepEqual(await batches.return?.(), {done: true, value: undefined})
})

test('with maxWait a batch waits for more also when there are results already', async (t) => {
  const [a, b, c] = manuals(3)
  const runner = concurrent(thunks([a, b, c]))
  const started = runner.next()
  a.resolve('a')
  await started
  b.resolve('b')
  await turn()
  const batches = runner.batches(2, {maxWait: 60_000})
  const first = batches.next()
  await turn()
  t.false(await isSettled(first))
  c.resolve('c')
  t.deepEqual(await first, {done: false, value: ['b', 'c']})
})

test.serial('a batch that is full leaves no timer behind', async (t) => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const [a, b] = manuals(2)
  const before = timers()
  const batches = concurrent(thunks([a, b])).batches(2, {maxWait: 60_000})
  const first = batches.next()
  a.resolve('a')
  await turn()
  t.is(timers(), before + 1)
  b.resolve('b')
  t.is((await first).value?.length, 2)
  t.is(timers(), before)
})

test('with maxWait a batch waits for more, and not longer than until it is full', async (t) => {
  const [a, b, c] = manuals(3)
  const batches = concurrent(thunks([a, b, c])).batches(2, {maxWait: 60_000})
  const first = batches.next()
  a.resolve('a')
  await turn()
  t.false(await isSettled(first))
  b.resolve('b')
  t.deepEqual(await first, {done: false, value: ['a', 'b']})
  const second = batches.next()
  c.resolve('c') // the last: the batch waits no longer when nothing more can come
  t.deepEqual(await second, {done: false, value: ['c']})
  t.true((await batches.next()).done)
})

test('when the time of a batch is over, what comes later is the first of the next batch', async (t) => {
  const [a, b, c] = manuals(3)
  const batches = concurrent(thunks([a, b, c])).batches(2, {maxWait: 1})
  a.resolve('a')
  t.deepEqual(await batches.next(), {done: false, value: ['a']})
  b.resolve('b')
  c.resolve('c')
  await turn()
  t.deepEqual(await batches.next(), {done: false, value: ['b', 'c']})
  t.true((await batches.next()).done)
})

test('an error comes after the batch of what was ready before it, and once', async (t) => {
  for (const maxWait of [0, 60_000]) {
    const [a, b] = manuals(2)
    const batches = concurrent(thunks([a, b])).batches(10, {maxWait})
    const first = batches.next()
    a.resolve('a')
    await turn()
    b.reject(boom)
    t.deepEqual(await first, {done: false, value: ['a']})
    const raised = await caught(batches.next())
    t.true(raised instanceof ConcurrentExecutionError && raised.cause === boom)
    t.true((await batches.next()).done)
  }
})

test('an error that comes after a batch whose time was over is raised once', async (t) => {
  const runner = concurrent([() => 'a', () => new Promise<string>(() => {})])
  const batches = runner.batches(2, {maxWait: 1})
  t.deepEqual(await batches.next(), {done: false, value: ['a']})
  runner.abort(boom)
  t.is(await caught(batches.next()), boom)
  t.deepEqual(await batches.next(), {done: true, value: undefined})
})

test('what a batch has gathered counts as consumed: the source is read on', async (t) => {
  const source = tracked(numbers(20))
  const batches = concurrent(source, {limit: 2, highWaterMark: 2}).batches(10, {maxWait: 60_000})
  t.is((await batches.next()).value?.length, 10)
  t.true(source.nexts >= 10)
  await batches.return?.()
})

test('leaving a loop over batches is leaving the run', async (t) => {
  const source = tracked(numbers(100))
  const runner = new ConcurrentRunner(source, {limit: 2})
  for await (const batch of runner.batches(4)) if (batch.length > 0) break
  t.is(source.returns, 1)
  await runner.drained
  t.is(runner.state, 'drained')
})

test('several calls of next() at once are answered in order', async (t) => {
  const batches = concurrent(numbers(10), {ordered: true}).batches(4)
  const results = await Promise.all([batches.next(), batches.next(), batches.next(), batches.next(), batches.next()])
  t.deepEqual(
    results.flatMap(({value}) => value ?? []),
    [...numbers(10).keys()],
  )
  t.true(results.at(-1)?.done ?? false)
})

test('a call of next() from a listener waits behind the calls before it', async (t) => {
  const [a, b, c] = manuals(3)
  const runner = concurrent(thunks([a, b, c]))
  const batches = runner.batches(4)
  const calls = [batches.next(), batches.next()]
  runner.on('result', (_, {index}) => index === 1 && calls.push(batches.next()))
  a.resolve('a')
  b.resolve('b')
  await turn()
  c.resolve('c')
  t.deepEqual(
    (await Promise.all(calls)).flatMap(({value}) => value ?? []),
    ['a', 'b', 'c'],
  )
})

test('a call of next() waits for the call before it, also when a still earlier call was answered', async (t) => {
  const [a, b, c, d, e] = manuals(5)
  const batches = concurrent(thunks([a, b, c, d, e])).batches(4)
  const [first, second] = [batches.next(), batches.next()]
  a.resolve('a')
  t.deepEqual((await first).value, ['a'])
  await turn()
  const third = batches.next()
  for (const task of [b, c, d]) task.resolve('more')
  t.is((await second).value?.length, 3)
  e.resolve('e')
  t.deepEqual((await third).value, ['e'])
})

test.serial('a batch that is full at once waits for nothing', async (t) => {
  const runner = concurrent(numbers(2))
  await runner.next()
  await turn()
  const {setTimeout} = globalThis
  globalThis.setTimeout = (() => t.fail('a timer')) as never
  try {
    t.deepEqual(await runner.batches(1, {maxWait: 60_000}).next(), {done: false, value: [1]})
  } finally {
    globalThis.setTimeout = setTimeout
  }
})

test('a bad argument is refused by its name', (t) => {
  const runner = concurrent(numbers(1))
  for (const max of [0, -1, 1.5, NaN, '2' as unknown as number])
    t.throws(() => runner.batches(max), {message: /^max must be an integer >= 1; got /})
  for (const maxWait of [-1, NaN, Infinity])
    t.throws(() => runner.batches(1, {maxWait}), {message: /^maxWait must be a number of milliseconds/})
  t.throws(() => runner.batches(1, {maxwait: 1} as object), {message: /did you mean maxWait\?/})
})
