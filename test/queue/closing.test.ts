/** `close` and `closeWhenIdle` end the source for its runners. */
import test from 'ava'
import {ConcurrentRunner, TaskQueue} from '../../src/index.js'
import {caught, instance, manual, turn, unhandledDuring} from '../helpers/index.js'
import {finish, serve, standing} from './serving.js'

test('a closed queue runs what waits, takes no more, and ends its runners', async (t) => {
  const queue = new TaskQueue()
  const pushes = [queue.push(() => 'a'), queue.push(() => 'b')]
  queue.close()
  queue.close()
  const refused = queue.push(() => t.fail())
  t.is(instance(await caught(refused), DOMException).name, 'InvalidStateError')
  await serve(queue, {limit: 1}).drained
  t.deepEqual(await Promise.all(pushes), ['a', 'b'])
})

test('closing ends runners that wait, and leaves those that run time to finish', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  const [idle, busy] = [serve(queue), serve(queue)] // each waits in turn
  await turn()
  await queue.push(() => 'a') // now the other is the first to wait
  const push = queue.push(task.thunk)
  await turn()
  queue.close()
  await idle.drained
  t.is(busy.state, 'finishing')
  task.resolve('b')
  await busy.drained
  t.is(await push, 'b')
})

test('a runner of a closed and empty queue drains at once', async (t) => {
  const queue = new TaskQueue()
  queue.close()
  t.deepEqual(await new ConcurrentRunner(queue).toArray(), [])
})

test('a refused push’s task is not called, and its promise never an unhandled rejection', async (t) => {
  const queue = new TaskQueue()
  queue.close()
  const reasons = await unhandledDuring(() => {
    void queue.push(Promise.reject(new Error('its own')))
    void queue.push(() => t.fail())
    void queue.room()
  })
  t.deepEqual(reasons, [])
})

test('a refused push says why: the queue is full, the queue is closed, or the signal has aborted', async (t) => {
  const queue = new TaskQueue({capacity: 1})
  void queue.push(() => 1)
  const full = instance(await caught(queue.push(() => 1)), DOMException)
  t.is(full.name, 'QuotaExceededError')
  t.is(full.message, 'The queue is full: 1 tasks wait')
  queue.close()
  const closed = instance(await caught(queue.push(() => 1)), DOMException)
  t.is(closed.name, 'InvalidStateError')
  t.is(closed.message, 'The queue is closed')
})

/** Pushes a task for each page of a tree, and each pushes those below it. */
function crawl(queue: TaskQueue, depth: number, log: number[]): void {
  const visit = (page: number): void =>
    void queue.push(async () => {
      await turn(page % 3)
      log.push(page)
      for (const below of [page * 2, page * 2 + 1]) if (below < 2 ** depth) visit(below)
    })
  visit(1)
}

for (const when of ['before it starts', 'while it runs']) {
  test(`a crawl ends by itself, closeWhenIdle called ${when}, and drain comes once, when all is done`, async (t) => {
    const queue = new TaskQueue()
    const log: number[] = []
    const drains: number[] = []
    crawl(queue, 6, log)
    if (when === 'before it starts') queue.closeWhenIdle()
    const runner = serve(queue, {limit: 4})
    runner.on('drain', () => drains.push(log.length))
    await turn()
    queue.closeWhenIdle()
    await runner.drained
    t.deepEqual(
      log.sort((a, b) => a - b),
      Array.from({length: 63}, (_, index) => index + 1),
    )
    t.deepEqual(drains, [63])
  })
}

test('a crawl over several runners ends all of them, when the last task has settled', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  crawl(queue, 6, log)
  queue.closeWhenIdle()
  const stats = await Promise.all([1, 2, 3].map((limit) => serve(queue, {limit}).drained))
  t.is(log.length, 63)
  t.is(
    stats.reduce((sum, {succeeded}) => sum + succeeded, 0),
    63,
  )
})

test('a push that is made as soon as another has given its result keeps the crawl going', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  const helper = async (page: number): Promise<number> => queue.push(() => turn(1).then(() => page))
  const visit = async (page: number): Promise<void> => {
    log.push(await helper(page))
    if (page < 5) await visit(page + 1)
  }
  const visiting = visit(1)
  await finish(queue)
  await visiting
  t.deepEqual(log, [1, 2, 3, 4, 5])
})

test('closeWhenIdle on an idle queue closes it at once', async (t) => {
  const queue = new TaskQueue()
  const runner = serve(queue)
  await turn()
  queue.closeWhenIdle()
  t.is(await standing(queue.push(() => t.fail())), 'rejected: InvalidStateError')
  await runner.drained
})

test('after closeWhenIdle the queue takes pushes for as long as something runs', async (t) => {
  const queue = new TaskQueue()
  const task = manual()
  void queue.push(task.thunk)
  const runner = serve(queue)
  await turn()
  queue.closeWhenIdle()
  queue.closeWhenIdle()
  t.is(await queue.push(() => 'a'), 'a')
  t.is(await queue.push(() => 'b'), 'b')
  t.is(runner.state, 'running')
  task.resolve('')
  await runner.drained
  t.is(await standing(queue.push(() => t.fail())), 'rejected: InvalidStateError')
})

for (const [how, settle] of [
  ['fails', (task) => task.reject(new Error('boom'))],
  ['succeeds', (task) => task.resolve('')],
] as ReadonlyArray<[string, (task: ReturnType<typeof manual>) => void]>) {
  test(`closeWhenIdle ends the queue when the last task ${how}`, async (t) => {
    const queue = new TaskQueue()
    const task = manual()
    void queue.push(task.thunk)
    queue.closeWhenIdle()
    const runner = serve(queue)
    await turn()
    t.is(runner.state, 'running')
    settle(task)
    await runner.drained
    t.pass()
  })
}

for (const [how, empty] of [
  ['aborted', (_, abort) => abort()],
  ['cleared', (queue) => queue.clear()],
] as ReadonlyArray<[string, (queue: TaskQueue, abort: () => void) => void]>) {
  test(`closeWhenIdle ends the queue when what waits is ${how}`, async (t) => {
    const queue = new TaskQueue()
    const controller = new AbortController()
    void queue.push(() => t.fail(), {signal: controller.signal})
    queue.closeWhenIdle()
    empty(queue, () => controller.abort())
    await serve(queue).drained
    t.pass()
  })
}

test('a task that goes back from an ended runner keeps a queue open that closes when idle', async (t) => {
  const queue = new TaskQueue()
  const first = serve(queue)
  await turn()
  first.pause()
  const push = queue.push(() => 'a')
  queue.closeWhenIdle()
  first.abort()
  await first.drained
  await serve(queue).drained
  t.is(await push, 'a')
})
