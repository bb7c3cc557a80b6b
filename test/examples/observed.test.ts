import {once} from 'node:events'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {createInterface} from 'node:readline'
import {text} from 'node:stream/consumers'
import {SpanKind, SpanStatusCode} from '@opentelemetry/api'
import {AggregationTemporality, type Histogram, InMemoryMetricExporter} from '@opentelemetry/sdk-metrics'
import {InMemorySpanExporter, type ReadableSpan} from '@opentelemetry/sdk-trace-node'
import test from 'ava'
import {startService} from '../../examples/observed.js'
import {command, ended, start} from './child.js'

/** Keeps what was exported when the provider shuts it down. */
class Spans extends InMemorySpanExporter {
  override async shutdown(): Promise<void> {}
}
class Metrics extends InMemoryMetricExporter {
  override async shutdown(): Promise<void> {}
}

const id = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId
const attempts = (spans: readonly ReadableSpan[]): ReadableSpan[] =>
  spans
    .filter(({name}) => name === 'process jobs')
    .sort((a, b) => Number(a.attributes['attempt']) - Number(b.attributes['attempt']))

test('each attempt is a span, linked to its push, and the parent of what the job does; its times are measured', async (t) => {
  const exporters = {spans: new Spans(), metrics: new Metrics(AggregationTemporality.CUMULATIVE)}
  const {url, stop} = await startService(exporters, 0)
  const post = async (query: string): Promise<string> => (await fetch(`${url}/jobs?${query}`, {method: 'POST'})).text()
  t.deepEqual(await Promise.all(['ms=20', 'ms=1&fails=2', 'fails=9'].map(post)), [
    'took 1 attempts\n',
    'took 3 attempts\n',
    'not yet\n',
  ])
  const exposition = await (await fetch(`${url}/metrics`)).text()
  await stop()

  const finished = exporters.spans.getFinishedSpans()
  const traceIds = new Set(finished.map((span) => span.spanContext().traceId))
  const traces = [...traceIds].map((traceId) => finished.filter((span) => span.spanContext().traceId === traceId))
  t.is(traces.length, 3, 'a trace of each request')
  for (const spans of traces) {
    const [request, ...others] = spans.filter(({kind}) => kind === SpanKind.SERVER)
    const push = spans.find(({kind}) => kind === SpanKind.PRODUCER)
    t.is(others.length, 0)
    t.is(request?.name, 'POST /jobs')
    t.is(push?.name, 'send jobs')
    t.is(push?.parentSpanContext?.spanId, id(request))
    const work = spans.filter(({name}) => name === 'work')
    t.is(work.length, attempts(spans).length)
    for (const attempt of attempts(spans)) {
      t.is(attempt.kind, SpanKind.CONSUMER)
      t.is(attempt.parentSpanContext?.spanId, id(push))
      t.deepEqual(
        attempt.links.map(({context}) => context.spanId),
        [id(push)],
      )
      t.is(work.filter((span) => span.parentSpanContext?.spanId === id(attempt)).length, 1)
      t.like(attempt.attributes, {'messaging.system': 'aio-tasks', 'messaging.operation.type': 'process'})
      t.is(attempt.attributes['error.type'], attempt.status.code === SpanStatusCode.ERROR ? 'Error' : undefined)
    }
  }
  const {UNSET, ERROR} = SpanStatusCode
  const statuses = traces.map((spans) => attempts(spans).map(({status}) => status.code))
  t.deepEqual(
    statuses.sort((a, b) => a.length - b.length || (a.at(-1) ?? 0) - (b.at(-1) ?? 0)),
    [[UNSET], [ERROR, ERROR, UNSET], [ERROR, ERROR, ERROR]],
  )

  const metrics = exporters.metrics
    .getMetrics()
    .flatMap(({scopeMetrics}) => scopeMetrics.flatMap((scope) => scope.metrics))
  const measured = (name: string): {count: number; sum: number; failed: number} => {
    const points = metrics.find(({descriptor}) => descriptor.name === name)?.dataPoints ?? []
    const values = points.map(({value}) => value as Histogram)
    const failed = points.filter(({attributes}) => attributes['error.type'] === 'Error')
    return {
      count: values.reduce((total, {count}) => total + count, 0),
      sum: values.reduce((total, {sum}) => total + (sum ?? 0), 0),
      failed: failed.reduce((total, {value}) => total + (value as Histogram).count, 0),
    }
  }
  const exposed = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(exposition)?.[1])
  /** How many were at most so long, by the boundaries of the histogram's buckets, summed up as Prometheus does. */
  const cumulative = (name: string): Array<[boundary: string, count: number]> => {
    const points = metrics.find(({descriptor}) => descriptor.name === name)?.dataPoints ?? []
    const histograms = points.map(({value}) => (value as Histogram).buckets)
    const boundaries = [...(histograms[0]?.boundaries ?? []), Infinity]
    return boundaries.map((boundary, place) => {
      const counts = histograms.flatMap((buckets) => buckets.counts.slice(0, place + 1))
      return [boundary === Infinity ? '+Inf' : `${boundary}`, counts.reduce((sum, count) => sum + count, 0)]
    })
  }
  for (const [name, operation, count, failed] of [
    ['messaging.client.operation.duration', 'receive', 3, 0],
    ['messaging.process.duration', 'process', 7, 5],
  ] as const) {
    const total = measured(name)
    t.is(total.count, count, name)
    t.is(total.failed, failed, name)
    const metric = metrics.find(({descriptor}) => descriptor.name === name)
    t.is(metric?.descriptor.unit, 's', 'as the conventions say')
    for (const {attributes} of metric?.dataPoints ?? [])
      t.like(attributes, {
        'messaging.system': 'aio-tasks',
        'messaging.destination.name': 'jobs',
        'messaging.operation.name': operation,
      })
    const prometheus = `${name.replaceAll('.', '_')}_seconds`
    const buckets = [...exposition.matchAll(new RegExp(`^${prometheus}_bucket\\{le="(.*)"\\} (\\d+)$`, 'gm'))]
    t.deepEqual(
      buckets.map(([, boundary = '', observed]) => [boundary, Number(observed)]),
      cumulative(name),
    )
    t.is(exposed(`${prometheus}_count`), count)
    t.true(Math.abs(exposed(`${prometheus}_sum`) - total.sum) < 1e-9, 'Prometheus has the same numbers')
    t.true(total.sum > 0)
  }
})

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`at ${signal} the service finishes its jobs and ends`, async (t) => {
    const child = start(['env', 'PORT=0', ...command('observed')])
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface(child.stdout)
    const [url] = (await once(lines, 'line')) as [string]
    const spans: string[] = []
    lines.on('line', (line) => spans.push(line))
    const exited = once(child, 'exit')
    const job = fetch(`${url}/jobs?ms=300`, {method: 'POST'})
    while (!spans.some((line) => line.includes("name: 'send jobs'"))) await once(lines, 'line')
    child.kill(signal)
    t.is(await (await job).text(), 'took 1 attempts\n')
    t.deepEqual(await exited, [0, null])
    t.true(spans.some((line) => line.includes("name: 'process jobs'")))
  })

test('a service whose output nobody reads goes on, and ends as it should', async (t) => {
  const child = start(['env', 'PORT=0', ...command('observed')])
  t.teardown(() => child.kill('SIGKILL'))
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  child.stdout.destroy()
  const told = text(child.stderr)
  const exited = once(child, 'exit')
  for (const ms of [0, 1]) t.is((await fetch(`${url}/jobs?ms=${ms}`, {method: 'POST'})).status, 200)
  const job = fetch(`${url}/jobs?ms=300`, {method: 'POST'})
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()
  while (!/^messaging_client_operation_duration_seconds_count 3$/m.test(await metrics())) {} // until it runs
  child.kill('SIGTERM')
  t.is((await job).status, 200)
  t.deepEqual(await exited, [0, null])
  t.is(await told, '')
})

test('a port that is taken is told in one line', async (t) => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const {port} = server.address() as AddressInfo
  const {status, stdout, stderr} = await ended(start(['env', `PORT=${port}`, ...command('observed')]))
  t.is(status, 1)
  t.is(stdout, '')
  t.regex(stderr, /^listen EADDRINUSE.*\n$/)
})
