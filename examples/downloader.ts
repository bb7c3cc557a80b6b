/**
 * Downloads many files from many hosts, politely to each: `npx tsx examples/downloader.ts URLS FOLDER`, with servers from
 * `npx tsx examples/servers.ts`.
 */
import {createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {ConcurrentError, ConcurrentRunner, type TaskContext, TaskQueue} from 'aio-tasks'
import {RateLimit} from 'aio-tasks/governors'
import {SingleBar} from 'cli-progress'
import {readCommandLine} from './command-line.js'

const usage = `Usage: npx tsx examples/downloader.ts URLS FOLDER [--limit N] [--each N] [--rate N]

Downloads what the lines of the file URLS name to FOLDER: N at once (--limit, default: 20), of which N for each host
(--each, default: 2), where at most N a second begin (--rate, default: 50), and none before a Retry-After is over. What
is left after Ctrl-C, or has failed three times, is written to FOLDER/left.txt, and the next run takes that instead of
URLS. Exit status: 0 done, 1 something failed, 2 wrong arguments, 130 interrupted.`

const {args, options} = readCommandLine(usage, 2, {limit: 20, each: 2, rate: 50})
const [list = '', folder = ''] = args
mkdirSync(folder, {recursive: true})
const resume = join(folder, 'left.txt')
const lines = readFileSync(existsSync(resume) ? resume : list, 'utf8').split('\n')
const left = new Set(lines.filter((line) => URL.canParse(line)))
const total = left.size
const hostOf = (url: string): string => new URL(url).host
const rates = new Map([...left].map((url) => [hostOf(url), new RateLimit({amount: options.rate, per: 1000})]))
const rateOf = (host: string): RateLimit => rates.get(host) ?? new RateLimit({amount: options.rate, per: 1000})

async function download(url: string, {signal}: TaskContext): Promise<void> {
  const {ok, status, headers, body} = await fetch(url, {signal})
  if (!ok || body === null) {
    await body?.cancel()
    const after = headers.get('retry-after')
    if (Number(after) > 0) rateOf(hostOf(url)).holdFor(1000 * Number(after))
    else if (after !== null) rateOf(hostOf(url)).holdUntil(new Date(after))
    throw Object.assign(new Error(`HTTP status ${status}`), {status})
  }
  const path = join(folder, encodeURIComponent(url))
  await pipeline(body, createWriteStream(`${path}.part`), {signal})
  renameSync(`${path}.part`, path)
  left.delete(url)
}

const queue = new TaskQueue<void>({groups: {limit: options.each, governor: rateOf}})
for (const url of left) void queue.push((context) => download(url, context), {group: hostOf(url), item: url})
queue.closeWhenIdle()
const runner = new ConcurrentRunner(queue, {
  limit: options.limit,
  retry: {when: ({error}) => [429, 500, 502, 503, 504, undefined].includes((error as {status?: number}).status)},
  yieldExceptions: true,
})
process.once('SIGINT', () => void runner.return().then(() => (process.exitCode = 130)))

const failures: string[] = []
const bar = new SingleBar({format: '{bar} {value}/{total}, {eta_formatted} left'}) // draws on a terminal alone
bar.start(total, 0)
for await (const outcome of runner) {
  bar.increment()
  if (outcome instanceof ConcurrentError) failures.push(`${String(outcome.item)}: ${outcome.message}`)
}
await runner.drained
bar.stop()
for (const failure of failures) console.error(failure)
if (failures.length > 0) process.exitCode = 1
if (left.size > 0) writeFileSync(resume, [...left].join('\n'))
else rmSync(resume, {force: true})
console.log(`${total - left.size} downloaded, ${left.size} left`)
