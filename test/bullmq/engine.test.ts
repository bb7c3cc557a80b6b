/** BullMQ's engine passes the suite that every engine must pass. */
import {resolveRemoteQueue, resolveWorker} from '../../src/bullmq/options.js'
import {BullMQProducerEngine} from '../../src/bullmq/producer-engine.js'
import {BullMQWorkerEngine} from '../../src/bullmq/worker-engine.js'
import {testEngine} from '../engine.js'
import {queueOf} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'
import {short} from './programs/settings.js'

const redis = useRedis()

testEngine('BullMQ', (t) => {
  const queue = queueOf(t, redis)
  const client = redis.client(t)
  const place = {connection: redis.connection, onError: () => {}}
  return {
    producer: () => new BullMQProducerEngine(resolveRemoteQueue<unknown>({...place, queue: queue.name})),
    worker: () => new BullMQWorkerEngine(resolveWorker(queue.name, {...place, workerOptions: short})),
    lose: async (id) => void (await client.del(`${queue.toKey(id)}:lock`)),
  }
})
