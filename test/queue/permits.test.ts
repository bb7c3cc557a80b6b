/** A runner of a queue waits for its governor's permit while a task waits, and no longer. */
import test from 'ava'
import {Semaphore} from '../../src/governors/index.js'
import {type Permit, TaskQueue} from '../../src/index.js'
import {caught, instance, runScript, turn} from '../helpers/index.js'
import {Refusing, serve, standing} from './serving.js'

/** How the last waiting task leaves a queue. */
const leaves: Record<string, (queue: TaskQueue, controller: AbortController) => void> = {
  'is cleared': (queue) => queue.clear(),
  'is removed': (queue) => void queue.remove(() => true),
  'is withdrawn by its signal': (_queue, controller) => controller.abort(),
  'is run by another runner': (queue) => void serve(queue),
  'is called by another reader': (queue) => {
    const context = {index: 0, attempt: 1, item: undefined, signal: new AbortController().signal}
    void queue[Symbol.asyncIterator]()
      .next()
      .then(({value}) => value?.(context))
  },
}

for (const [how, leave] of Object.entries(leaves)) {
  test(`a runner waits for no permit any more when the last task ${how}, and asks again for the next one`, async (t) => {
    const governor = new Refusing()
    const queue = new TaskQueue()
    const controller = new AbortController()
    const runner = serve(queue, {governor})
    void queue.push(() => {}, {signal: controller.signal}).catch(() => {})
    await turn()
    t.is(governor.waiting, 1)
    leave(queue, controller)
    await turn()
    t.is(governor.waiting, 0)
    t.is(runner.stats.started, 0)
    void queue.push(() => {}).catch(() => {})
    await turn()
    t.is(governor.waiting, how === 'is run by another runner' ? 0 : 1)
  })

  test(`the run over a closed queue ends when the last task ${how} while its permit is awaited`, async (t) => {
    const semaphore = new Semaphore(1)
    const held = semaphore.acquire() as Permit
    const queue = new TaskQueue()
    const controller = new AbortController()
    const runner = serve(queue, {governor: semaphore})
    void queue.push(() => {}, {signal: controller.signal}).catch(() => {})
    queue.close()
    await turn()
    t.is(runner.state, 'running')
    leave(queue, controller)
    await runner.drained
    t.false(semaphore.isIdle)
    held.release()
    t.true(semaphore.isIdle)
  })
}

test('a governor that clears the queue when it is asked is waited for no longer', async (t) => {
  const governor = new Refusing(() => queue.clear('enough'))
  const queue = new TaskQueue()
  serve(queue, {governor})
  const push = queue.push(() => t.fail())
  t.is(await standing(push), 'rejected: enough')
  t.is(governor.waiting, 0)
})

test('a runner goes on waiting for its permit while another task waits', async (t) => {
  const semaphore = new Semaphore(1)
  const held = semaphore.acquire() as Permit
  const queue = new TaskQueue()
  serve(queue, {governor: semaphore})
  const first = queue.push(() => 'first', {item: 1})
  const second = queue.push(() => 'second')
  await turn()
  queue.remove(({item}) => item === 1)
  await turn()
  held.release()
  t.is(await standing(second), 'second')
  t.is(await standing(first), 'rejected: AbortError')
  t.true(semaphore.isIdle)
})

test('a rate does not keep a process alive for a task that was cleared', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
      import {TaskQueue} from '${src}'
      import {RateLimit} from '${src.replace('index', 'governors/index')}'
      const queue = new TaskQueue()
      queue.run({governor: new RateLimit({amount: 1, per: 2147483647})})
      await queue.push(() => console.log('ran'))
      queue.push(() => console.log('never')).catch((error) => console.log(error.name))
      setTimeout(() => queue.clear(), 10)
    `,
  )
  t.deepEqual([code, lines], [0, ['ran', 'AbortError']])
})

const noPermits: ReadonlyArray<readonly [what: string, given: unknown, got: string]> = [
  ['nothing', undefined, 'undefined'],
  ['a number', 5, '5'],
  ['an object without release', {}, 'an object of class Object'],
]

for (const [what, given, got] of noPermits)
  for (const isLater of [false, true])
    test(`a governor that gives ${what} in place of a permit${isLater ? ', later,' : ''} fails the task, which says so`, async (t) => {
      const message = `A governor must give a permit, an object with release; got ${got}`
      const acquire = (): Permit => (isLater ? Promise.resolve(given) : given) as Permit
      const queue = new TaskQueue({groups: {governor: () => ({acquire, tryAcquire: () => undefined})}})
      const runner = serve(queue)
      const ofGroup = instance(await caught(queue.push(() => t.fail(), {group: 'a'})), TypeError)
      t.is(ofGroup.message, message)
      await runner.stop()
      serve(queue, {governor: {acquire}})
      const ofRunner = instance(await caught(queue.push(() => t.fail())), TypeError)
      t.is(ofRunner.message, message)
    })

test('a governor that refuses with null has no permit now', async (t) => {
  const permits: unknown[] = []
  const governor = {
    tryAcquire: () => null as unknown as undefined,
    acquire: () => ({release: (outcome: unknown) => void permits.push(outcome)}),
  }
  const queue = new TaskQueue({groups: {governor: () => governor}})
  serve(queue, {governor})
  t.is(await queue.push(() => 'done', {group: 'a'}), 'done')
  await turn()
  t.is(permits.length, 2)
})

test('a permit of tryAcquire without release fails the task', async (t) => {
  const governor = {tryAcquire: () => ({}) as unknown as Permit, acquire: () => t.fail() as unknown as Permit}
  const queue = new TaskQueue({groups: {governor: () => governor}})
  serve(queue, {governor})
  t.true((await caught(queue.push(() => t.fail(), {group: 'a'}))) instanceof TypeError)
  t.true((await caught(queue.push(() => t.fail()))) instanceof TypeError)
})
