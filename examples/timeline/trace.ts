/** A timeline as a trace in Chrome's format, for https://ui.perfetto.dev: a thread for each slot, and for the governor. */
import type {Timeline} from './recorder.js'

const pid = 1
const governor = 0
const micros = (ms: number): number => Math.round(ms * 1000)

export function toTrace({bars, holds, limits, end}: Timeline): string {
  const lanes = [...new Set(bars.map(({lane}) => lane))].sort((a, b) => a - b)
  const threads = lanes.map((lane) => ({tid: lane + 1, name: `slot ${lane + 1}`}))
  if (holds.length > 0) threads.unshift({tid: governor, name: 'governor'})
  const names = threads.map(({tid, name}) => ({name: 'thread_name', ph: 'M', pid, tid, args: {name}}))
  const tasks = bars.map(({index, attempt, group, isRetried, lane, start, end: settled = end, error}) => ({
    name: `task ${index}`,
    cat: error ? 'failed' : isRetried ? 'tried again' : 'succeeded',
    ph: 'X',
    pid,
    tid: lane + 1,
    ts: micros(start),
    dur: micros(settled) - micros(start),
    ...(error && {cname: 'terrible'}),
    args: {index, attempt, ...(group !== undefined && {group}), ...(error && {error: error.message})},
  }))
  const waits = holds.map(({start, end: granted = end}) => ({
    name: 'held',
    cat: 'held',
    ph: 'X',
    pid,
    tid: governor,
    ts: micros(start),
    dur: micros(granted) - micros(start),
    args: {},
  }))
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
