import test from 'ava'
import * as fc from 'fast-check'
import {Results} from '../../src/results.js'

const turn = (): Promise<void> => new Promise(setImmediate)
const asCompleted = (highWaterMark = Infinity): Results<string> => new Results<string>(false, highWaterMark)
const inOrder = (highWaterMark = Infinity): Results<string> => new Results<string>(true, highWaterMark)

/** Calls next() as often as given, and writes down how each call settles, in the order in which they do. */
function take(results: Results<string>, times = 1): string[] {
  const log: string[] = []
  for (let call = 1; call <= times; call++)
    results.next().then(
      ({value, done}) => log.push(done ? `${call}: done` : `${call}: ${value}`),
      (error: unknown) => log.push(`${call}: failed with ${String(error)}`),
    )
  return log
}

/** What has been written down once everything has had its turn. */
async function settled(log: string[]): Promise<string[]> {
  await turn()
  return log
}

for (const [order, make] of [
  ['as they complete', asCompleted],
  ['in order', inOrder],
] as const) {
  test(`${order}: a result that waits is taken at once`, async (t) => {
    const results = make()
    results.put('a', 0)
    t.is(results.size, 1)
    t.deepEqual(await settled(take(results)), ['1: a'])
    t.is(results.size, 0)
  })

  test(`${order}: a consumer that waits is served at once`, async (t) => {
    const results = make()
    const log = take(results)
    t.deepEqual(await settled(log), [])
    results.put('a', 0)
    t.is(results.size, 0)
    t.deepEqual(await settled(log), ['1: a'])
  })

  test(`${order}: consumers are served in the order in which they came`, async (t) => {
    const results = make()
    const log = take(results, 3)
    for (const [index, result] of ['a', 'b', 'c'].entries()) results.put(result, index)
    t.deepEqual(await settled(log), ['1: a', '2: b', '3: c'])
  })

  test(`${order}: undefined is a result like any other`, async (t) => {
    const results = new Results<undefined>(order === 'in order', 1)
    results.put(undefined, 0)
    t.is(results.size, 1)
    t.deepEqual(await results.next(), {value: undefined, done: false})
  })

  test(`${order}: the end settles every consumer that waits`, async (t) => {
    const results = make()
    const log = take(results, 2)
    results.end()
    t.deepEqual(await settled(log), ['1: done', '2: done'])
  })

  test(`${order}: what is ready is handed over before the end`, async (t) => {
    const results = make()
    results.put('a', 0)
    results.end()
    t.deepEqual(await settled(take(results, 3)), ['1: a', '2: done', '3: done'])
  })

  test(`${order}: a failure comes once, behind what is ready, and then the end`, async (t) => {
    const results = make()
    results.put('a', 0)
    results.end({error: 'failure'})
    const expected = ['1: a', '2: failed with failure', '3: done', '4: done']
    t.deepEqual((await settled(take(results, 4))).toSorted(byCall), expected)
  })

  test(`${order}: of many consumers that wait one gets the failure, the first`, async (t) => {
    const results = make()
    const log = take(results, 3)
    results.end({error: 'failure'})
    t.deepEqual((await settled(log)).toSorted(byCall), ['1: failed with failure', '2: done', '3: done'])
  })

  test(`${order}: a failure may be undefined`, async (t) => {
    const results = make()
    results.end({error: undefined})
    t.deepEqual(await settled(take(results)), ['1: failed with undefined'])
  })

  test(`${order}: results that are cleared are gone`, async (t) => {
    const results = make()
    results.put('a', 0)
    results.clear()
    t.is(results.size, 0)
    results.end()
    t.deepEqual(await settled(take(results)), ['1: done'])
  })

  test(`${order}: thousands of results keep their order, taken late or one by one`, async (t) => {
    const count = 5000
    const results = new Results<number>(order === 'in order', Infinity)
    for (let index = 0; index < count; index++) results.put(index, index)
    t.is(results.size, count)
    const taken: Array<number | undefined> = []
    for (let index = 0; index < count; index++) taken.push((await results.next()).value)
    for (let index = count; index < count + 100; index++) {
      results.put(index, index)
      taken.push((await results.next()).value)
    }
    t.deepEqual(
      taken,
      Array.from({length: count + 100}, (_, index) => index),
    )
    t.is(results.size, 0)
  })

  test(`${order}: while held, results wait even for a consumer that wants them`, async (t) => {
    const results = make()
    const log = take(results, 2)
    results.hold(true)
    results.put('a', 0)
    t.deepEqual(await settled(log), [])
    t.is(results.size, 1)
    results.hold(false)
    results.put('b', 1)
    t.deepEqual(await settled(log), ['1: a', '2: b'])
  })

  test(`${order}: while held, a consumer that comes waits too, for a result and for the end`, async (t) => {
    const results = make()
    results.put('a', 0)
    results.hold(true)
    const log = take(results, 2)
    results.end()
    t.deepEqual(await settled(log), [])
    results.hold(false)
    t.deepEqual(await settled(log), ['1: a', '2: done'])
  })

  test(`${order}: what nobody needs is not kept`, async (t) => {
    const results = make()
    results.put('a', 0)
    results.discard()
    t.is(results.size, 0)
    results.put('b', 1)
    t.is(results.size, 0)
    results.end()
    t.deepEqual(await settled(take(results)), ['1: done'])
  })

  test(`${order}: a consumer is served even where nobody else needs results`, async (t) => {
    const results = make()
    results.discard()
    const log = take(results)
    results.put('a', 0)
    t.deepEqual(await settled(log), ['1: a'])
  })

  test(`${order}: what nobody needs and is held is not kept when that is over`, (t) => {
    const results = make()
    results.discard()
    results.hold(true)
    results.put('a', 0)
    results.hold(false)
    t.is(results.size, 0)
  })
}

function byCall(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10)
}

test('as they complete: the index plays no part', async (t) => {
  const results = asCompleted()
  results.put('third', 2)
  results.put('first', 0)
  t.deepEqual(await settled(take(results, 2)), ['1: third', '2: first'])
})

test('in order: a result waits for those before it', async (t) => {
  const results = inOrder()
  const log = take(results, 3)
  results.put('third', 2)
  results.put('second', 1)
  t.is(results.size, 2)
  t.deepEqual(await settled(log), [])
  results.put('first', 0)
  t.is(results.size, 0)
  t.deepEqual(await settled(log), ['1: first', '2: second', '3: third'])
})

test('in order: one slow first result holds back hundreds, and loses none', async (t) => {
  const results = inOrder()
  const log = take(results, 300)
  for (let index = 299; index > 0; index--) results.put(String(index), index)
  t.is(results.size, 299)
  results.put('0', 0)
  t.deepEqual(
    await settled(log),
    Array.from({length: 300}, (_, index) => `${index + 1}: ${index}`),
  )
})

test('in order: a consumer that comes while the first result is missing waits', async (t) => {
  const results = inOrder()
  results.put('second', 1)
  const log = take(results)
  t.deepEqual(await settled(log), [])
  results.put('first', 0)
  t.deepEqual(await settled(log), ['1: first'])
})

test('in order: what waits behind a place that is never filled is dropped at the end', async (t) => {
  const results = inOrder()
  results.put('second', 1)
  results.end({error: 'failure'})
  t.deepEqual((await settled(take(results, 2))).toSorted(byCall), ['1: failed with failure', '2: done'])
  t.is(results.size, 0)
})

test('in order: what waits for its turn when nobody needs results any more is dropped at its turn', async (t) => {
  const results = inOrder()
  results.put('third', 2)
  results.discard()
  results.put('second', 1)
  results.put('first', 0)
  t.is(results.size, 0)
  results.end()
  t.deepEqual(await settled(take(results)), ['1: done'])
})

test('in order: a place whose result nobody needed holds up nobody who comes later', async (t) => {
  const results = inOrder()
  results.discard()
  results.put('second', 1)
  t.is(results.size, 0)
  const log = take(results, 2)
  results.put('first', 0)
  results.put('third', 2)
  t.deepEqual(await settled(log), ['1: first', '2: third'])
})

test('in order: thousands of places that nobody needs are passed over', async (t) => {
  const results = inOrder()
  results.discard()
  for (let index = 3000; index > 0; index--) results.put('dropped', index)
  const log = take(results, 2)
  results.put('first', 0)
  results.put('last', 3001)
  t.deepEqual(await settled(log), ['1: first', '2: last'])
})

// Collecting

for (const [order, make] of [
  ['as they complete', asCompleted],
  ['in order', inOrder],
] as const) {
  test(`${order}: what is ready when collecting begins, and all that comes later, is collected`, (t) => {
    const results = make()
    results.put('a', 0)
    const collected = results.collect()
    t.deepEqual(collected, ['a'])
    results.put('b', 1)
    results.put('c', 2)
    t.deepEqual(collected, ['a', 'b', 'c'])
    t.is(results.size, 0)
  })

  test(`${order}: a consumer that waited before is served before anything is collected`, async (t) => {
    const results = make()
    const log = take(results)
    const collected = results.collect()
    results.put('a', 0)
    results.put('b', 1)
    t.deepEqual(await settled(log), ['1: a'])
    t.deepEqual(collected, ['b'])
  })

  test(`${order}: what is held is collected when that is over`, (t) => {
    const results = make()
    const collected = results.collect()
    results.hold(true)
    results.put('a', 0)
    t.deepEqual(collected, [])
    results.hold(false)
    t.deepEqual(collected, ['a'])
  })

  test(`${order}: while results are collected or dropped, a consumer counts as awaiting only if it called next()`, (t) => {
    const results = make()
    t.false(results.isAwaited)
    results.collect()
    t.false(results.isAwaited)
    void results.next()
    t.true(results.isAwaited)
    results.put('a', 0)
    t.false(results.isAwaited)
  })
}

test('as they complete: results are collected as they come', (t) => {
  const results = asCompleted()
  const collected = results.collect()
  for (const [result, index] of [
    ['b', 1],
    ['a', 0],
  ] as const)
    results.put(result, index)
  t.deepEqual(collected, ['b', 'a'])
})

test('in order: results are collected in the order of their places', (t) => {
  const results = inOrder()
  const collected = results.collect()
  for (const [result, index] of [
    ['b', 1],
    ['c', 2],
    ['a', 0],
  ] as const)
    results.put(result, index)
  t.deepEqual(collected, ['a', 'b', 'c'])
})

// A failure in its place

test('in order: what waits behind a failed place is dropped, what comes before it is still handed over', async (t) => {
  const results = inOrder()
  for (const [result, index] of [
    ['a', 0],
    ['c', 2],
    ['d', 3],
    ['e', 4],
  ] as const)
    results.put(result, index)
  results.clearFrom(3)
  t.is(results.size, 2)
  const log = take(results, 4)
  results.put('b', 1)
  results.end({error: 'failure'})
  t.deepEqual((await settled(log)).toSorted(byCall), ['1: a', '2: b', '3: c', '4: failed with failure'])
})

test('in order: clearing from a place that has passed, or behind all that wait, is fine', async (t) => {
  const results = inOrder()
  for (const [result, index] of [
    ['a', 0],
    ['b', 1],
    ['c', 2],
  ] as const)
    results.put(result, index)
  t.deepEqual(await settled(take(results)), ['1: a'])
  results.clearFrom(3)
  t.is(results.size, 2)
  results.clearFrom(0)
  t.is(results.size, 0)
})

test('in order: places that were dropped are not counted when those behind a failure go', async (t) => {
  const results = inOrder()
  results.discard()
  results.put('dropped', 1)
  void results.next()
  results.put('kept', 2)
  t.is(results.size, 1)
  results.clearFrom(1)
  t.is(results.size, 0)
})

test('in order: with thousands of places dropped behind a failed one, those before it are still filled', async (t) => {
  const results = inOrder()
  results.put('0', 0)
  for (let index = 6; index < 3000; index++) results.put(String(index), index)
  results.clearFrom(5)
  const log = take(results, 6)
  for (const index of [1, 2, 3, 4]) results.put(String(index), index)
  results.end({error: 'failure'})
  const expected = ['1: 0', '2: 1', '3: 2', '4: 3', '5: 4', '6: failed with failure']
  t.deepEqual((await settled(log)).toSorted(byCall), expected)
})

test('in order: what stands where the ring is full stays when those behind it are cleared', async (t) => {
  const results = inOrder()
  for (let index = 0; index < 16; index++) results.put(String(index), index)
  results.clearFrom(10)
  t.is(results.size, 10)
  t.deepEqual(
    await settled(take(results, 11)),
    Array.from({length: 10}, (_, index) => `${index + 1}: ${index}`),
  )
})

test('in order: a place that is missing behind a full ring is waited for', async (t) => {
  const results = inOrder()
  for (let index = 0; index < 16; index++) results.put(String(index), index)
  results.put('17', 17)
  const log = await settled(take(results, 18))
  t.deepEqual([log.length, log.at(-1)], [16, '16: 15'])
  results.put('16', 16)
  t.deepEqual((await settled(log)).slice(16), ['17: 16', '18: 17'])
})

test('in order: places that have no result yet are not counted when those behind a failure go', async (t) => {
  const results = inOrder()
  results.put('0', 0)
  results.put('5', 5)
  results.clearFrom(2)
  t.is(results.size, 1)
  t.deepEqual(await settled(take(results)), ['1: 0'])
})

test('a failure that comes after the end was told to somebody who waited is not told any more', async (t) => {
  const results = asCompleted()
  const log = take(results)
  results.end()
  t.deepEqual(await settled(log), ['1: done'])
  results.end({error: 'late'})
  t.deepEqual(await settled(take(results)), ['1: done'])
})

test('a failure that comes after the end was told is not told any more', async (t) => {
  const results = asCompleted()
  results.end()
  t.deepEqual(await settled(take(results)), ['1: done'])
  results.end({error: 'late'})
  t.deepEqual(await settled(take(results)), ['1: done'])
})

for (const [order, make] of [
  ['as they complete', asCompleted],
  ['in order', inOrder],
] as const)
  test(`${order}: up to as many as wanted are taken at once, none while they are held or somebody waits`, async (t) => {
    const results = make()
    for (let index = 0; index < 5; index++) results.put(String(index), index)
    t.deepEqual(results.takeReady(0), [])
    t.deepEqual(results.takeReady(2), ['0', '1'])
    results.hold(true)
    t.deepEqual(results.takeReady(2), [])
    results.hold(false)
    t.deepEqual(results.takeReady(9), ['2', '3', '4'])
    t.deepEqual(results.takeReady(9), [])
    const log = take(results)
    t.deepEqual(results.takeReady(9), [])
    results.put('5', 5)
    t.deepEqual(await settled(log), ['1: 5'])
  })

test('the awaited place is that of the missing result for which others are kept back', (t) => {
  const results = inOrder()
  t.is(results.awaitedPlace, undefined)
  results.put('b', 1)
  t.is(results.awaitedPlace, 0)
  results.put('a', 0)
  t.is(results.awaitedPlace, undefined)
  t.deepEqual(results.takeReady(2), ['a', 'b'])
  t.is(results.awaitedPlace, undefined)
  const unordered = asCompleted()
  unordered.put('b', 1)
  t.is(unordered.awaitedPlace, undefined)
  unordered.takeReady(1)
  t.is(unordered.awaitedPlace, undefined)
})

// The high-water mark

test('results are full when as many wait as the mark says', (t) => {
  const results = asCompleted(2)
  results.put('a', 0)
  t.false(results.isFull)
  results.put('b', 1)
  t.true(results.isFull)
})

test('there is room again when one is taken', (t) => {
  const results = asCompleted(1)
  results.put('a', 0)
  t.true(results.isFull)
  void results.next()
  t.false(results.isFull)
})

test('a mark that is raised makes room, and one that is lowered takes it', (t) => {
  const results = asCompleted(1)
  results.put('a', 0)
  results.highWaterMark = 2
  t.false(results.isFull)
  results.highWaterMark = 1
  t.true(results.isFull)
})

test('with a mark of 0 there is room only for a consumer that waits', (t) => {
  const results = asCompleted(0)
  t.true(results.isFull)
  void results.next()
  t.false(results.isFull)
  results.put('a', 0)
  t.true(results.isFull)
})

test('in order: with a mark of 0 there is no room while results wait for the first', (t) => {
  const results = inOrder(0)
  void results.next()
  results.put('second', 1)
  t.true(results.isFull)
  results.put('first', 0)
  t.true(results.isFull)
})

test('what nobody needs is never full', (t) => {
  const results = asCompleted(0)
  results.discard()
  t.false(results.isFull)
})

test('in order: where nobody else needs results it is never full, also while some are kept for one who waits', (t) => {
  const results = inOrder(1)
  results.discard()
  void results.next()
  results.put('second', 1)
  t.is(results.size, 1)
  t.false(results.isFull)
})

test('in order: a result that fills a gap takes nothing from those behind it, also when room is made for more', async (t) => {
  const results = inOrder()
  results.put('c', 20)
  results.put('a', 0)
  results.put('d', 40)
  for (let index = 1; index < 20; index++) results.put('b', index)
  for (let index = 21; index < 40; index++) results.put('b', index)
  const log = await settled(take(results, 41))
  t.deepEqual([log[0], log[20], log[40], log.length], ['1: a', '21: c', '41: d', 41])
})

test('what is collected is never full, whatever the mark', (t) => {
  const results = inOrder(0)
  results.collect()
  t.false(results.isFull)
  results.put('second', 1)
  t.true(results.isFull) // it waits for the first
})

// Against an oracle

test('in order: any order of arrival is handed over as a sorted list, up to where it was cleared', async (t) => {
  const scenario = fc.integer({min: 1, max: 2500}).chain((count) =>
    fc.record({
      arrivals: fc.shuffledSubarray(
        Array.from({length: count}, (_, index) => index),
        {minLength: count},
      ),
      failsAt: fc.integer({min: 0, max: count}),
      failsAfter: fc.nat({max: count}),
      waiting: fc.nat({max: 20}),
    }),
  )
  await fc.assert(
    fc.asyncProperty(scenario, async ({arrivals, failsAt, failsAfter, waiting}) => {
      const results = new Results<number>(true, Infinity)
      const taken: Array<Promise<IteratorResult<number, undefined>>> = []
      for (let call = 0; call < waiting; call++) taken.push(results.next())
      for (const [step, index] of arrivals.entries()) {
        if (step === failsAfter) results.clearFrom(failsAt)
        if (index < failsAt || step < failsAfter) results.put(index, index)
        if (step % 3 === 0) taken.push(results.next())
      }
      if (failsAfter >= arrivals.length) results.clearFrom(failsAt)
      results.end()
      for (let call = 0; call < arrivals.length; call++) taken.push(results.next())
      const given = (await Promise.all(taken)).filter(({done}) => !done).map(({value}) => value)
      // What was handed over before the failure stays so; from then on nothing from its place on.
      t.deepEqual(given, [...given.keys()])
      t.true(given.length >= failsAt)
      const early = new Set(arrivals.slice(0, failsAfter))
      const readyThen = arrivals.findIndex((_, place) => !early.has(place))
      t.true(given.length <= Math.max(failsAt, readyThen === -1 ? arrivals.length : readyThen))
      t.is(results.size, 0)
    }),
    {seed: 1, numRuns: 30},
  )
})
