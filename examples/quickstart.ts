/** Ten tasks that take a while, three at a time: run it with `npx tsx examples/quickstart.ts`. */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {checkPositionals, exitWhenUnread, readArguments} from './program.js'

readArguments('Usage: npx tsx examples/quickstart.ts\n\nRuns ten tasks, at most three at once.\n', {}, (_, given) =>
  checkPositionals(given, 0, 'no arguments'),
)
exitWhenUnread()

function* tasks() {
  for (let number = 1; number <= 10; number++)
    yield async () => {
      await sleep(Math.random() * 1000)
      return `result ${number}`
    }
}

const runner = new ConcurrentRunner(tasks(), {limit: 3})
runner.on('start', ({index}) => console.log(`task ${index + 1} starts, now ${runner.stats.running} of 3 run`))

for await (const result of runner) console.log(result)
