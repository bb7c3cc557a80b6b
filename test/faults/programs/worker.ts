/** A worker in a process of its own. Writes `ready`, `run ID` for each job that it begins, and `drained`. */
import {writeSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner} from 'aio-tasks'
import {blocking, blockingTime, type Settings} from './settings.js'
import {openWorker} from './sources.js'

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const write = (line: string): number => writeSync(1, `${line}\n`)

const {source, close} = await openWorker(
  settings,
  async (id, data, isFirst) => {
    write(`run ${id}`)
    if (data === blocking && isFirst) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockingTime)
    await sleep(settings.ms * (0.5 + Math.random()))
    return data * 2
  },
  (error) => process.stderr.write(`${error.message}\n`),
)
const runner = new ConcurrentRunner(source, {limit: settings.limit, yieldExceptions: true})
process.once('SIGTERM', () => void runner.stop())
const running = runner.run()
write('ready')
await running.catch((error: unknown) => write(`failed ${String(error)}`))
write('drained')
await Promise.race([close(), sleep(3000)]) // pg-boss waits for dead connections
process.exit()
