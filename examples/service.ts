/**
 * An HTTP service around a queue, with metrics and a clean end at SIGTERM: `PORT=8080 npx tsx examples/service.ts`.
 * `curl -d '{"n": 500}' localhost:8080/jobs` runs a job of half a second; `/metrics` and `/health` tell how it is. A job
 * with `"fails": true` fails, and one with `"ignores": true` ignores its signal. SIGTERM ends the service once its jobs are
 * done, at the latest after SHUTDOWN milliseconds; SIGUSR2 stops its runner, and SIGHUP aborts it, as a fault might.
 */
import {once} from 'node:events'
import {createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {json} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentError, type TaskContext, TaskQueue} from 'aio-tasks'
import {Counter, Gauge, Histogram, register} from 'prom-client'
import {checkPositionals, goOnUnread, listen, readArguments, readVariable} from './program.js'

const help = `Usage: PORT=8080 LIMIT=10 CAPACITY=100 TIMEOUT=10000 SHUTDOWN=30000 npx tsx examples/service.ts

Prints its address. POST /jobs with a body of {"n": MS} runs a job of MS milliseconds, at most LIMIT at once, each for
TIMEOUT milliseconds; CAPACITY more may wait. GET /metrics and /health tell how it is. SIGTERM and Ctrl-C end the service
once its jobs are done, at the latest after SHUTDOWN milliseconds.
Exit status: 0 ended, 1 it cannot listen, 2 wrong arguments.
`

const {port, limit, capacity, timeout, shutdown} = readArguments(help, {}, (_, positionals) => {
  checkPositionals(positionals, 0, 'no arguments')
  return {
    port: readVariable('PORT', 8080, 0),
    limit: readVariable('LIMIT', 10),
    capacity: readVariable('CAPACITY', 100),
    timeout: readVariable('TIMEOUT', 10_000),
    shutdown: readVariable('SHUTDOWN', 30_000, 0),
  }
})
goOnUnread()
const queue = new TaskQueue({capacity})
const runner = queue.run({limit, timeout})

// Metrics: what has started is counted by the runner's events alone. No event tells what waits, so that number is read
// from the queue when the metrics are asked for.
const timers = new WeakMap<TaskContext, () => void>()
const started = new Counter({name: 'jobs_started_total', help: 'Jobs started'})
const succeeded = new Counter({name: 'jobs_succeeded_total', help: 'Jobs that gave a result'})
const failed = new Counter({name: 'jobs_failed_total', help: 'Jobs that threw, took too long or lost their client'})
const running = new Gauge({name: 'jobs_running', help: 'Jobs started and not ended'})
const duration = new Histogram({name: 'job_duration_seconds', help: 'From the start of a job to its end'})
const waiting: Gauge = new Gauge({
  name: 'jobs_waiting',
  help: 'Jobs accepted and not started',
  collect: () => waiting.set(queue.size),
})

function ended(counter: Counter, context: TaskContext): void {
  counter.inc()
  running.dec()
  timers.get(context)?.()
}
runner.on('start', (context) => {
  started.inc()
  running.inc()
  timers.set(context, duration.startTimer())
})
runner.on('result', (_, context) => ended(succeeded, context))
runner.on('error', (_, context) => context && ended(failed, context))

let accepted = 0
let answered = 0
let isStopping = false

function answer(response: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
  if (isStopping) response.setHeader('connection', 'close')
  response.writeHead(status, {'content-type': 'application/json', ...headers})
  response.end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`)
}

interface Job {
  readonly n: number
  readonly fails?: boolean
  readonly ignores?: boolean
}

function isJob(body: unknown): body is Job {
  const n = (body as Partial<Job> | null)?.n
  return typeof n === 'number' && n >= 0 && n <= 60_000
}

/** What a job does. A timer stands in for the work: it gives up when the job takes too long or its client leaves. */
async function work({n, fails, ignores}: Job, {signal}: TaskContext): Promise<string> {
  await sleep(n, undefined, ignores === true ? {} : {signal})
  if (fails === true) throw new Error(`failed after ${n} ms`)
  return `took ${n} ms`
}

/** What a client hears of a job that gave no result. */
function statusOf(error: Error): number {
  if (error instanceof ConcurrentError) return 503 // no runner is left
  return error.name === 'TimeoutError' ? 504 : 500
}

async function postJob(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const client = new AbortController()
  response.once('close', () => client.abort())
  const isShort = Number(request.headers['content-length']) <= 1000
  const job: unknown = isShort ? await json(request).catch(() => null) : null
  if (!isJob(job))
    return answer(response, 400, {error: 'Expected {"n": milliseconds from 0 to 60000} and its Content-Length'})
  if (isStopping || queue.size >= capacity)
    return answer(response, 503, {error: isStopping ? 'Stopping' : 'Too many jobs wait'}, {'retry-after': '1'})
  const id = ++accepted
  const [status, outcome] = await queue
    .push((context) => work(job, context), {signal: client.signal, item: id})
    .then(
      (result) => [200, {id, result}] as const,
      (error: Error) => [statusOf(error), {id, error: error.message}] as const,
    )
  if (response.destroyed) return
  answered++
  answer(response, status, outcome, status === 503 ? {'retry-after': '1'} : {})
}

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const what = `${request.method} ${request.url}`
  if (what === 'POST /jobs') await postJob(request, response)
  else if (what === 'GET /metrics')
    answer(response, 200, await register.metrics(), {'content-type': register.contentType})
  else if (what === 'GET /health') answer(response, isStopping ? 503 : 200, {status: isStopping ? 'stopping' : 'ok'})
  else answer(response, 404, {error: 'There are POST /jobs, GET /metrics and GET /health'})
}

/** Takes nothing more, finishes what was accepted, and ends the process: every request has its answer by then. */
async function stop(): Promise<void> {
  if (isStopping) return
  isStopping = true
  const closed = once(server, 'close')
  server.close()
  console.log('stopping')
  await queue.shutdown({timeout: shutdown})
  setTimeout(() => server.closeAllConnections(), 1000).unref() // clients that have not sent their request by then
  await closed
  console.log(`stopped: ${accepted} accepted, ${answered} answered\n${await register.metrics()}`)
  // A job that ignores its signal would keep the process alive.
  if (queue.running > 0) process.exit()
}

const server = createServer((request, response) => void route(request, response))
process.once('SIGTERM', () => void stop()).once('SIGINT', () => void stop())
process.once('SIGUSR2', () => void runner.stop()).once('SIGHUP', () => runner.abort(new Error('The engine has failed')))
await listen(server, port)
console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
