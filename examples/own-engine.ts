/** Ten jobs on the engine of `engine.ts`: handed in on one side, run on the other. `npx tsx examples/own-engine.ts` */
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/remote'
import {MemoryQueue} from './engine.js'

const queue = new MemoryQueue()
const jobs = workerTasks(queue.worker<number>(), ({data}) => data ** 2)
const worker = new ConcurrentRunner(jobs, {limit: 3})
const working = worker.run()

const squares = remoteTasks<number, number>(Array(10).keys(), queue.producer())
for await (const square of new ConcurrentRunner(squares, {limit: 5, ordered: true})) console.log(square)

await worker.stop()
await working
