/** pg-boss's engine passes the suite that every engine must pass. */
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
