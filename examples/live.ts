/** A live view of a run in the terminal: `npx tsx examples/live.ts`. Without a terminal it prints a line now and then. */
import {writeFile} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {isScreen} from './bottom-line.js'
import {toPicture} from './live/picture.js'
import {LiveView} from './live/view.js'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'

const help = `Usage: npx tsx examples/live.ts [--limit 4] [--tasks 60] [--picture FILE]

Runs so many tasks that sleep, some of which fail, at most N at once; the limit changes on the way. Shows what runs now.
On a terminal, --picture writes what it shows in the middle of the run as an SVG: so was the picture in the README made.
Exit status: 0 done, 2 wrong arguments, 130 or 143 interrupted.
`

const defaults = {limit: '4', tasks: '60', picture: ''}
const {limit, tasks, picture} = readArguments(help, defaults, (values, positionals) => {
  checkPositionals(positionals, 0, 'options alone')
  if (values.picture !== '' && !isScreen(process.stderr)) throw new Error('--picture needs a terminal')
  return {limit: readCount('limit', values.limit), tasks: readCount('tasks', values.tasks), picture: values.picture}
})

await untilEnded(async (signal) => {
  const names = Array.from({length: tasks}, (_, index) => `page-${index}.html`)
  await using runner = ConcurrentRunner.map(
    names,
    async (name, {index, attempt, signal: ended}) => {
      await sleep(100 + ((index * 379) % 900), undefined, {signal: ended})
      if (index % 11 === 7 || (index % 5 === 2 && attempt === 1)) throw new Error(`${name} is busy`)
    },
    {limit, signal, yieldExceptions: true, retry: {attempts: 2, delay: 400}},
  )
  runner.on('start', ({index}) => {
    if (index === Math.round(tasks / 4)) runner.limit = limit + 4
    if (index === Math.round(tasks / 2)) runner.limit = limit + 2
  })
  let shown: readonly string[] = []
  const drawn = (lines: readonly string[]): void => {
    if (runner.stats.succeeded < tasks * 0.65) shown = lines
  }
  const view = new LiveView(runner, {total: tasks, drawn})
  await runner.run().finally(() => view[Symbol.dispose]())
  if (picture !== '') await writeFile(picture, toPicture('What runs now, in a terminal', shown, process.stderr.columns))
})
