/** Withdrawing a job never removes a finished result: at whatever moment it comes, the job either ran, or did not. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner, type TaskFunction} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {countsOf, queueOf, range} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()

/** How many jobs are handed in and withdrawn for each delay, in groups of so many. */
const tries = 10_000
const group = 200

for (const delay of [0, 10, 50])
  test(`${tries} jobs are withdrawn ${delay} ms after they were handed in: no finished result is removed`, async (t) => {
    const queue = queueOf(t, redis)
    let runs = 0
    const worker = new ConcurrentRunner(
      workerTasks<number, number>(queue.name, ({data}) => (runs++, data), {connection: redis.connection}),
      {limit: 20, yieldExceptions: true},
    )
    const working = worker.run()
    const tasks = remoteTasks<number, number>(range(tries), {
      queue: queue.name,
      connection: redis.connection,
      jobOptions: {removeOnComplete: false},
    })
    let results = 0
    const call = async (task: TaskFunction<number>, index: number, signal: AbortSignal): Promise<void> => {
      try {
        await task({index, signal, item: undefined, attempt: 1})
        results++
      } catch {
        // the job was withdrawn in time, or its result came too late
      }
    }
    for (let at = 0; at < tries; at += group) {
      const controllers: AbortController[] = []
      const calls: Array<Promise<void>> = []
      for (let index = at; index < at + group; index++) {
        const {value: task} = await tasks.next()
        const controller = new AbortController()
        controllers.push(controller)
        if (task) calls.push(call(task, index, controller.signal))
      }
      await sleep(delay)
      for (const controller of controllers) {
        controller.abort()
        if (controllers.indexOf(controller) % 20 === 0) await sleep(0) // so that some fall between two answers
      }
      await Promise.all(calls)
    }
    await tasks.return?.()
    await worker.stop()
    await working
    t.log(`${runs} ran, ${results} gave their result, ${tries - runs} were withdrawn`)
    const {completed = 0, ...others} = await countsOf(queue)
    t.is(completed, runs, 'each job that ran is still there, with its result')
    t.deepEqual(others, {}, 'and each that was withdrawn is gone')
  })
