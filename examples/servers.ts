/** Servers on this machine for the other examples: `npx tsx examples/servers.ts` starts them, and says how to ask them. */
import {once} from 'node:events'
import {mkdtempSync, writeFileSync} from 'node:fs'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {json} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'

/** What a server saw. */
export interface Served {
  readonly url: string
  /** The paths that were asked for, with the moment by `performance.now()` and the answer's status. */
  readonly asked: Array<{readonly path: string; readonly at: number; status: number}>
  /** The most requests in flight at once. */
  readonly most: () => number
  readonly close: () => void
}

type Answer = (request: IncomingMessage, response: ServerResponse, inFlight: number) => Promise<unknown>

/** Serves on a free port of this machine. */
export async function serve(answer: Answer): Promise<Served> {
  const asked: Served['asked'] = []
  let inFlight = 0
  let most = 0
  const server = createServer((request, response) => {
    const entry = {path: request.url ?? '', at: performance.now(), status: 0}
    asked.push(entry)
    most = Math.max(most, ++inFlight)
    response.once('finish', () => (entry.status = response.statusCode)).once('close', () => inFlight--)
    void answer(request, response, inFlight)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => server.close().closeAllConnections()
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, most: () => most, close}
}

const send = (response: ServerResponse, body: unknown): unknown =>
  response.writeHead(200, {'content-type': 'application/json'}).end(JSON.stringify(body))

/** A language model that repeats the prompt in capitals, uses `tokens` for each, and answers `atOnce` requests at once. */
export function serveModel(options: {atOnce?: number; tokens?: number; ms?: number} = {}): Promise<Served> {
  const {atOnce = 8, tokens = 50, ms = 30} = options
  return serve(async (request, response, inFlight) => {
    const {messages} = (await json(request)) as {messages: Array<{content: string}>}
    if (inFlight > atOnce) return response.writeHead(429, {'retry-after': '0'}).end()
    await sleep(ms * (0.5 + Math.random()))
    const content = messages[0]?.content.toUpperCase()
    return send(response, {choices: [{message: {content}}], usage: {total_tokens: tokens}})
  })
}

/** Pages of addresses at `/pages/0` and so on, and what is at these addresses. */
export function servePages(options: {pages?: number; size?: number; ms?: number} = {}): Promise<Served> {
  const {pages = 20, size = 50, ms = 10} = options
  return serve(async ({url = ''}, response) => {
    await sleep(ms * (0.5 + Math.random()))
    const [, kind, number] = url.split('/')
    if (kind === 'entries') return send(response, {number: Number(number)})
    const first = Number(number) * size
    const entries = Array.from({length: size}, (_, index) => `/entries/${first + index}`)
    return send(response, {entries, next: Number(number) + 1 < pages ? `/pages/${Number(number) + 1}` : null})
  })
}

if (process.argv[1] === import.meta.filename) {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-'))
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
}
