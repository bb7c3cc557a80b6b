/**
 * Draws what a runner does, from its events alone:
 *
 *     npx tsx examples/timeline.ts [FOLDER] [--limit 4] [--tasks 40] [--out timeline]
 *
 * With a FOLDER the tasks read its files; without one they sleep, fail and retry, and the limit changes on the way.
 * Writes `timeline.svg`, to look at in a browser, and `timeline.json`, to open in https://ui.perfetto.dev.
 */
import {createHash} from 'node:crypto'
import {statSync} from 'node:fs'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner, type Task, type TaskContext} from 'aio-tasks'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'
import {Recorder} from './timeline/recorder.js'
import {toSvg} from './timeline/svg.js'
import {toTrace} from './timeline/trace.js'

/** Tries a task that fails once more, after a while, and says so. */
class RetryingRunner<T> extends ConcurrentRunner<T, true, {again: [context: TaskContext, ms: number]}> {
  protected override async execute(task: Task<T>, context: TaskContext): Promise<T> {
    try {
      return await super.execute(task, context)
    } catch {
      this.emit('again', context, 60)
      await sleep(60, undefined, {signal: context.signal})
      return super.execute(task, context)
    }
  }
}

/** One task for each file of a folder. */
async function* checksums(folder: string) {
  for (const entry of await readdir(folder, {withFileTypes: true, recursive: true}))
    if (entry.isFile())
      yield async ({signal}: TaskContext) => {
        const content = await readFile(join(entry.parentPath, entry.name), {signal})
        return createHash('sha256').update(content).digest('hex')
      }
}

/** Tasks that take 30 to 180 ms; some fail at first, some for good, and halfway the source itself has to wait. */
async function* demo(count: number) {
  let seed = 7
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 // the same in every run
  for (let index = 0; index < count; index++) {
    if (index === Math.round(count * 0.7)) await sleep(150)
    const [ms, luck] = [30 + 150 * random(), random()]
    let attempts = 0
    yield async ({signal}: TaskContext) => {
      await sleep(ms, undefined, {signal})
      if (luck < 0.08 || (luck < 0.2 && ++attempts === 1)) throw new Error('the service is busy')
    }
  }
}

const help = `Usage: npx tsx examples/timeline.ts [FOLDER] [--limit 4] [--tasks 40] [--out timeline]

Draws a run as timeline.svg and timeline.json: checksums of the files below FOLDER or, without one, so many tasks that
sleep, fail and are tried again, while the limit changes. Ended early, it writes nothing.
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
  const source = folder === undefined ? demo(tasks) : checksums(folder)
  const runner = new RetryingRunner<unknown>(source, {limit, yieldExceptions: true, signal})
  const recorder = new Recorder(runner)
  runner.on('again', (context, ms) => recorder.waits(context, ms))
  if (folder === undefined)
    runner.on('start', ({index}) => {
      if (index === Math.round(tasks * 0.35)) runner.limit = limit + 2
      if (index === Math.round(tasks * 0.85)) runner.limit = Math.max(1, limit - 1)
    })
  const {started, failed} = await runner.run()

  const title = folder === undefined ? 'What a runner does' : `Checksums of ${folder}`
  await writeFile(`${out}.svg`, toSvg(title, recorder.timeline))
  await writeFile(`${out}.json`, toTrace(recorder.timeline))
  console.log(`${started} tasks, ${failed} failed: ${out}.svg, ${out}.json`)
})
