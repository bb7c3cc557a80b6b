/** pg-boss's engine passes the suite that every engine must pass. */
import {LostJobError} from 'aio-tasks/remote'
import ava from 'ava'
import {resolveQueue} from '../../src/pg-boss/options.js'
import {PgBossProducerEngine} from '../../src/pg-boss/producer-engine.js'
import {PgBossWorkerEngine} from '../../src/pg-boss/worker-engine.js'
import {testEngine} from '../engine.js'
import {usePostgres} from './helpers.js'

const {bossOf, queueName} = usePostgres()

testEngine('pg-boss', async (t) => {
  const boss = await bossOf(t)
  const queue = queueName()
  const options = resolveQueue(queue, {boss, queueOptions: {retryLimit: 1}, pollInterval: 100})
  return {
    producer: () => new PgBossProducerEngine<unknown>(options, () => ({retryLimit: 0})),
    worker: () => new PgBossWorkerEngine<unknown>(options),
    // pg-boss does this with a job that has expired and is tried once more.
    lose: async (id) => {
      const text = `UPDATE pgboss.job SET state = 'retry' WHERE name = $1 AND id = $2`
      await boss.getDb().executeSql(text, [queue, id])
    },
  }
})

ava.serial(
  'a worker that takes a job it has lost hands in both outcomes at once, and only the second counts',
  async (t) => {
    const boss = await bossOf(t)
    const queue = queueName()
    const options = resolveQueue(queue, {boss, pollInterval: 100})
    const producer = new PgBossProducerEngine<number>(options, () => ({}))
    const worker = new PgBossWorkerEngine<number>(options)
    const id = crypto.randomUUID()
    await producer.add([{id, index: 0, data: 1}])
    const [first] = await worker.take(1)
    await boss.getDb().executeSql(`UPDATE pgboss.job SET state = 'retry' WHERE name = $1 AND id = $2`, [queue, id])
    const [second] = await worker.take(1)
    const lost = t.throwsAsync(async () => first?.done('late'), {instanceOf: LostJobError})
    await second?.done('in time')
    await lost
    t.deepEqual(await producer.outcomes([id]), [{id, status: 'completed', result: 'in time'}])
    await Promise.all([worker.close(), producer.close()])
  },
)
