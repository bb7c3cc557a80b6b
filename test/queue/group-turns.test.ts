/** Groups of a queue beside a model, in many numbers, and as they come and go. */
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import test from 'ava'
import {type LocalGovernor, RateLimit, Semaphore} from '../../src/governors/index.js'
import {type GroupOptions, TaskQueue} from '../../src/index.js'
import {VirtualClock} from '../governors/virtual-clock.js'
import {turn} from '../helpers/index.js'
import {checkGroups} from './groups.oracle.js'
import {finish, serve} from './serving.js'

test.serial('in 20,000 random steps groups keep their limits, and none waits for nothing or out of turn', async (t) => {
  let attempts = 0
  for (let seed = 1; seed <= 40; seed++) {
    const clock = VirtualClock.install()
    try {
      attempts += await checkGroups(clock, seed, 500)
    } finally {
      VirtualClock.uninstall()
    }
  }
  t.log(`${attempts} attempts`)
  t.true(attempts > 5000)
})

test.serial('1,000 groups with 100 tasks each take turns: the n-th tasks of all come before any n+1-th', async (t) => {
  const queue = new TaskQueue()
  const counts = new Array<number>(1000).fill(0)
  let most = 0
  let widest = 0
  for (let group = 0; group < 1000; group++)
    for (let count = 0; count < 100; count++)
      void queue.push(
        () => {
          const done = (counts[group] = (counts[group] ?? 0) + 1)
          most = Math.max(most, done)
          widest = Math.max(widest, most - done)
        },
        {group},
      )
  await finish(queue, {limit: 1})
  t.deepEqual(new Set(counts), new Set([100]))
  t.is(widest, 0)
})

const kinds: Readonly<Record<string, GroupOptions | undefined>> = {
  'no options': undefined,
  'a limit': {limit: 2},
  'a semaphore each': {governor: () => new Semaphore(2)},
  'a rate each': {governor: () => new RateLimit({amount: 1, per: 1})},
}

for (const [kind, groups] of Object.entries(kinds))
  test.serial(`with ${kind}, groups that come and go are forgotten`, async (t) => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const clock = VirtualClock.install()
    t.teardown(() => VirtualClock.uninstall())
    const queue = new TaskQueue({groups})
    serve(queue, {limit: 10})
    const keys: Array<WeakRef<object>> = []
    for (let count = 0; count < 1000; count++) {
      const group = {}
      keys.push(new WeakRef(group))
      void queue.push(() => count, {group})
      void queue.push(() => count, {group})
      if (count % 20 === 19) await clock.advance(2)
    }
    await queue.onIdle()
    for (let round = 0; round < 5; round++) {
      await turn()
      gc()
    }
    const known = keys.filter((key) => key.deref() !== undefined).length
    t.true(known <= 100, `${known} of 1,000 groups are still known`)
    queue.close()
  })

test.serial('a group that is idle and has a governor in use is not forgotten, so that its rate holds', async (t) => {
  const clock = VirtualClock.install()
  t.teardown(() => VirtualClock.uninstall())
  const made: Array<[group: unknown, governor: LocalGovernor]> = []
  const governor = (group: unknown): RateLimit => {
    const rate = new RateLimit({amount: 1, per: 1000})
    made.push([group, rate])
    return rate
  }
  const queue = new TaskQueue({groups: {governor}})
  serve(queue)
  const starts: number[] = []
  const start = (): Promise<unknown> => queue.push(() => starts.push(clock.now), {group: 'host'})
  await start()
  for (let other = 0; other < 10; other++) await queue.push(() => other, {group: other})
  const second = start()
  await clock.advance(999)
  t.deepEqual(starts, [0])
  await clock.advance(1)
  await second
  t.deepEqual(starts, [0, 1000])
  t.is(made.filter(([group]) => group === 'host').length, 1)
  await clock.advance(1000)
  for (let other = 0; other < 20; other++) await queue.push(() => other, {group: {}})
  await start()
  t.is(made.filter(([group]) => group === 'host').length, 2)
  queue.close()
})
