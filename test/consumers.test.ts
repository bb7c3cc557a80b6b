/** Consumers of one run together: nothing is lost or out of order, and a consumer that comes too late gets an error. */
import test from 'ava'
import {ConcurrentRunner, concurrent, type Task} from '../src/index.js'
import {caught, consume, manual, manuals, thunks, turn} from './helpers/index.js'

const numbers = (count: number): Array<Task<number>> => Array.from({length: count}, (_, index) => () => index)

for (const ordered of [false, true]) {
  const how = ordered ? 'with ordered' : 'without ordered'

  test(`a next() that waits when run() is called gets its results, in order, ${how}`, async (t) => {
    const tasks = manuals(5)
    const runner = concurrent(thunks(tasks), {ordered})
    const waiting = [runner.next(), runner.next(), runner.next()]
    const run = runner.run()
    for (const [index, task] of tasks.entries()) {
      task.resolve(String(index))
      await turn(1)
    }
    t.deepEqual(
      (await Promise.all(waiting)).map(({value}) => value),
      ['0', '1', '2'],
    )
    t.is((await run).succeeded, 5)
  })

  test(`a next() after run() gets the results that come from then on, each once and in order, ${how}`, async (t) => {
    const tasks = manuals(4)
    const runner = concurrent(thunks(tasks), {ordered})
    const run = runner.run()
    tasks[0].resolve('0')
    await turn(1)
    const waiting = [runner.next(), runner.next()]
    for (const [index, task] of tasks.entries()) task.resolve(String(index))
    t.deepEqual(
      (await Promise.all(waiting)).map(({value}) => value),
      ['1', '2'],
    )
    await run
    t.deepEqual(await runner.next(), {done: true, value: undefined})
  })

  test(`next() and toArray() share the results, none twice and none lost, ${how}`, async (t) => {
    const runner = concurrent(numbers(20), {ordered, limit: 3})
    const first = runner.next()
    const rest = runner.toArray()
    const all = [(await first).value, ...(await rest)]
    t.deepEqual(all, [...numbers(20).keys()])
  })
}

test('run() again gives the same promise', async (t) => {
  const runner = concurrent(numbers(3))
  const run = runner.run()
  t.is(runner.run(), run)
  await run
  t.is(runner.run(), run)
})

const tooLate = {name: 'InvalidStateError'}
type Runner = ConcurrentRunner<number>
const consumers: Record<string, (runner: Runner) => Promise<unknown>> = {
  'run()': (runner) => runner.run(),
  'toArray()': (runner) => runner.toArray(),
  'a loop': async (runner) => {
    const {values, raised} = await consume(runner)
    if (raised !== undefined) throw raised
    return values
  },
}
for (const [first, consumeFirst] of Object.entries(consumers))
  for (const [second, consumeSecond] of Object.entries(consumers)) {
    if (first === second && first !== 'toArray()') continue
    test(`${second} over a run that ${first} has consumed rejects, since it comes too late`, async (t) => {
      const runner = concurrent(numbers(3))
      await consumeFirst(runner)
      const error = await caught(consumeSecond(runner))
      t.like(error, tooLate)
      const late = second === 'a loop' ? 'A loop' : second
      const gone = first === 'a loop' ? 'a loop, or next()' : first
      t.is((error as Error).message, `${late} comes too late: the results of this run have gone to ${gone}`)
    })
  }

test('a loop over a run that a loop has consumed is empty', async (t) => {
  const runner = concurrent(numbers(3))
  t.deepEqual((await consume(runner)).values, [0, 1, 2])
  t.deepEqual(await consume(runner), {values: []})
})

test('a second toArray() during the first one rejects in the same way', async (t) => {
  const runner = concurrent(numbers(3))
  const first = runner.toArray()
  t.like(await caught(runner.toArray()), {
    ...tooLate,
    message: 'toArray() comes too late: the results of this run have gone to toArray()',
  })
  t.deepEqual(await first, [0, 1, 2])
})

test('run() during toArray() takes nothing from it, and resolves with it', async (t) => {
  const runner = concurrent(numbers(3))
  const [values, stats] = await Promise.all([runner.toArray(), runner.run()])
  t.deepEqual(values, [0, 1, 2])
  t.is(stats.succeeded, 3)
})

test('a loop that begins while run() goes on gets the results that come from then on', async (t) => {
  const [a, b] = manuals(2)
  const runner = concurrent(thunks([a, b]))
  const run = runner.run()
  a.resolve('a')
  await turn()
  const loop = consume(runner)
  b.resolve('b')
  t.deepEqual(await loop, {values: ['b']})
  await run
})

for (const [name, consumeNow] of Object.entries(consumers))
  test(`${name} over a run that was stopped before it began comes not too late: it is empty`, async (t) => {
    const runner = concurrent(numbers(3))
    await runner.stop()
    await t.notThrowsAsync(consumeNow(runner))
  })

test('after a loop that comes too late, next() says that it is over', async (t) => {
  const runner = concurrent(numbers(3))
  await runner.run()
  t.like((await consume(runner)).raised, tooLate)
  t.deepEqual(await runner.next(), {done: true, value: undefined})
})

test('results that wait when a run has drained go to the first consumer that comes', async (t) => {
  const runner = concurrent(numbers(3), {limit: 3})
  await runner.next()
  await runner.drained
  t.deepEqual(await runner.toArray(), [1, 2])
})

test('run() goes on past results that are kept for a next() which waits for an earlier one, whatever the mark', async (t) => {
  const first = manual()
  const others = manuals(3)
  const runner = concurrent([first.thunk, ...thunks(others)], {limit: 2, ordered: true, highWaterMark: 0})
  const next = runner.next()
  const over = runner.run()
  for (const task of others) {
    t.true(task.isStarted)
    task.resolve('other')
    await turn()
  }
  first.resolve('first')
  t.is((await next).value, 'first')
  t.is((await over).succeeded, 4)
})

test('run() and toArray() over a run that a loop has left come too late', async (t) => {
  const runner = concurrent(numbers(5), {limit: 1})
  for await (const _ of runner) break
  await runner.drained
  t.like(await caught(runner.run()), tooLate)
  t.like(await caught(runner.toArray()), tooLate)
})
