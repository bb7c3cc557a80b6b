/** How long a group waits for its governor: while somebody takes tasks, and no longer. */
import test from 'ava'
import {Semaphore} from '../../src/governors/index.js'
import {type Permit, TaskQueue} from '../../src/index.js'
import {manual, runScript, turn} from '../helpers/index.js'
import {Refusing, serve, standing} from './serving.js'

for (const end of ['abort', 'stop', 'return'] as const)
  test(`a group waits for its governor no longer after ${end}() of the last runner`, async (t) => {
    const governor = new Refusing()
    const queue = new TaskQueue({groups: {governor: () => governor}})
    const push = queue.push(() => t.fail(), {group: 'a'})
    const [first, last] = [serve(queue), serve(queue)]
    await turn()
    await first.return()
    t.is(governor.waiting, 1)
    void last[end]()
    await turn()
    t.is(governor.waiting, 0)
    t.is(await standing(push), 'pending')
    t.is(queue.size, 1)
    void serve(queue)
    await turn()
    t.is(governor.waiting, 1)
  })

test('a group waits for its governor no longer after the last reader has left', async (t) => {
  const governor = new Refusing()
  const queue = new TaskQueue({groups: {governor: () => governor}})
  void queue.push(() => t.fail(), {group: 'a'})
  const tasks = queue[Symbol.asyncIterator]()
  const next = tasks.next()
  t.is(governor.waiting, 1)
  await tasks.return?.()
  t.true((await next).done)
  t.is(governor.waiting, 0)
})

test('a governor that ends the last runner when it is asked is not waited for', async (t) => {
  const governor = new Refusing(() => runner.abort('enough'))
  const queue = new TaskQueue({groups: {governor: () => governor}})
  const runner = serve(queue)
  const push = queue.push(() => t.fail(), {group: 'a'})
  await runner.drained
  await turn()
  t.is(governor.waiting, 0)
  t.is(await standing(push), 'pending')
})

test('a group whose wait has ended with its runner goes on with the next one', async (t) => {
  const semaphore = new Semaphore(1)
  const held = semaphore.tryAcquire()
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  const pushes = [1, 2, 3].map((name) => queue.push(() => name, {group: 'a'}))
  await turn()
  const first = serve(queue)
  await turn()
  first.abort('enough')
  await first.drained
  held?.release()
  t.true(semaphore.isIdle)
  serve(queue)
  t.deepEqual(await Promise.all(pushes), [1, 2, 3])
})

test('a retry that waits for the governor of its group is waited for by its runner alone', async (t) => {
  const semaphore = new Semaphore(1)
  const queue = new TaskQueue({groups: {governor: () => semaphore}})
  const task = manual()
  const push = queue.push(task.thunk, {group: 'a'})
  const waits = queue.push(() => 'waited', {group: 'a'})
  const runner = serve(queue, {retry: {delay: 0}})
  await turn()
  const taken = semaphore.acquire() as Promise<Permit>
  task.reject(new Error('once'))
  const held = await taken
  await turn(5)
  t.is(runner.stats.retrying, 1)
  runner.abort('enough')
  await runner.drained
  t.is(await standing(push), 'rejected: Error')
  held.release()
  t.true(semaphore.isIdle)
  serve(queue)
  t.is(await waits, 'waited')
})

test('the rate of a group does not keep a process alive in which no runner is left', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
      import {ConcurrentRunner, TaskQueue} from '${src}'
      import {RateLimit} from '${src.replace('index', 'governors/index')}'
      const rate = new RateLimit({amount: 1, per: 2147483647})
      const queue = new TaskQueue({groups: {governor: () => rate}})
      const runner = new ConcurrentRunner(queue, {yieldExceptions: true})
      void queue.push(() => console.log('ran'), {group: 'a'})
      void queue.push(() => console.log('never'), {group: 'a'})
      runner.run().catch((error) => console.log(String(error)))
      setTimeout(() => runner.abort('enough'), 10)
    `,
  )
  t.deepEqual([code, lines], [0, ['ran', 'enough']])
})
