/** aio-tasks itself, in each way of using it. */
import {ConcurrentRunner, TaskQueue} from '../aio-tasks.js'
import type {Tally, Task, TaskSource} from '../work.js'
import {type Contender, tallyArray, tallyPushed, tallyStream} from './contender.js'

const ours = {kind: 'ours', package: 'aio-tasks'} as const

async function runAll(source: TaskSource, limit: number): Promise<Tally> {
  const {succeeded} = await new ConcurrentRunner(source, {limit}).run()
  return {count: succeeded}
}

async function runHeard(source: TaskSource, limit: number): Promise<Tally> {
  let [starts, count, sum, errors, drains] = [0, 0, 0, 0, 0]
  const runner = new ConcurrentRunner(source, {limit})
  runner.on('start', () => {
    starts++
  })
  runner.on('result', (result) => {
    count++
    sum += result
  })
  runner.on('error', () => {
    errors++
  })
  runner.on('drain', () => {
    drains++
  })
  await runner.run()
  if (starts !== count || errors !== 0 || drains !== 1) throw new Error('An event is missing, or one too many')
  return {count, sum}
}

async function pushed(source: Iterable<Task>, limit: number): Promise<Tally> {
  const queue = new TaskQueue<number>()
  const running = new ConcurrentRunner(queue, {limit}).run()
  const tally = await tallyPushed(source, (task) => queue.push(task))
  queue.close()
  await running
  return tally
}

export const variants: readonly Contender[] = [
  {
    ...ours,
    id: 'for await',
    call: 'for await',
    streams: true,
    takes: 'any source',
    run: (source, limit) => tallyStream(new ConcurrentRunner(source, {limit})),
  },
  {
    ...ours,
    id: 'ordered',
    call: 'for await, ordered',
    streams: true,
    isExtra: true,
    takes: 'any source',
    run: (source, limit) => tallyStream(new ConcurrentRunner(source, {limit, ordered: true})),
  },
  {
    ...ours,
    id: 'toArray',
    call: 'toArray()',
    isExtra: true,
    takes: 'any source',
    run: async (source, limit) => tallyArray(await new ConcurrentRunner(source, {limit}).toArray()),
  },
  {...ours, id: 'run', call: 'run()', takes: 'any source', run: runAll},
  {...ours, id: 'run heard', call: 'run(), 4 listeners', isExtra: true, takes: 'any source', run: runHeard},
  {...ours, id: 'TaskQueue', call: 'TaskQueue.push', takes: 'pushes', run: pushed},
]
