/**
 * The examples of the doc comments of `aio-tasks/bullmq` run, on a Redis of this file's own, whichever way they are
 * left.
 */
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import test from 'ava'
import {assumed, docExamples, exporting, removeFolder, runExamples, snippetFolder} from '../helpers/snippets.js'
import {useRedis} from './helpers/redis.js'

const redis = useRedis()

for (const ending of ['none', 'break', 'abort', 'a failing task'])
  test.serial(`every example in the doc comments of BullMQ runs, and its runners end by: ${ending}`, async (t) => {
    const examples = (await docExamples()).filter(({place}) => place.startsWith('src/bullmq/')).map(exporting)
    t.log(`${examples.length}`)
    const connection = {host: redis.host, port: redis.port}
    const folder = await snippetFolder(examples, assumed)
    t.teardown(() => removeFolder(folder))
    const told = async (isWorker: boolean): Promise<void> => {
      const own = examples.filter(({code}) => code.includes('= workerTasks') === isWorker)
      t.true(own.some(({code}) => code.includes('new ConcurrentRunner')))
      const {status, stdout, stderr} = await runExamples(folder, own, ending, connection)
      t.deepEqual({status, output: `${stdout}${stderr}`}, {status: 0, output: `ran ${own.length}\n`})
    }

    // A worker for the examples that hand jobs in, and jobs for the examples that are workers.
    const handler = (): number => {
      if (ending === 'a failing task') throw new Error('the job fails')
      return 1
    }
    const worker = new ConcurrentRunner(workerTasks('images', handler, {connection}), {yieldExceptions: true})
    const working = worker.run()
    await told(false)
    await worker.stop()
    await working
    const producers = ['images', 'pages'].map((queue) => {
      const jobs = Array.from({length: 5}, (_, index) => ({path: `${index}`}))
      return new ConcurrentRunner(remoteTasks(jobs, {queue, connection}), {yieldExceptions: true})
    })
    const handingIn = producers.map((producer) => producer.run().catch(() => {}))
    await told(true)
    for (const producer of producers) producer.abort()
    await Promise.all(handingIn)
  })
