/** `shutdown` is the one verb for SIGTERM: every push settles. */
import test from 'ava'
import {ConcurrentError, ConcurrentRunner, TaskQueue} from '../../src/index.js'
import {caught, instance, isSettled, manual, never, runScript, turn} from '../helpers/index.js'
import {serve, standing, standings} from './serving.js'

test('shutdown takes no more pushes, finishes what was accepted, and then resolves', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const runner = queue.run({limit: 1})
  const pushes = [queue.push(task.thunk), queue.push(() => 'waited')]
  await turn()
  const over = queue.shutdown()
  t.is(await standing(queue.push(() => t.fail())), 'rejected: InvalidStateError')
  t.is(await standing(over), 'pending')
  task.resolve('ran')
  await over
  t.deepEqual(await standings(pushes), ['ran', 'waited'])
  await runner.drained
})

test('shutdown of an idle queue resolves at once, and its runners end', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run()
  await turn()
  await queue.shutdown({timeout: 60_000})
  await queue.shutdown()
  await runner.drained
  t.pass()
})

test('past its timeout, what waits is cleared, what runs is aborted, and what ignores its signal is told', async (t) => {
  const queue = new TaskQueue()
  const stubborn = manual()
  queue.run({limit: 2})
  const pushes = [
    queue.push(stubborn.thunk),
    queue.push(({signal}) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
    queue.push(() => t.fail()),
  ]
  await turn()
  await queue.shutdown({timeout: 1})
  for (const push of pushes) {
    const {name, message} = instance(await caught(push), DOMException)
    t.deepEqual([name, message], ['TimeoutError', 'shutdown() took longer than 1 ms'])
  }
  t.true(stubborn.context?.signal.aborted)
  t.is(queue.size, 0)
  t.is(queue.running, 1)
  t.false(await isSettled(queue.onIdle())) // it still runs
  stubborn.resolve('late')
  await queue.onIdle()
  t.is(queue.running, 0)
})

test('shutdown resolves when every push has settled, however many wait at its deadline', async (t) => {
  const queue = new TaskQueue()
  queue.run({limit: 1})
  let settled = 0
  for (let count = 0; count < 20_000; count++) queue.push(never).catch(() => settled++)
  await turn()
  await queue.shutdown({timeout: 1})
  t.is(settled, 20_000)
  t.is(queue.size, 0)
})

test('past the deadline of a shutdown, a task of a plain runner is not waited for', async (t) => {
  const queue = new TaskQueue()
  serve(queue, {limit: 1})
  const [runs, ...waits] = Array.from({length: 10_000}, () => queue.push(never))
  await turn()
  await queue.shutdown({timeout: 1})
  t.is(queue.size, 0)
  t.false(await isSettled(runs ?? never()))
  t.deepEqual([...new Set(await standings(waits))], ['rejected: TimeoutError'])
})

test('a runner that is made after shutdown was called is aborted at the deadline, too', async (t) => {
  const queue = new TaskQueue()
  const push = queue.push(never)
  const over = queue.shutdown({timeout: 5})
  queue.run()
  await over
  t.is(await standing(push), 'rejected: TimeoutError')
})

test('shutdown does not wait for a task that has timed out and runs on', async (t) => {
  const queue = new TaskQueue()
  queue.run({timeout: 1})
  const push = queue.push(never)
  await caught(push)
  await queue.shutdown()
  t.is(queue.running, 1)
})

test('shutdown works with plain runners', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  const push = queue.push(() => 'a')
  await queue.shutdown()
  t.is(await push, 'a')
  await runner.drained
})

test('the earliest of several deadlines counts', async (t) => {
  const queue = new TaskQueue()
  queue.run()
  const push = queue.push(never)
  const patient = queue.shutdown({timeout: 1_000_000})
  await queue.shutdown({timeout: 1})
  await patient
  t.is(await standing(push), 'rejected: TimeoutError')
})

test('when the runner ends during a shutdown, what waits rejects with the reason, and shutdown resolves', async (t) => {
  const queue = new TaskQueue()
  const runner = queue.run({limit: 1})
  const task = manual()
  void queue.push(task.thunk)
  await turn()
  const push = queue.push(() => t.fail())
  const over = queue.shutdown()
  runner.abort(new Error('crash'))
  t.is(String(instance(await caught(push), ConcurrentError).cause), 'Error: crash')
  task.reject(new Error('aborted'))
  await over
})

test('shutdown refuses a wrong timeout', async (t) => {
  const queue = new TaskQueue()
  await t.throwsAsync(queue.shutdown({timeout: -1}), {instanceOf: RangeError})
  await t.throwsAsync(queue.shutdown({timeout: '1' as unknown as number}), {instanceOf: TypeError})
  const runner = new ConcurrentRunner(queue)
  t.is(runner.state, 'idle')
  const push = queue.push(() => 'still open')
  void runner.run()
  t.is(await push, 'still open')
})

test('after a shutdown in time, its timer does not keep the process alive', async (t) => {
  const {code, lines} = await runScript(
    (src) => `
      import {TaskQueue} from '${src}'
      const queue = new TaskQueue()
      queue.run({limit: 1})
      void queue.push(() => console.log('ran'))
      await queue.shutdown({timeout: 2147483647})
      console.log('over')
    `,
  )
  t.deepEqual([code, lines], [0, ['ran', 'over']])
})
