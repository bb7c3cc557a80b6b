/** Tasks of a queue run by priority, and first in, first out within one. */
import test from 'ava'
import {TaskQueue} from '../../src/index.js'
import {manual, turn} from '../helpers/index.js'
import {finish, pushAll, serve} from './serving.js'

test('tasks run first in, first out', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  void pushAll(queue, 'abcdefgh', log)
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcdefgh')
})

test('a higher priority runs first, and within one the first in', async (t) => {
  const queue = new TaskQueue()
  const log: string[] = []
  for (const [name, priority] of [
    ['c', 0],
    ['e', -1],
    ['a', 5],
    ['d', 0],
    ['b', 5],
    ['f', -Infinity],
  ] as const)
    void queue.push(() => log.push(name), {priority})
  await finish(queue, {limit: 1})
  t.is(log.join(''), 'abcdef')
})

test('a push of a higher priority overtakes what waits already, and stops nothing that runs', async (t) => {
  const queue = new TaskQueue()
  const running = manual()
  const log: string[] = []
  void queue.push(running.thunk)
  serve(queue, {limit: 1})
  await turn()
  void pushAll(queue, 'b', log)
  const urgent = queue.push(() => log.push('a'), {priority: 1})
  t.is(queue.size, 2)
  running.resolve('')
  await urgent
  await turn()
  t.is(log.join(''), 'ab')
})

test('20,000 tasks of 100 priorities run in order, each once', async (t) => {
  const queue = new TaskQueue()
  const log: number[] = []
  for (let number = 0; number < 20_000; number++)
    void queue.push(() => log.push(number), {priority: (number * 7919) % 100})
  await finish(queue)
  const sorted = Array.from({length: 20_000}, (_, number) => number).sort(
    (a, b) => ((b * 7919) % 100) - ((a * 7919) % 100) || a - b,
  )
  t.deepEqual(log, sorted)
})
