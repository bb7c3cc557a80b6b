/**
 * The examples of the doc comments of `aio-tasks/bullmq` run, on a Redis of this file's own, whichever way they are
 * left.
 */
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import test from 'ava'
import {endings, tryExamples} from '../engines/examples.js'
import {docExamples, exporting} from '../helpers/snippets.js'
import {useRedis} from './helpers/redis.js'

const redis = useRedis()

for (const ending of endings)
  test.serial(`every example in the doc comments of BullMQ runs, and its runners end by: ${ending}`, async (t) => {
    const examples = (await docExamples()).filter(({place}) => place.startsWith('src/bullmq/')).map(exporting)
    const connection = {host: redis.host, port: redis.port}
    await tryExamples(t, examples, ending, {
      connection,
      isWorker: ({code}) => code.includes('= workerTasks'),
      work: (handler) => workerTasks('images', handler, {connection}),
      handIn: (jobs) => ['images', 'pages'].map((queue) => remoteTasks(jobs, {queue, connection})),
    })
  })
