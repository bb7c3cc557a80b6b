/**
 * A gateway that is fair to the tenants of the service behind it: `PORT=8080 npx tsx examples/tenants.ts URL`, with a
 * server from `npx tsx examples/servers.ts`.
 */
import {once} from 'node:events'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type TaskContext, TaskQueue} from 'aio-tasks'
import {readCommandLine} from './command-line.js'

const usage = `Usage: PORT=8080 npx tsx examples/tenants.ts URL [--limit N] [--each N] [--capacity N] [--timeout MS]

Passes GET requests on to URL, N at once (--limit, default: 10), of which N for each tenant (--each, default: 3). The
header x-tenant names the tenant. Tenants take turns. Of each tenant N requests may wait (--capacity, default: 20): what is more is
answered with 429. An answer may take MS (default: 10000). SIGTERM ends the gateway once it has answered what it has
accepted, at the latest after 30 seconds.`

const {args, options} = readCommandLine(usage, 1, {limit: 10, each: 3, capacity: 20, timeout: 10_000})
const queue = new TaskQueue({groups: {limit: options.each, capacity: options.capacity}})
queue.run({limit: options.limit, timeout: options.timeout})

async function pass(path: string, {signal}: TaskContext): Promise<{status: number; body: Buffer}> {
  const response = await fetch(new URL(path, args[0]), {signal})
  return {status: response.status, body: Buffer.from(await response.arrayBuffer())}
}

/** The status for a client whose request got no answer from URL. */
function statusOf({name}: Error): number {
  if (name === 'QuotaExceededError') return 429
  if (name === 'InvalidStateError') return 503 // the gateway is stopping
  return name === 'TimeoutError' ? 504 : 502
}

async function answer({url = '/', headers}: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = new AbortController()
  response.once('close', () => client.abort()) // takes its request out of the queue, or ends it
  const {status, body} = await queue
    .push((context) => pass(url, context), {group: headers['x-tenant'], signal: client.signal})
    .catch((error: Error) => ({status: statusOf(error), body: `${error.message}\n`}))
  if (!server.listening) response.setHeader('connection', 'close')
  if (status === 429 || status === 503) response.setHeader('retry-after', '1')
  response.writeHead(status).end(body)
}

async function stop(): Promise<void> {
  const closed = once(server.close(), 'close')
  await queue.shutdown({timeout: 30_000})
  await closed
}

const server = createServer((request, response) => void answer(request, response))
await once(server.listen(Number(process.env['PORT'] ?? 8080)), 'listening')
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
