/** A producer in a process of its own. Writes `result NUMBER` for each result, `failure …`, and `drained`. */
import {writeSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, ConcurrentRunner} from 'aio-tasks'
import {blocking, type Settings} from './settings.js'
import {openProducer} from './sources.js'

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const write = (line: string): number => writeSync(1, `${line}\n`)
const numbers = Array.from({length: settings.count}, (_, number) =>
  settings.blocks && number === 0 ? blocking : number,
)

const {source, close} = await openProducer(settings, numbers, (error) => process.stderr.write(`${error.message}\n`))
const runner = new ConcurrentRunner(source, {limit: 100, yieldExceptions: true})
process.once('SIGTERM', () => runner.abort())
try {
  for await (const result of runner)
    write(result instanceof ConcurrentError ? `failure ${result.message}` : `result ${result}`)
} catch (error) {
  write(`failed ${String(error)}`)
}
await runner.drained
write('drained')
await Promise.race([close(), sleep(3000)]) // pg-boss waits for dead connections
process.exit()
