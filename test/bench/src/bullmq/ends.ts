/** Both sides on pg-boss beside both sides on BullMQ: how long it takes from the first job to the last result. */
import {PgBoss} from 'pg-boss'
import * as bullmq from '../../../../dist/bullmq/index.js'
import {ConcurrentRunner} from '../../../../dist/index.js'
import * as pgBoss from '../../../../dist/pg-boss/index.js'
import {type Attempt, type Cost, meter} from './meter.js'
import {PostgresServer} from './postgres.js'
import type {RedisServer} from './redis.js'

const [workerLimit, producerLimit] = [50, 500]
const double = ({data}: {readonly data: number}): number => data * 2

type Source<R> = ConstructorParameters<typeof ConcurrentRunner<R>>[0]

/** `undefined` where there is no PostgreSQL. */
export async function measureEnds(
  {connection}: RedisServer,
  jobs: number,
): Promise<{ours: Attempt; bare: Attempt; end: () => Promise<void>} | undefined> {
  const server = await PostgresServer.start()
  if (server === undefined) return undefined
  const boss = await new PgBoss({connectionString: server.url, schedule: false}).start()
  boss.on('error', console.error)
  const numbers = Array.from({length: jobs}, (_, number) => number)
  let round = 0
  return {
    ours: () => {
      const queue = `ends-${round++}`
      return run(
        pgBoss.workerTasks<number, number>(queue, double, {boss}),
        pgBoss.remoteTasks<number, number>(numbers, {queue, boss}),
      )
    },
    bare: () => {
      const queue = `ends-${round++}`
      return run(
        bullmq.workerTasks<number, number>(queue, double, {connection}),
        bullmq.remoteTasks<number, number>(numbers, {queue, connection}),
      )
    },
    end: async () => {
      await boss.stop({graceful: false})
      await server.end()
    },
  }

  async function run(jobsToDo: Source<number | undefined>, tasks: Source<number>): Promise<Cost> {
    const cost = meter()
    const worker = new ConcurrentRunner(jobsToDo, {limit: workerLimit, yieldExceptions: true})
    const working = worker.run()
    let sum = 0
    for await (const result of new ConcurrentRunner(tasks, {limit: producerLimit})) sum += result
    const elapsed = cost()
    await worker.stop()
    await working
    if (sum !== jobs * (jobs - 1)) throw new Error(`the results add up to ${sum}`)
    return elapsed
  }
}
