/**
 * Draws what a runner does, as its events and its tracing channel tell it:
 *
 *     npx tsx examples/timeline.ts [FOLDER] [--limit 4] [--tasks 40] [--out timeline]
 *
 * With a FOLDER the tasks read its files. Without one they ask three hosts that are not there: two tasks at once of each
 * host, some fail and are tried again, all wait when a host is busy, and the limit changes on the way.
 * Writes `timeline.svg`, to look at in a browser, and `timeline.json`, to open in https://ui.perfetto.dev.
 */
import {createHash} from 'node:crypto'
import {statSync} from 'node:fs'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner, type TaskContext, TaskQueue} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'
import {Recorder} from './timeline/recorder.js'
import {toSvg} from './timeline/svg.js'
import {toTrace} from './timeline/trace.js'

/** One task for each file of a folder. */
async function* checksums(folder: string) {
  for (const entry of await readdir(folder, {withFileTypes: true, recursive: true}))
    if (entry.isFile())
      yield async ({signal}: TaskContext) => {
        const content = await readFile(join(entry.parentPath, entry.name), {signal})
        return createHash('sha256').update(content).digest('hex')
      }
}

/** Tasks that take 30 to 180 ms. Some fail at first, some for good; the one in the middle makes all others wait. */
function demo(count: number, hosts: RateLimit): TaskQueue<void> {
  const queue = new TaskQueue<void>({groups: {limit: 2}})
  let seed = 459
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 // the same in every run
  for (let number = 0; number < count; number++) {
    const [ms, luck, isBusy] = [30 + 150 * random(), random(), number === Math.round(count * 0.55)]
    const ask = async ({attempt, signal}: TaskContext): Promise<void> => {
      await sleep(ms, undefined, {signal})
      if (isBusy && attempt === 1) hosts.holdFor(150) // as a `Retry-After` says
      if (luck < 0.05 || (attempt === 1 && (luck < 0.17 || isBusy))) throw new Error('the host is busy')
    }
    void queue.push(ask, {group: `host ${'abc'[number % 3]}`})
  }
  queue.close()
  return queue
}

const help = `Usage: npx tsx examples/timeline.ts [FOLDER] [--limit 4] [--tasks 40] [--out timeline]

Draws a run as timeline.svg and timeline.json: checksums of the files below FOLDER or, without one, so many tasks that
ask hosts, fail and are tried again, while the limit changes. Ended early, it writes nothing.
Exit status: 0 done, 2 wrong arguments, 130 or 143 interrupted.
`

const {folder, out, limit, tasks} = readArguments(
  help,
  {limit: '4', tasks: '40', out: 'timeline'},
  (values, positionals) => {
    checkPositionals(positionals, 1, 'one FOLDER')
    const [top] = positionals
    if (top !== undefined && !statSync(top, {throwIfNoEntry: false})?.isDirectory())
      throw new Error(`FOLDER must be an existing folder; got '${top}'`)
    return {
      folder: top,
      out: values.out,
      limit: readCount('limit', values.limit),
      tasks: readCount('tasks', values.tasks),
    }
  },
)

await untilEnded(async (signal) => {
  const recorder = new Recorder()
  const hosts = new RateLimit({amount: 1000, per: 1000})
  const options = {limit, signal, retry: {delay: 60}, governor: recorder.watch(hosts)}
  const runner: ConcurrentRunner<unknown, boolean> =
    folder === undefined
      ? demo(tasks, hosts).run(options)
      : new ConcurrentRunner(checksums(folder), {limit, signal, yieldExceptions: true})
  recorder.record(runner)
  if (folder === undefined)
    runner.on('start', ({index}) => {
      if (index === Math.round(tasks * 0.3)) runner.limit = limit + 2
      if (index === Math.round(tasks * 0.9)) runner.limit = Math.max(1, limit - 1)
    })
  const {started, failed} = await runner.run()

  const title = folder === undefined ? 'What a runner does' : `Checksums of ${folder}`
  await writeFile(`${out}.svg`, toSvg(title, recorder.timeline))
  await writeFile(`${out}.json`, toTrace(recorder.timeline))
  console.log(`${started} tasks, ${failed} failed: ${out}.svg, ${out}.json`)
})
