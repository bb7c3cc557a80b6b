/** Writes down a runner's events, one line each, so that a test can pin them as a literal list. */
import type {ConcurrentError, RetryInfo, RunnerStats, TaskContext} from '../../src/index.js'

interface Recordable {
  on(event: 'start', listener: (context: TaskContext) => void): unknown
  on(event: 'retry', listener: (context: TaskContext, info: RetryInfo) => void): unknown
  on(event: 'result', listener: (value: unknown, context: TaskContext) => void): unknown
  on(event: 'error', listener: (error: ConcurrentError, context?: TaskContext) => void): unknown
  on(event: 'drain', listener: (stats: RunnerStats) => void): unknown
}

/** The list grows as the run goes on: `start 0`, `retry 0 boom`, `result 0 a`, `error 1 boom`, `error - boom`, `drain`. */
export function record(runner: Recordable): string[] {
  const log: string[] = []
  runner.on('start', (context) => log.push(`start ${context.index}`))
  runner.on('retry', (context, {error}) => log.push(`retry ${context.index} ${text(error)}`))
  runner.on('result', (value, context) => log.push(`result ${context.index} ${String(value)}`))
  runner.on('error', (error, context) => log.push(`error ${context?.index ?? '-'} ${causeOf(error)}`))
  runner.on('drain', () => log.push('drain'))
  return log
}

function causeOf({cause}: ConcurrentError): string {
  return text(cause)
}

function text(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
