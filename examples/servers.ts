/** Servers on this machine for the other examples: `npx tsx examples/servers.ts` starts them, and says how to ask them. */
import {once} from 'node:events'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {json} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import {checkPositionals, exitWhenUnread, readArguments} from './program.js'

/** What a server saw. */
export interface Served {
  readonly url: string
  /** The requests in the order in which they came; moments are `performance.now()`. */
  readonly asked: Array<{
    readonly path: string
    readonly at: number
    readonly status?: number
    readonly answeredAt?: number
  }>
  /** The most requests in flight at once. */
  readonly most: () => number
  readonly close: () => void
}

interface Answer {
  readonly status?: number
  readonly headers?: OutgoingHttpHeaders
  readonly body?: unknown
}

/** Serves on a free port of this machine what a function answers, as JSON. */
export async function serve(answer: (request: IncomingMessage, inFlight: number) => Promise<Answer>): Promise<Served> {
  const asked: Served['asked'] = []
  let inFlight = 0
  let most = 0
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entry: Served['asked'][number] = {path: request.url ?? '', at: performance.now()}
    asked.push(entry)
    most = Math.max(most, ++inFlight)
    const {status = 200, headers = {}, body = null} = await answer(request, inFlight)
    inFlight--
    Object.assign(entry, {status, answeredAt: performance.now()})
    response.writeHead(status, {'content-type': 'application/json', ...headers}).end(JSON.stringify(body))
  }
  const server = createServer((request, response) => void respond(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => server.close().closeAllConnections()
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, most: () => most, close}
}

/** A language model that repeats the prompt in capitals, uses `tokens` for each, and answers `atOnce` requests at once. */
export function serveModel(options: {atOnce?: number; tokens?: number; ms?: number} = {}): Promise<Served> {
  const {atOnce = 8, tokens = 50, ms = 30} = options
  return serve(async (request, inFlight) => {
    const {messages} = (await json(request)) as {messages: Array<{content: string}>}
    if (inFlight > atOnce) return {status: 429, headers: {'retry-after': '0'}}
    await sleep(ms * (0.5 + Math.random()))
    const content = messages[0]?.content.toUpperCase()
    return {body: {choices: [{message: {content}}], usage: {total_tokens: tokens}}}
  })
}

/** Pages of addresses at `/pages/0` and so on, and what is at these addresses. */
export function servePages(options: {pages?: number; size?: number; ms?: number} = {}): Promise<Served> {
  const {pages = 20, size = 50, ms = 10} = options
  return serve(async ({url = ''}) => {
    await sleep(ms * (0.5 + Math.random()))
    const [, kind, number] = url.split('/')
    if (kind === 'entries') return {body: {number: Number(number)}}
    const first = Number(number) * size
    const entries = Array.from({length: size}, (_, index) => `/entries/${first + index}`)
    return {body: {entries, next: Number(number) + 1 < pages ? `/pages/${Number(number) + 1}` : null}}
  })
}

/** Several hosts, which are ports here, with a file at every path. The URLs take turns among the hosts. */
export async function serveFiles(
  options: {hosts?: number; files?: number; ms?: number} = {},
): Promise<{hosts: Served[]; urls: string[]; most: () => number}> {
  const {hosts = 20, files = 500, ms = 30} = options
  let inFlight = 0
  let most = 0
  const answer = async ({url}: IncomingMessage): Promise<Answer> => {
    most = Math.max(most, ++inFlight)
    await sleep(ms * (0.5 + Math.random()))
    inFlight--
    return {body: `The file ${url}`}
  }
  const servers = await Promise.all(Array.from({length: hosts}, () => serve(answer)))
  const urls = Array.from({length: files}, (_, index) => `${servers[index % hosts]?.url}/${index}`)
  return {hosts: servers, urls, most: () => most}
}

const help = `Usage: npx tsx examples/servers.ts

Starts servers for llm.ts, ingest.ts, downloader.ts and tenants.ts, and prints how to run these. Ctrl-C and SIGTERM end the
servers, and remove the folder for what the examples read and write.
`

if (process.argv[1] === import.meta.filename) {
  readArguments(help, {}, (_, positionals) => checkPositionals(positionals, 0, 'no arguments'))
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-'))
  process.once('exit', () => rmSync(folder, {recursive: true, force: true}))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit())
  exitWhenUnread()
  const write = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
    return join(folder, name)
  }
  const numbers = [...Array(100).keys()]
  const prompts = write(
    'prompts.txt',
    numbers.map((number) => `Say ${number} in words`),
  )
  console.log(`npx tsx examples/llm.ts ${(await serveModel()).url} ${prompts} ${join(folder, 'replies.jsonl')}`)
  console.log(`npx tsx examples/ingest.ts ${(await servePages()).url}/pages/0 ${join(folder, 'entries')}`)
  const urls = write('urls.txt', (await serveFiles()).urls)
  console.log(`npx tsx examples/downloader.ts ${urls} ${join(folder, 'files')}`)
  console.log(`npx tsx examples/tenants.ts ${(await serveFiles({hosts: 1, files: 0, ms: 1000})).hosts[0]?.url}`)
}
