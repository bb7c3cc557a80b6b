/** A timeline as a picture: a lane for each slot, a bar for each task. It needs nothing else, and is light or dark as its reader is. */
import type {Bar, Timeline} from './recorder.js'

const width = 960
const left = 72
const right = 32
const laneHeight = 24
const laneGap = 6
const rowHeight = 18

const style = `
    svg {--paper: #ffffff; --edge: #d1d9e0; --ink: #1f2328; --faint: #59636e; --track: #f0f3f6; --grid: #dde3e9;
      --good: #2f74b5; --bad: #c2414b; --wait: #9cc3e6; --bad-wait: #e9a5aa; --mark: #8250df}
    @media (prefers-color-scheme: dark) {
      svg {--paper: #0d1117; --edge: #30363d; --ink: #e6edf3; --faint: #9198a1; --track: #1a2029; --grid: #2a313a;
        --good: #3577b4; --bad: #c0454f; --wait: #1f4a73; --bad-wait: #74333a; --mark: #ab7df8}
    }
    text {font: 12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; fill: var(--faint); font-variant-numeric: tabular-nums}
    .paper {fill: var(--paper); stroke: var(--edge)} .title {font-size: 15px; font-weight: 600; fill: var(--ink)}
    .track {fill: var(--track)} .grid {stroke: var(--grid)} .end {text-anchor: end} .middle {text-anchor: middle}
    .good {fill: var(--good)} .bad {fill: var(--bad)} .wait {fill: var(--wait)} .bad-wait {fill: var(--bad-wait)}
    .mark {stroke: var(--mark); stroke-dasharray: 3 3} .limit {fill: var(--mark); font-weight: 600}
    .name {font-size: 11px; fill: #ffffff; text-anchor: middle; pointer-events: none}`

export function toSvg(title: string, timeline: Timeline): string {
  const {bars, limits, end} = timeline
  const lanes = Math.max(1, ...bars.map(({lane}) => lane + 1))
  const span = Math.max(end, 1)
  const x = (ms: number): number => left + (ms / span) * (width - left - right)
  const changes = limits.map(({at, limit}) => ({x: x(at), text: named(limit)}))
  const rows = inRows(changes)
  const top = 84 + rowHeight * Math.max(0, ...rows.map((row) => row + 1))
  const y = (lane: number): number => top + lane * (laneHeight + laneGap)
  const bottom = y(lanes) - laneGap + 8
  const failed = bars.filter(({error}) => error !== undefined).length
  const summary = `${bars.length} tasks, ${failed} failed, in ${Math.round(end)} ms`

  const drawn = [
    `<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${bottom + 41}" rx="8"/>`,
    text(24, 32, title, 'title'),
    text(24, 53, summary),
    ...legend(bars),
    ...ticks(span).flatMap((ms) => [
      line('grid', x(ms), top - 6, bottom),
      text(x(ms), bottom + 19, `${ms} ms`, 'middle'),
    ]),
    ...range(lanes).map((lane) => text(left - 12, y(lane) + 16, `slot ${lane + 1}`, 'end')),
    ...range(lanes).flatMap((lane) =>
      tracks(lane, timeline).map(([from, to]) => rect('track', x(from), y(lane), x(to) - x(from))),
    ),
    ...changes.flatMap((change, index) => {
      const base = 84 + rowHeight * (rows[index] ?? 0)
      return [line('mark', change.x, base + 6, bottom), text(change.x, base, change.text, 'limit middle')]
    }),
    ...bars.map((bar) => drawBar(bar, x, y(bar.lane), end)),
  ]
  const height = bottom + 42
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(`${title}: ${summary}`)}">
  <style>${style}
  </style>
  ${drawn.join('\n  ')}
</svg>
`
}

/** A bar with its waits, its number where there is room, and its story for who points at it. */
function drawBar(
  {index, lane, start, end: settled, error, waits}: Bar,
  x: (ms: number) => number,
  y: number,
  last: number,
): string {
  const end = settled ?? last
  const kind = error ? 'bad' : 'good'
  const at = x(start)
  const wide = Math.max(x(end) - at - 1, 0.75) // a line of paper between one bar and the next
  const name = error ? `${index} ✕` : `${index}`
  const story = `task ${index}: ${round(start)} to ${round(end)} ms${error ? `, ${error.message}` : ''}`
  const pauses = waits.map((wait) => {
    const from = x(wait.start)
    const to = Math.min(x(wait.end), at + wide)
    return rect(error ? 'bad-wait' : 'wait', from, y, Math.max(to - from, 0), laneHeight, 0)
  })
  // The number stands where the task works, and not where it waits.
  const room = (waits[0] ? x(waits[0].start) : at + wide) - at
  const label = room >= name.length * 6.5 + 6 ? text(at + room / 2, y + 16, name, 'name') : ''
  return `<g data-task="${index}" data-lane="${lane}"><title>${escape(story)}</title>${rect(kind, at, y, wide, laneHeight, 3)}${pauses.join('')}${label}</g>`
}

/** When a slot was there to be taken: while the limit was high enough for it. */
function tracks(lane: number, {limits, end}: Timeline): Array<[from: number, to: number]> {
  const found: Array<[from: number, to: number]> = []
  limits.forEach(({at, limit}, index) => {
    if (lane >= limit) return
    const to = limits[index + 1]?.at ?? end
    const last = found.at(-1)
    if (last?.[1] === at) last[1] = to
    else found.push([at, to])
  })
  return found
}

/** A row for each label, so that none covers another. */
function inRows(labels: ReadonlyArray<{readonly x: number; readonly text: string}>): number[] {
  const ends: number[] = []
  return labels.map(({x, text: {length}}) => {
    const half = length * 3.5 + 4
    const free = ends.findIndex((end) => end <= x - half)
    const row = free === -1 ? ends.length : free
    ends[row] = x + half
    return row
  })
}

/** What the colours mean, of those that there are; from the right edge to the left. */
function legend(bars: readonly Bar[]): string[] {
  const has = {wait: bars.some(({waits}) => waits.length > 0), bad: bars.some(({error}) => error !== undefined)}
  const entries = [
    ['track', 'free slot', 54],
    ...(has.wait ? [['wait', 'waits to retry', 80] as const] : []),
    ...(has.bad ? [['bad', 'failed', 38] as const] : []),
    ['good', 'succeeded', 64],
  ] as const
  let x = width - 8
  return entries.flatMap(([kind, meaning, wide]) => {
    x -= wide + 36
    return [rect(kind, x, 22, 12, 12, 2), text(x + 18, 32, meaning)]
  })
}

/** Round numbers of milliseconds, some eight of them. */
function ticks(span: number): number[] {
  const rough = span / 8
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power
  return range(Math.floor(span / step) + 1).map((index) => Number((index * step).toPrecision(6)))
}

const named = (limit: number): string => (Number.isFinite(limit) ? `limit ${limit}` : 'no limit')
const range = (count: number): number[] => Array.from({length: count}, (_, index) => index)
const round = (value: number): number => Math.round(value * 100) / 100

function rect(kind: string, x: number, y: number, wide: number, high: number = laneHeight, radius = 3): string {
  return `<rect class="${kind}" x="${round(x)}" y="${y}" width="${round(wide)}" height="${high}" rx="${radius}"/>`
}

function line(kind: string, x: number, from: number, to: number): string {
  return `<line class="${kind}" x1="${round(x)}" x2="${round(x)}" y1="${from}" y2="${to}"/>`
}

function text(x: number, y: number, content: string, kind = ''): string {
  return `<text${kind && ` class="${kind}"`} x="${round(x)}" y="${y}">${escape(content)}</text>`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
