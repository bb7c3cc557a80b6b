/**
 * A service whose jobs are seen by OpenTelemetry and Prometheus: `PORT=8080 npx tsx examples/observed.ts`. A span of each
 * attempt is the child of the span in which its job was pushed, has a link to that, and is the parent of the job's own.
 */
import {AsyncLocalStorage} from 'node:async_hooks'
import {type Channel, tracingChannel} from 'node:diagnostics_channel'
import {once} from 'node:events'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  ConsoleMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import {
  ConsoleSpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'
import {type TaskContext, TaskQueue, type TaskTrace} from 'aio-tasks'
import {Histogram, register} from 'prom-client'
import {checkPositionals, goOnUnread, listen, readArguments, readVariable} from './program.js'

const help = `Usage: PORT=8080 npx tsx examples/observed.ts

Prints its address and its spans. POST /jobs?ms=N&fails=N runs a job of N milliseconds, which fails N times; GET /metrics
has how long jobs waited and ran. SIGTERM and Ctrl-C end the service once its jobs are done.
Exit status: 0 ended, 1 it cannot listen, 2 wrong arguments.
`

/** OpenTelemetry's context in a store of ours, since a diagnostics channel sets stores. */
class Contexts implements ContextManager {
  readonly store: AsyncLocalStorage<Context> = new AsyncLocalStorage()
  active(): Context {
    return this.store.getStore() ?? ROOT_CONTEXT
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    call: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.store.run(active, () => call.apply(self, args))
  }
  bind<T>(active: Context, target: T): T {
    if (typeof target !== 'function') return target
    return ((...args: unknown[]): unknown => this.store.run(active, () => target(...args) as unknown)) as T
  }
  enable = (): this => this
  disable = (): this => this
}

/** The attributes of OpenTelemetry's conventions for messaging. */
const queueAttributes = {'messaging.system': 'aio-tasks', 'messaging.destination.name': 'jobs'}
const of = (name: string, type: string): Attributes => ({
  ...queueAttributes,
  'messaging.operation.name': name,
  'messaging.operation.type': type,
})
const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** A histogram of seconds, in OpenTelemetry and, with `_` in its name, in Prometheus. */
function histogram(
  meters: MeterProvider,
  name: string,
  description: string,
): (ms: number, attributes: Attributes) => void {
  const options = {unit: 's', description, advice: {explicitBucketBoundaries: boundaries}}
  const measured = meters.getMeter('observed').createHistogram(name, options)
  const exposed = new Histogram({name: `${name.replaceAll('.', '_')}_seconds`, help: description, buckets: boundaries})
  return (ms, attributes) => {
    measured.record(ms / 1000, attributes)
    exposed.observe(ms / 1000)
  }
}

/** Makes a span of each attempt, in which the attempt runs, and measures it. */
function observe(tracer: Tracer, meters: MeterProvider, {store}: Contexts): void {
  const waited = histogram(meters, 'messaging.client.operation.duration', 'From the push of a job to its start')
  const ran = histogram(meters, 'messaging.process.duration', 'From the start of an attempt to its outcome')
  const spans = new WeakMap<TaskTrace, Span>()
  const tasks = tracingChannel<unknown, TaskTrace>('aio-tasks:task')
  ;(tasks.start as Channel<Context, TaskTrace>).bindStore(store, (task) => {
    const pushed = context.active() // a task has the async context of its push
    const links = [trace.getSpanContext(pushed)].flatMap((push) => (push ? [{context: push}] : []))
    const attributes = {...of('process', 'process'), 'messaging.message.id': `${task.index}`, attempt: task.attempt}
    const span = tracer.startSpan('process jobs', {kind: SpanKind.CONSUMER, attributes, links}, pushed)
    spans.set(task, span)
    if (task.queuedAt !== undefined && task.attempt === 1)
      waited(task.startedAt - task.queuedAt, of('receive', 'receive'))
    return trace.setSpan(pushed, span)
  })
  tasks.asyncEnd.subscribe((message) => {
    const task = message as TaskTrace
    const error = task.error as Error | undefined
    ran(performance.now() - task.startedAt, {...of('process', 'process'), ...(error && {'error.type': error.name})})
    const span = spans.get(task)
    if (error) {
      span?.setStatus({code: SpanStatusCode.ERROR, message: error.message}).recordException(error)
      span?.setAttribute('error.type', error.name)
    }
    span?.end()
  })
}

interface Exporters {
  readonly spans: SpanExporter
  readonly metrics: PushMetricExporter
}

/**
 * Starts the service.
 *
 * @returns Its address, and how to stop it: that resolves when all is exported.
 */
export async function startService(
  exporters: Exporters,
  port: number,
): Promise<{url: string; stop: () => Promise<void>}> {
  const contexts = new Contexts()
  const tracing = new NodeTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporters.spans)]})
  const meters = new MeterProvider({readers: [new PeriodicExportingMetricReader({exporter: exporters.metrics})]})
  tracing.register({contextManager: contexts})
  const tracer = tracing.getTracer('observed')
  observe(tracer, meters, contexts)

  const queue = new TaskQueue({capacity: 1000})
  queue.run({limit: 10, timeout: 10_000, retry: {delay: 10}})

  const work = (ms: number, fails: number, {attempt, signal}: TaskContext): Promise<string> =>
    tracer.startActiveSpan('work', async (span) => {
      await sleep(ms, undefined, {signal}).finally(() => span.end())
      if (attempt <= fails) throw new Error('not yet')
      return `took ${attempt} attempts\n`
    })

  /** The span of the push ends at once: what follows is the attempts'. */
  const push = (ms: number, fails: number): Promise<string> =>
    tracer.startActiveSpan('send jobs', {kind: SpanKind.PRODUCER, attributes: of('send', 'send')}, (span) => {
      const job = queue.push((task) => work(ms, fails, task))
      span.end()
      return job
    })

  async function answer({method = '', url = ''}: IncomingMessage, response: ServerResponse): Promise<void> {
    const {pathname, searchParams} = new URL(url, 'http://localhost')
    if (pathname === '/metrics') return void response.end(await register.metrics())
    if (pathname !== '/jobs') return void response.writeHead(404).end()
    await tracer.startActiveSpan(`${method} /jobs`, {kind: SpanKind.SERVER}, async (span) => {
      const result = await push(Number(searchParams.get('ms') ?? 0), Number(searchParams.get('fails') ?? 0)).catch(
        (error: Error) => ((response.statusCode = 500), `${error.message}\n`),
      )
      if (!server.listening) response.setHeader('connection', 'close') // it is stopping
      response.end(result)
      span.end()
    })
  }

  const server = createServer((request, response) => void answer(request, response))
  await listen(server, port)
  const stop = async (): Promise<void> => {
    const closed = once(server.close(), 'close')
    await queue.shutdown({timeout: 30_000})
    await closed
    await Promise.all([tracing.shutdown(), meters.shutdown()])
  }
  return {url: `http://localhost:${(server.address() as AddressInfo).port}`, stop}
}

if (process.argv[1] === import.meta.filename) {
  const port = readArguments(help, {}, (_, positionals) => {
    checkPositionals(positionals, 0, 'no arguments')
    return readVariable('PORT', 8080, 0)
  })
  goOnUnread()
  const exporters = {spans: new ConsoleSpanExporter(), metrics: new ConsoleMetricExporter()}
  const {url, stop} = await startService(exporters, port)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())
  console.log(url)
}
