/** With OpenTelemetry on both sides, one trace leads from the producer's task through the queue into the handler. */
import {context, trace} from '@opentelemetry/api'
import {AsyncLocalStorageContextManager} from '@opentelemetry/context-async-hooks'
import {InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor} from '@opentelemetry/sdk-trace-node'
import {ConcurrentRunner} from 'aio-tasks'
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import ava from 'ava'
import {BullMQOtel} from 'bullmq-otel'
import {queueOf} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const test = ava.serial
const redis = useRedis()
const exporter = new InMemorySpanExporter()
new NodeTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporter)]}).register({
  contextManager: new AsyncLocalStorageContextManager().enable(),
})
const tracer = trace.getTracer('test')

test('the span of a handler belongs to the trace of the task that handed in its job', async (t) => {
  const queue = queueOf(t, redis)
  const seen = new Map<string, string | undefined>()
  const worker = new ConcurrentRunner(
    workerTasks<string, string>(
      queue.name,
      async ({data}) => {
        seen.set(data, trace.getSpan(context.active())?.spanContext().traceId)
        await Promise.resolve()
        return trace.getSpan(context.active())?.spanContext().spanId ?? 'none'
      },
      {connection: redis.connection, workerOptions: {telemetry: new BullMQOtel({tracerName: 'worker'})}},
    ),
    {limit: 4},
  )
  const working = worker.run()
  const traceOf = (data: string): Promise<readonly [traceId: string, spanId: string]> =>
    tracer.startActiveSpan(data, async (span) => {
      const place = {
        queue: queue.name,
        connection: redis.connection,
        telemetry: new BullMQOtel({tracerName: 'producer'}),
      }
      const [spanId = 'nothing'] = await new ConcurrentRunner(remoteTasks<string, string>([data], place)).toArray()
      span.end()
      return [span.spanContext().traceId, spanId] as const
    })
  const traces = await Promise.all(['one', 'two', 'three'].map(traceOf))
  await worker.stop()
  await working
  t.is(new Set(traces.map(([traceId]) => traceId)).size, 3)
  t.deepEqual(
    ['one', 'two', 'three'].map((data) => seen.get(data)),
    traces.map(([traceId]) => traceId),
  )
  // The handler sees BullMQ's own span of its job.
  const spans = exporter.getFinishedSpans()
  for (const [traceId, spanId] of traces) {
    const span = spans.find((each) => each.spanContext().spanId === spanId)
    t.regex(span?.name ?? '', /^process /)
    t.is(span?.spanContext().traceId, traceId)
  }
})
