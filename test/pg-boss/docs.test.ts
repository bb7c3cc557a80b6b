/** The examples of the doc comments of `aio-tasks/pg-boss` run, on a PostgreSQL of this file's own, however they are left. */
import {remoteTasks, workerTasks} from 'aio-tasks/pg-boss'
import test from 'ava'
import {endings, tryExamples} from '../engines/examples.js'
import {
  docExamples,
  documentSnippets,
  exporting,
  removeFolder,
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

for (const ending of endings)
  test.serial(`every example in the doc comments of pg-boss runs, and its runners end by: ${ending}`, async (t) => {
    const all = (await docExamples()).filter(({place}) => place.startsWith('src/pg-boss/'))
    const boss = await bossOf(t)
    await tryExamples(t, all.map(here).map(exporting), ending, {
      isWorker: ({code}) => code.includes('workerTasks('),
      work: (handler) => workerTasks('images', handler, {boss}),
      handIn: (jobs) => [remoteTasks(jobs, {queue: 'images', boss})],
    })
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
