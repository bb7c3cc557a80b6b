/** A timeline as a trace in Chrome's format, for https://ui.perfetto.dev: a thread for each slot. */
import type {Timeline} from './recorder.js'

const pid = 1
const micros = (ms: number): number => Math.round(ms * 1000)

export function toTrace({bars, limits, end}: Timeline): string {
  const lanes = [...new Set(bars.map(({lane}) => lane))].sort((a, b) => a - b)
  const names = lanes.map((lane) => ({
    name: 'thread_name',
    ph: 'M',
    pid,
    tid: lane + 1,
    args: {name: `slot ${lane + 1}`},
  }))
  const tasks = bars.map(({index, attempt, isRetried, lane, start, end: settled = end, error}) => ({
    name: `task ${index}`,
    cat: error ? 'failed' : isRetried ? 'tried again' : 'succeeded',
    ph: 'X',
    pid,
    tid: lane + 1,
    ts: micros(start),
    dur: micros(settled) - micros(start),
    ...(error && {cname: 'terrible'}),
    args: {index, attempt, ...(error && {error: error.message})},
  }))
  const waits = bars.flatMap(({index, lane, end: settled = end, waits: pauses}) =>
    pauses.map((wait) => ({
      name: `task ${index} waits`,
      cat: 'waiting',
      ph: 'X',
      pid,
      tid: lane + 1,
      ts: micros(wait.start),
      dur: micros(Math.min(wait.end, settled)) - micros(wait.start),
      args: {index},
    })),
  )
  const marks = limits.map(({at, limit}) => ({
    name: 'limit',
    ph: 'C',
    pid,
    ts: micros(at),
    args: {limit: Number.isFinite(limit) ? limit : lanes.length},
  }))
  const traceEvents = [...names, ...tasks, ...waits, ...marks]
  return `{"displayTimeUnit": "ms", "traceEvents": [\n${traceEvents.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`
}
