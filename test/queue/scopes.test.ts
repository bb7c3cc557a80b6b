/** Each task sees the async context of its own push. */
import {AsyncLocalStorage} from 'node:async_hooks'
import test from 'ava'
import {ConcurrentRunner, type Task, type TaskContext, TaskQueue} from '../../src/index.js'
import {manual, runScript, turn} from '../helpers/index.js'
import {Retrying, serve} from './serving.js'

const als = new AsyncLocalStorage<string>()

/** A push in a context of its own; what its task sees. */
function pushIn(queue: TaskQueue, name: string, options?: {signal?: AbortSignal}): Promise<string | undefined> {
  return als.run(name, () => queue.push(() => als.getStore(), options))
}

test('each task sees the context of its own push, before and after an await', async (t) => {
  const queue = new TaskQueue()
  const pushes = ['a', 'b', 'c'].map((name) =>
    als.run(name, () =>
      queue.push(async () => {
        const before = als.getStore()
        await turn(1)
        return [before, als.getStore()]
      }),
    ),
  )
  als.run('runner', () => serve(queue, {limit: 2}))
  t.deepEqual(await Promise.all(pushes), [
    ['a', 'a'],
    ['b', 'b'],
    ['c', 'c'],
  ])
})

test('the context is that of the push whether the runner waits for the task or the task for the runner', async (t) => {
  const queue = new TaskQueue()
  const early = pushIn(queue, 'early')
  als.run('runner', () => serve(queue))
  t.is(await early, 'early')
  await turn()
  t.is(await pushIn(queue, 'late'), 'late')
  t.is(await queue.push(() => als.getStore()), undefined)
})

test('the context is that of the push when limit, resume or another task’s end let it start', async (t) => {
  const queue = new TaskQueue()
  const blocker = manual()
  als.run('blocker', () => void queue.push(blocker.thunk))
  const runner = als.run('runner', () => serve(queue, {limit: 1}))
  await turn()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => pushIn(queue, name))
  als.run('limit', () => {
    runner.limit = 2
  })
  t.is(await a, 'a')
  runner.pause()
  als.run('resume', () => runner.resume())
  t.is(await b, 'b')
  blocker.resolve('')
  t.is(await c, 'c')
})

test('each attempt of a retried task sees the context of the push', async (t) => {
  const queue = new TaskQueue()
  const seen: Array<string | undefined> = []
  const push = als.run('push', () =>
    queue.push(async () => {
      seen.push(als.getStore())
      await turn(1)
      if (seen.length < 3) throw new Error('again')
    }),
  )
  als.run('runner', () => void new Retrying(queue, 3).run())
  await push
  t.deepEqual(seen, ['push', 'push', 'push'])
})

test('each of two attempts at once sees the context of the push', async (t) => {
  class Racing extends ConcurrentRunner<unknown> {
    protected override execute(task: Task<unknown>, context: TaskContext): Promise<unknown> {
      return als.run('execute', () => Promise.all([super.execute(task, context), super.execute(task, context)]))
    }
  }
  const queue = new TaskQueue()
  const push: Promise<unknown> = pushIn(queue, 'push')
  void new Racing(queue).run()
  t.deepEqual(await push, ['push', 'push'])
})

test('a task that has come back from a runner sees the context of its push', async (t) => {
  const queue = new TaskQueue()
  const first = als.run('first', () => serve(queue))
  await turn()
  first.pause()
  const push = pushIn(queue, 'push')
  await turn()
  als.run('abort', () => first.abort())
  await first.drained
  als.run('second', () => serve(queue))
  t.is(await push, 'push')
})

test('a task with a signal sees the context of its push', async (t) => {
  const queue = new TaskQueue()
  const push = pushIn(queue, 'push', {signal: new AbortController().signal})
  als.run('runner', () => serve(queue))
  t.is(await push, 'push')
})

test('a task that is pushed by a task sees the context of that task at the push', async (t) => {
  const queue = new TaskQueue()
  serve(queue)
  const seen = await als.run('outer', () =>
    queue.push(async () => [await queue.push(() => als.getStore()), await pushIn(queue, 'inner'), als.getStore()]),
  )
  t.deepEqual(seen, ['outer', 'inner', 'outer'])
})

test('code that awaits a push, room or onIdle goes on in its own context', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void als.run('other', () => queue.push(() => turn()))
  const seen = als.run('mine', async () => {
    const log: Array<string | undefined> = []
    const push = await queue.room()
    log.push(als.getStore())
    await push(() => als.run('task', () => turn(1)))
    log.push(als.getStore())
    void queue.push(() => turn())
    await queue.onIdle()
    log.push(als.getStore())
    await queue.push(() => Promise.reject(new Error('boom'))).catch(() => log.push(als.getStore()))
    return log
  })
  await turn()
  als.run('runner', () => serve(queue))
  t.deepEqual(await seen, ['mine', 'mine', 'mine', 'mine'])
})

test('a context that a task enters leaks into no other task', async (t) => {
  const queue = new TaskQueue()
  const first = als.run('a', () =>
    queue.push(() => {
      als.enterWith('entered')
      return als.getStore()
    }),
  )
  const second = pushIn(queue, 'b')
  const third = queue.push(() => als.getStore())
  als.run('runner', () => serve(queue, {limit: 1}))
  t.deepEqual(await Promise.all([first, second, third]), ['entered', 'b', undefined])
})

test('a task that was pushed in an empty context sees none, whoever runs it', async (t) => {
  const queue = new TaskQueue()
  als.run('runner', () => serve(queue, {limit: 1}))
  const pushes = [
    als.exit(() => queue.push(() => als.getStore())),
    pushIn(queue, 'a'),
    als.exit(() => queue.push(() => als.getStore(), {priority: -1})),
  ]
  t.deepEqual(await Promise.all(pushes), [undefined, 'a', undefined])
})

test('a task that a wrapper calls sees the context of its push', async (t) => {
  const queue = new TaskQueue()
  const push = pushIn(queue, 'push')
  als.run(
    'wrapper',
    () => void ConcurrentRunner.map(queue, (task, context) => als.run('mapper', () => task(context))).run(),
  )
  t.is(await push, 'push')
  t.is(await als.exit(() => queue.push(() => als.getStore())), undefined)
})

test('what a task enters that was pushed outside of every store, no later task is in', async (t) => {
  const {lines, errors} = await runScript(
    (src) => `
    import {AsyncLocalStorage} from 'node:async_hooks'
    import {TaskQueue} from '${src}'
    const storage = new AsyncLocalStorage()
    const queue = new TaskQueue()
    void queue.push(() => storage.enterWith('entered'))
    const seen = queue.push(() => storage.getStore())
    storage.run('of the run', () => queue.run({limit: 1}))
    console.log(await seen)
  `,
  )
  t.is(errors, '')
  t.deepEqual(lines, ['undefined'])
})
