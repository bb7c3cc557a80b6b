import {once} from 'node:events'
import {connect} from 'node:net'
import {createInterface} from 'node:readline'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import autocannon from 'autocannon'
import ava, {type ExecutionContext} from 'ava'
import {type Child, command, ended, start} from './child.js'

/** One after the other: each has a service of its own to load. */
const test = ava.serial

interface Service {
  readonly child: Child
  readonly url: string
  /** What it says after its address. */
  readonly lines: AsyncIterator<string>
  metrics(): Promise<Metrics>
}
type Metrics = Readonly<Record<string, number>>

/** The example in a process that goes with its test; `env` is `NAME=value`. */
async function serve(t: ExecutionContext, ...env: readonly string[]): Promise<Service> {
  const child = start(['env', 'PORT=0', ...env, ...command('service')])
  t.teardown(() => child.kill('SIGKILL'))
  child.stderr.pipe(process.stderr)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const url = await nextLine(lines)
  return {child, url, lines, metrics: async () => parseMetrics(await (await fetch(`${url}/metrics`)).text())}
}

const nextLine = async (lines: AsyncIterator<string>): Promise<string> => (await lines.next()).value ?? ''

/** The samples of Prometheus text that have no labels. */
function parseMetrics(exposition: string): Metrics {
  return Object.fromEntries([...exposition.matchAll(/^(\w+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]))
}

/** Asks until the gauges are as given; gives up in the end, so that a test that waits in vain says for what. */
async function until(service: Service, running: number, waiting: number): Promise<Metrics> {
  let metrics: Metrics = {}
  for (let asked = 0; asked < 5000; asked++) {
    metrics = await service.metrics()
    if (metrics['jobs_running'] === running && metrics['jobs_waiting'] === waiting) return metrics
    await sleep(5)
  }
  throw new Error(`${running} were to run and ${waiting} to wait: ${JSON.stringify(metrics)}`)
}

const post = (service: Service, body: string, signal: AbortSignal | null = null): Promise<Response> =>
  fetch(`${service.url}/jobs`, {method: 'POST', body, signal})

/** Posts a job that would take a minute; call what it returns to go away. */
function postLong(service: Service): () => Promise<unknown> {
  const controller = new AbortController()
  const gone = post(service, '{"n": 60000}', controller.signal).catch((error: unknown) => error)
  return () => {
    controller.abort()
    return gone
  }
}

interface Farewell {
  readonly status: unknown
  readonly accepted: number
  readonly answered: number
  readonly metrics: Metrics
}

/** What the service says at its end. */
async function farewell({child, lines}: Service): Promise<Farewell> {
  const exited = once(child, 'exit')
  const said: string[] = []
  for (let line = await lines.next(); !line.done; line = await lines.next()) said.push(line.value)
  const [, accepted, answered] = /^stopped: (\d+) accepted, (\d+) answered$/m.exec(said.join('\n')) ?? []
  const [status] = (await exited) as unknown[]
  return {status, accepted: Number(accepted), answered: Number(answered), metrics: parseMetrics(said.join('\n'))}
}

/** The same numbers between 0 and 1 for the same seed: mulberry32. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// SIGTERM

const sigterms = Number(process.env['SERVICE_SIGTERMS'] ?? 3)
const seed = Number(process.env['SERVICE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

test(`each accepted job is answered once, though SIGTERM comes in the middle (${sigterms} times)`, async (t) => {
  t.timeout(60_000 + sigterms * 20_000)
  t.log(`SERVICE_SEED=${seed}`)
  const next = random(seed)
  for (let round = 1; round <= sigterms; round++) {
    const service = await serve(t, 'LIMIT=10', 'CAPACITY=20')
    const moment = 1 + Math.floor(next() * 1000)
    const ids: number[] = []
    let others = 0
    const load = autocannon(
      {
        url: `${service.url}/jobs`,
        connections: 50, // more than run and wait, so some are refused
        duration: 600,
        requests: [0, 1, 2, 5].map((n) => ({
          method: 'POST',
          body: JSON.stringify({n}),
          onResponse: (status, body) => {
            if (status !== 200) others += status === 503 ? 0 : 1
            else if (ids.push((JSON.parse(body) as {id: number}).id) === moment) service.child.kill('SIGTERM')
          },
        })),
      },
      () => {},
    )
    const {status, accepted, answered, metrics} = await farewell(service)
    const done = once(load, 'done') as Promise<[autocannon.Result]>
    load.stop()
    const [{'5xx': refused, resets}] = await done
    const counts = `${accepted} accepted, ${ids.length} answered, ${refused} refused, ${resets} cut`
    t.log(`SIGTERM after ${moment} answers: ${counts}`)

    t.is(status, 0)
    t.true(accepted >= moment)
    t.is(answered, accepted)
    t.deepEqual(
      ids.sort((a, b) => a - b),
      Array.from({length: accepted}, (_, index) => index + 1),
    )
    t.is(others, 0)
    t.like(metrics, {
      jobs_started_total: accepted,
      jobs_succeeded_total: accepted,
      jobs_failed_total: 0,
      jobs_running: 0,
      jobs_waiting: 0,
      job_duration_seconds_count: accepted,
    })
  }
})

/** A connection that posts a job in parts, and all that comes back on it until it ends. */
function dial(
  t: ExecutionContext,
  service: Service,
  body: string,
): {send: (data: string) => void; answers: Promise<string>} {
  const socket = connect(Number(new URL(service.url).port), 'localhost')
  t.teardown(() => socket.destroy())
  socket.write(`POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n${body}`)
  return {send: (data) => void socket.write(data), answers: text(socket)}
}

test('after SIGTERM running and waiting jobs are finished, new ones refused, and connections closed', async (t) => {
  const service = await serve(t, 'LIMIT=1')
  const late = dial(t, service, '{"n": ')
  const running = dial(t, service, '{"n": 2000}')
  await until(service, 1, 0)
  const waiting = dial(t, service, '{"n": 0   }')
  await until(service, 1, 1)
  service.child.kill('SIGTERM')
  t.is(await nextLine(service.lines), 'stopping')
  late.send('3000}')
  t.regex(await late.answers, /^HTTP\/1\.1 503 .*\r\nconnection: close\r\n.*retry-after: 1\r\n.*"Stopping"/is)
  t.regex(await running.answers, /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*"id":1,/is)
  t.regex(await waiting.answers, /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*"id":2,/is)
  t.like(await farewell(service), {status: 0, accepted: 2, answered: 2})
})

test('a client that never sends all of its request does not keep the service from ending', async (t) => {
  const service = await serve(t)
  const stalled = dial(t, service, '{"n"')
  await service.metrics() // by then it has been read
  service.child.kill('SIGTERM')
  t.like(await farewell(service), {status: 0, accepted: 0})
  t.is(await stalled.answers, '')
})

/** The status and the error with which a job is answered. */
async function fate(response: Promise<Response>): Promise<[status: number, error: unknown]> {
  const {status, body} = await response.then(async (answer) => ({
    status: answer.status,
    body: (await answer.json()) as {error?: unknown},
  }))
  return [status, body.error]
}

const deadline = 'shutdown() took longer than 50 ms'

test('past the deadline a job that ignores its signal and those that wait are answered, and the process ends', async (t) => {
  const service = await serve(t, 'LIMIT=2', 'SHUTDOWN=50')
  const send = (body: string): Promise<Response> => post(service, body)
  const long = ['{"n": 60000, "ignores": true}', '{"n": 60000}'].map(send)
  await until(service, 2, 0) // requests that are sent together may arrive in any order
  const jobs = [...long, ...['{"n": 0}', '{"n": 0}'].map(send)]
  await until(service, 2, 2)
  service.child.kill('SIGTERM')
  t.deepEqual(await fate(jobs[0] ?? t.fail()), [504, deadline])
  t.is((await jobs[1])?.status, 500) // the timer says that it was aborted
  for (const job of jobs.slice(2)) t.deepEqual(await fate(job), [504, deadline])
  t.like(await farewell(service), {status: 0, accepted: 4, answered: 4})
})

// Failures

test('a job that fails is answered with 500, and the service goes on', async (t) => {
  const service = await serve(t)
  t.deepEqual(await fate(post(service, '{"n": 1, "fails": true}')), [500, 'failed after 1 ms'])
  t.is((await post(service, '{"n": 0}')).status, 200)
  t.like(await until(service, 0, 0), {jobs_succeeded_total: 1, jobs_failed_total: 1})
})

for (const [how, signal, status, reason] of [
  ['stopped', 'SIGUSR2', 200, 'AbortError: The run was stopped'],
  ['aborted', 'SIGHUP', 500, 'Error: The engine has failed'],
] as const) {
  test(`when the runner is ${how}, what runs, what waits and what comes later is answered, and SIGTERM ends the service`, async (t) => {
    const service = await serve(t, 'LIMIT=1')
    const running = post(service, '{"n": 2000}') // long enough for the next two to arrive on a busy machine
    await until(service, 1, 0)
    const waiting = [post(service, '{"n": 0}'), post(service, '{"n": 0}')]
    await until(service, 1, 2)
    service.child.kill(signal)
    const error = `No runner of the queue is left: ${reason}`
    for (const job of waiting) t.deepEqual(await fate(job), [503, error])
    t.deepEqual(await fate(post(service, '{"n": 0}')), [503, error])
    t.is((await running).status, status)
    service.child.kill('SIGTERM')
    t.like(await farewell(service), {status: 0, accepted: 4, answered: 4})
  })
}

// Refusals

test('a full queue is told with 503 and Retry-After, and takes jobs again when there is room', async (t) => {
  const service = await serve(t, 'LIMIT=1', 'CAPACITY=1')
  const leave = postLong(service)
  await until(service, 1, 0)
  const waits = post(service, '{"n": 0}')
  await until(service, 1, 1)
  const refused = await post(service, '{"n": 0}')
  t.is(refused.status, 503)
  t.is(refused.headers.get('retry-after'), '1')
  t.deepEqual(await refused.json(), {error: 'Too many jobs wait'})
  await leave()
  t.deepEqual(await (await waits).json(), {id: 2, result: 'took 0 ms'})
  t.is((await post(service, '{"n": 0}')).status, 200)
})

test('bad bodies are answered with 400, unknown paths with 404', async (t) => {
  const service = await serve(t)
  const bodies = ['', '{', 'null', '[]', '{}', '{"n": "1"}', '{"n": -1}', '{"n": 60001}', `{"n": 1${' '.repeat(1000)}}`]
  for (const body of bodies) t.is((await post(service, body)).status, 400, body)
  t.is((await fetch(`${service.url}/jobs`)).status, 404)
  t.like(await service.metrics(), {jobs_started_total: 0, jobs_waiting: 0})
})

// Clients that go away

test('a client that goes away withdraws its job if it waits, and ends it if it runs', async (t) => {
  const service = await serve(t, 'LIMIT=1')
  const leaveRunning = postLong(service)
  await until(service, 1, 0)
  const leaveWaiting = postLong(service)
  await until(service, 1, 1)
  await leaveWaiting()
  t.like(await until(service, 1, 0), {jobs_started_total: 1, jobs_failed_total: 0})
  await leaveRunning()
  t.like(await until(service, 0, 0), {jobs_started_total: 1, jobs_failed_total: 1})
  t.deepEqual(await (await post(service, '{"n": 1}')).json(), {id: 3, result: 'took 1 ms'})
  service.child.kill('SIGTERM')
  t.like(await farewell(service), {status: 0, accepted: 3, answered: 1})
})

test('a job that takes too long is answered with 504', async (t) => {
  const service = await serve(t, 'TIMEOUT=50')
  const late = await post(service, '{"n": 60000}')
  t.is(late.status, 504)
  t.deepEqual(await late.json(), {id: 1, error: 'The task took longer than 50 ms'})
  t.like(await until(service, 0, 0), {jobs_failed_total: 1, job_duration_seconds_count: 1})
})

// Metrics and health

test('the metrics are Prometheus text: counters, gauges and a histogram', async (t) => {
  const service = await serve(t, 'LIMIT=2')
  await Promise.all(['{"n": 0}', '{"n": 7}', '{"n": 0}'].map(async (body) => (await post(service, body)).text()))
  const response = await fetch(`${service.url}/metrics`)
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const exposition = await response.text()
  for (const line of exposition.trimEnd().split('\n'))
    t.regex(line, /^$|^# (HELP|TYPE) \w+ .+$|^\w+(\{le="[^"]+"\})? \d+(\.\d+)?$/)
  t.deepEqual(
    [...exposition.matchAll(/^# TYPE (.*)$/gm)].map(([, type]) => type),
    [
      'jobs_started_total counter',
      'jobs_succeeded_total counter',
      'jobs_failed_total counter',
      'jobs_running gauge',
      'job_duration_seconds histogram',
      'jobs_waiting gauge',
    ],
  )
  t.regex(exposition, /^job_duration_seconds_bucket\{le="\+Inf"\} 3$/m)
  t.like(parseMetrics(exposition), {
    jobs_started_total: 3,
    jobs_succeeded_total: 3,
    jobs_failed_total: 0,
    jobs_running: 0,
    jobs_waiting: 0,
    job_duration_seconds_count: 3,
  })
})

test('the health is ok', async (t) => {
  const response = await fetch(`${(await serve(t)).url}/health`)
  t.is(response.status, 200)
  t.deepEqual(await response.json(), {status: 'ok'})
})

// As a program

test('a service whose output nobody reads goes on, and answers what it has accepted when SIGTERM comes', async (t) => {
  const service = await serve(t)
  service.child.stdout.destroy()
  const exited = once(service.child, 'exit')
  const job = post(service, '{"n": 300}')
  await until(service, 1, 0)
  service.child.kill('SIGTERM')
  t.is((await job).status, 200)
  t.deepEqual(await exited, [0, null])
})

test('Ctrl-C ends the service as SIGTERM does', async (t) => {
  const service = await serve(t)
  const job = post(service, '{"n": 300}')
  await until(service, 1, 0)
  service.child.kill('SIGINT')
  t.is((await job).status, 200)
  t.like(await farewell(service), {status: 0, accepted: 1, answered: 1})
})

test('a port that is taken is told in one line', async (t) => {
  const {url} = await serve(t)
  const {status, stdout, stderr} = await ended(start(['env', `PORT=${new URL(url).port}`, ...command('service')]))
  t.is(status, 1)
  t.is(stdout, '')
  t.regex(stderr, /^listen EADDRINUSE.*\n$/)
})
