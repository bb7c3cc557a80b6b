/** A live view of a run in the terminal: `npx tsx examples/live.ts`. Without a terminal it prints a line now and then. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {LiveView} from './live/view.js'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'

const help = `Usage: npx tsx examples/live.ts [--limit 4] [--tasks 60]

Runs so many tasks that sleep, some of which fail, at most N at once; the limit changes on the way. Shows what runs now.
Exit status: 0 done, 2 wrong arguments, 130 or 143 interrupted.
`

const {limit, tasks} = readArguments(help, {limit: '4', tasks: '60'}, (values, positionals) => {
  checkPositionals(positionals, 0, 'options alone')
  return {limit: readCount('limit', values.limit), tasks: readCount('tasks', values.tasks)}
})

await untilEnded(async (signal) => {
  const names = Array.from({length: tasks}, (_, index) => `page-${index}.html`)
  await using runner = ConcurrentRunner.map(
    names,
    async (name, context) => {
      await sleep(100 + ((context.index * 379) % 900), undefined, {signal: context.signal})
      if (context.index % 11 === 7) throw new Error(`${name} is busy`)
    },
    {limit, signal, yieldExceptions: true},
  )
  runner.on('start', ({index}) => {
    if (index === Math.round(tasks / 3)) runner.limit = limit + 2
  })
  const view = new LiveView(runner, {total: tasks})
  await runner.run().finally(() => view[Symbol.dispose]())
})
