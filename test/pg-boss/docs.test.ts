/** The examples of the doc comments of `aio-tasks/pg-boss` run, on a PostgreSQL of this file's own, however they are left. */
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/pg-boss'
import test from 'ava'
import {
  assumed,
  docExamples,
  documentSnippets,
  exporting,
  removeFolder,
  runExamples,
  runSnippet,
  type Snippet,
  snippetFolder,
} from '../helpers/snippets.js'
import {usePostgres} from './helpers.js'

const {server, bossOf} = usePostgres()

/** An example that uses this PostgreSQL. */
function here({place, code}: Snippet): Snippet {
  return {place, code: code.replace(/new PgBoss\(.*?\)/, `new PgBoss('${server.url}')`)}
}

for (const ending of ['none', 'break', 'abort', 'a failing task'])
  test.serial(`every example in the doc comments of pg-boss runs, and its runners end by: ${ending}`, async (t) => {
    const all = (await docExamples()).filter(({place}) => place.startsWith('src/pg-boss/'))
    t.log(`${all.length}`)
    const examples = all.map(here).map(exporting)
    const boss = await bossOf(t)
    const folder = await snippetFolder(examples, assumed)
    t.teardown(() => removeFolder(folder))
    const told = async (isWorker: boolean): Promise<void> => {
      const own = examples.filter(({code}) => code.includes('workerTasks(') === isWorker)
      t.true(own.some(({code}) => code.includes('new ConcurrentRunner')))
      const {status, stdout, stderr} = await runExamples(folder, own, ending)
      t.deepEqual({status, output: `${stdout}${stderr}`}, {status: 0, output: `ran ${own.length}\n`})
    }

    // A worker for the examples that hand jobs in, and jobs for the examples that are workers.
    const handler = (): number => {
      if (ending === 'a failing task') throw new Error('the job fails')
      return 1
    }
    const worker = new ConcurrentRunner(workerTasks('images', handler, {boss}), {yieldExceptions: true})
    const working = worker.run()
    await told(false)
    await worker.stop()
    await working
    const jobs = Array.from({length: 5}, (_, index) => ({path: `${index}`}))
    const producer = new ConcurrentRunner(remoteTasks(jobs, {queue: 'images', boss}), {yieldExceptions: true})
    const handingIn = producer.run().catch(() => {})
    await told(true)
    producer.abort()
    await handingIn
  })

test.serial('the snippet of src/remote/README.md does what the text says', async (t) => {
  const page = await documentSnippets('src/remote/README.md')
  const snippets = page
    .filter(({code}) => code.includes("from 'aio-tasks/pg-boss'"))
    .map(({place, code}) => ({place, code: code.replace('postgres://db.example/app', server.url)}))
  t.is(snippets.length, 1)
  const folder = await snippetFolder(snippets)
  t.teardown(() => removeFolder(folder))
  for (const snippet of snippets)
    t.deepEqual(await runSnippet(folder, snippet), {status: 0, stdout: '[ 1, 4, 9 ]\n', stderr: ''})
})
