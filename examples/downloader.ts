/**
 * Downloads many files from many hosts, politely to each: `npx tsx examples/downloader.ts URLS FOLDER`, with servers from
 * `npx tsx examples/servers.ts`.
 */
import {createWriteStream, mkdirSync, renameSync} from 'node:fs'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {ConcurrentError, ConcurrentRunner, type TaskContext} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'
import {SingleBar} from 'cli-progress'
import {readCommandLine} from './command-line.js'
import {passes, succeeded} from './http.js'
import {Remaining} from './remaining.js'

const usage = `Usage: npx tsx examples/downloader.ts URLS FOLDER [--limit N] [--each N] [--rate N]

Downloads what the lines of the file URLS name to FOLDER: N at once (--limit, default: 20), of which N for each host
(--each, default: 2), where at most N a second begin (--rate, default: 50), and none before a Retry-After is over. What
is left after Ctrl-C, or has failed three times, is written to FOLDER/left.txt, and the next run takes that instead of
URLS. Exit status: 0 done, 1 something failed, 2 wrong arguments, 130 interrupted.`

const {args, options} = readCommandLine(usage, 2, {limit: 20, each: 2, rate: 50})
const [list = '', folder = ''] = args
mkdirSync(folder, {recursive: true})
const left = new Remaining(list, join(folder, 'left.txt'))
const hostOf = (url: string): string => new URL(url).host
const newRate = (): RateLimit => new RateLimit({amount: options.rate, per: 1000})
const rates = new Map([...left].map((url) => [hostOf(url), newRate()]))

async function download(url: string, {signal}: TaskContext): Promise<void> {
  const {body} = await succeeded(await fetch(url, {signal}), rates.get(hostOf(url)))
  const path = join(folder, encodeURIComponent(url))
  await pipeline(body, createWriteStream(`${path}.part`), {signal})
  renameSync(`${path}.part`, path)
  left.delete(url)
}

const runner = ConcurrentRunner.map([...left], download, {
  limit: options.limit,
  group: hostOf,
  groups: {limit: options.each, governor: (host) => rates.get(host) ?? newRate()},
  readAhead: Infinity,
  retry: {when: passes},
  yieldExceptions: true,
})
process.once('SIGINT', () => void runner.return().then(() => (process.exitCode = 130)))

const failures: string[] = []
const bar = new SingleBar({format: '{bar} {value}/{total}, {eta_formatted} left'}) // draws on a terminal alone
bar.start(left.size, 0)
for await (const outcome of runner) {
  bar.increment()
  if (outcome instanceof ConcurrentError) failures.push(`${String(outcome.item)}: ${outcome.message}`)
}
await runner.drained
bar.stop()
left.save()
for (const failure of failures) console.error(failure)
if (failures.length > 0) process.exitCode ??= 1
console.log(`${runner.stats.succeeded} downloaded, ${left.size} left`)
