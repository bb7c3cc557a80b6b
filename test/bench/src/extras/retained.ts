/** How many bytes a result takes that waits for its consumer, and by how much the heap grows in a long run. */
import {setImmediate as turn} from 'node:timers/promises'
import {pMapIterable} from 'p-map'
import {ConcurrentRunner} from '../aio-tasks.js'
import {collect} from '../measure.js'
import {main, type Plan} from '../plan.js'
import {version} from '../versions.js'
import {check, syncSource, type Task} from '../work.js'

type Start = (tasks: Iterable<Task>, waiting: number) => AsyncIterable<number>

export async function measureRetained({waiting}: Plan): Promise<Record<string, number>> {
  const ours =
    (ordered: boolean): Start =>
    (tasks, highWaterMark) =>
      new ConcurrentRunner(tasks, {limit: 16, highWaterMark, ordered})
  const starts: Record<string, Start> = {
    'aio-tasks': ours(false),
    'aio-tasks, ordered': ours(true),
    [`p-map ${version('p-map')} pMapIterable`]: (tasks, backpressure) =>
      pMapIterable(tasks, (task) => task(), {concurrency: 16, backpressure}),
  }
  const found: Record<string, number> = {}
  for (const [name, start] of Object.entries(starts)) {
    await retained(start, 1000)
    found[name] = Math.round(await retained(start, waiting))
  }
  return found
}

/** Takes one result and lets all the others wait. */
async function retained(start: Start, waiting: number): Promise<number> {
  const task: Task = async () => 1
  const pulled = {count: 0}
  const tasks = function* (): Generator<Task> {
    for (; pulled.count <= waiting; pulled.count++) yield task
  }
  await collect()
  const before = process.memoryUsage().heapUsed
  const results = start(tasks(), waiting)[Symbol.asyncIterator]()
  await results.next()
  for (let turns = 0; turns < 10_000 && pulled.count < waiting; turns++) await turn()
  if (pulled.count < waiting) throw new Error(`Only ${pulled.count} of ${waiting} results wait`)
  await collect()
  const bytes = process.memoryUsage().heapUsed - before
  await results.return?.()
  return bytes / waiting
}

export async function measureHeapGrowth({lengths: {many: tasks}}: Plan): Promise<{tasks: number; bytes: number}> {
  let count = 0
  let sum = 0
  let atStart = 0
  let atMost = 0
  await collect()
  for await (const result of new ConcurrentRunner(syncSource(main.work, tasks), {limit: main.limit})) {
    count++
    sum += result
    // At its beginning, ten times on the way, and just before its end.
    if (count !== 1000 && count % (tasks / 10) !== 0) continue
    await collect()
    const {heapUsed} = process.memoryUsage()
    if (atStart === 0) atStart = heapUsed
    atMost = Math.max(atMost, heapUsed)
  }
  check({count, sum}, tasks)
  return {tasks, bytes: atMost - atStart}
}
