/** A timeline as a picture: a lane for each slot, a bar for each task. It needs nothing else, and looks the same everywhere. */
import type {Bar, Timeline} from './recorder.js'

const width = 960
const left = 72
const right = 32
const laneHeight = 24
const laneGap = 6
const rowHeight = 18

/** Plain colours, as attributes: not every viewer knows style sheets. The paper is part of the picture, on any ground. */
const colours = {
  paper: '#ffffff',
  track: '#f0f3f6',
  grid: '#dde3e9',
  good: '#2f74b5',
  bad: '#c2414b',
  retried: '#b26a00',
  wait: '#9cc3e6',
  'bad-wait': '#e9a5aa',
  mark: '#8250df',
} as const
const [ink, faint, edge] = ['#1f2328', '#59636e', '#d1d9e0']
/** What texts look like, by their kind. */
const fonts: Readonly<Record<string, string>> = {
  title: `fill="${ink}" font-size="15" font-weight="600"`,
  'limit middle': `fill="${colours.mark}" font-weight="600" text-anchor="middle"`,
  name: 'fill="#ffffff" font-size="11" text-anchor="middle" pointer-events="none"',
  middle: 'text-anchor="middle"',
  end: 'text-anchor="end"',
}

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
  const tasks = new Set(bars.map(({index}) => index)).size
  const summary = `${tasks} tasks, ${failed} failed, in ${Math.round(end)} ms`

  const drawn = [
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${bottom + 41}" rx="8" fill="${colours.paper}" stroke="${edge}"/>`,
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
  <g font-family="system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif" font-size="12" fill="${faint}">
  ${drawn.join('\n  ')}
  </g>
</svg>
`
}

/** A bar with its waits, its number where there is room, and its story for who points at it. */
function drawBar(
  {index, attempt, isRetried, lane, start, end: settled, error, waits}: Bar,
  x: (ms: number) => number,
  y: number,
  last: number,
): string {
  const end = settled ?? last
  const kind = error ? 'bad' : isRetried ? 'retried' : 'good'
  const at = x(start)
  const wide = Math.max(x(end) - at - 1, 0.75) // a line of paper between one bar and the next
  const name = `${index}${attempt > 1 ? `.${attempt}` : ''}${error ? ' ✕' : isRetried ? ' ↻' : ''}`
  const story = `task ${index}${attempt > 1 ? `, attempt ${attempt}` : ''}: ${round(start)} to ${round(end)} ms${error ? `, ${error.message}` : ''}`
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
  const has = {
    wait: bars.some(({waits}) => waits.length > 0),
    bad: bars.some(({error}) => error !== undefined),
    retried: bars.some(({isRetried}) => isRetried),
  }
  const entries = [
    ['track', 'free slot', 54],
    ...(has.wait ? [['wait', 'waits to retry', 80] as const] : []),
    ...(has.retried ? [['retried', 'tried again', 64] as const] : []),
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

type Kind = keyof typeof colours

function rect(kind: Kind, x: number, y: number, wide: number, high: number = laneHeight, radius = 3): string {
  return `<rect class="${kind}" x="${round(x)}" y="${y}" width="${round(wide)}" height="${high}" rx="${radius}" fill="${colours[kind]}"/>`
}

function line(kind: Kind, x: number, from: number, to: number): string {
  const dashes = kind === 'mark' ? ' stroke-dasharray="3 3"' : ''
  return `<line x1="${round(x)}" x2="${round(x)}" y1="${from}" y2="${to}" stroke="${colours[kind]}"${dashes}/>`
}

function text(x: number, y: number, content: string, kind = ''): string {
  const look = fonts[kind] ?? ''
  return `<text x="${round(x)}" y="${y}"${look && ` ${look}`}>${escape(content)}</text>`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
