/** A timeline as a picture: a lane for each slot, a bar for each task. It needs nothing else, and looks the same everywhere. */
import type {Bar, Hold, Timeline} from './recorder.js'

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
  held: '#fbe3c6',
  mark: '#8250df',
} as const
const [ink, faint, edge] = ['#1f2328', '#59636e', '#d1d9e0']
/** A line below each bar has the colour of the task's group; with many groups, colours come again. */
const groupColours = ['#0f9d8a', '#bf3989', '#6639ba', '#57606a', '#7cb518']
const groupHeight = 4
/** What a colour says is said by a mark too, drawn and not written: fonts lack such characters. */
const marks: Readonly<Record<string, string>> = {
  bad: 'M-3 -3L3 3M3 -3L-3 3',
  retried: 'M2.8 -1.8A3.4 3.4 0 1 0 3.4 0.8M3.4 -4.4V-1.4H0.4',
}
const markWidth = 12
/** What texts look like, by their kind. */
const fonts: Readonly<Record<string, string>> = {
  title: `fill="${ink}" font-size="15" font-weight="600"`,
  limit: `fill="${colours.mark}" font-weight="600" text-anchor="middle"`,
  held: 'fill="#8a5300" font-weight="600" text-anchor="middle"',
  name: 'fill="#ffffff" font-size="11" text-anchor="middle" pointer-events="none"',
  middle: 'text-anchor="middle"',
  end: 'text-anchor="end"',
}

/** Something above the lanes that says what is at a place. */
interface Label {
  readonly x: number
  readonly text: string
  readonly kind: 'limit' | 'held'
}

export function toSvg(title: string, timeline: Timeline): string {
  const {bars, holds, limits, end} = timeline
  const lanes = Math.max(1, ...bars.map(({lane}) => lane + 1))
  const span = Math.max(end, 1)
  const x = (ms: number): number => left + (ms / span) * (width - left - right)
  const changes = limits.map(({at, limit}): Label => ({x: x(at), text: named(limit), kind: 'limit'}))
  const labels = [...changes, ...holds.flatMap((hold) => labelOf(hold, x, end))]
  const rows = inRows(labels)
  const top = 84 + rowHeight * Math.max(0, ...rows.map((row) => row + 1))
  const y = (lane: number): number => top + lane * (laneHeight + laneGap)
  const bottom = y(lanes) - laneGap + 8
  const groups = [...new Set(bars.flatMap(({group}) => (group === undefined ? [] : [group])))]
  const failed = bars.filter(({error}) => error !== undefined).length
  const tasks = new Set(bars.map(({index}) => index)).size
  const summary = `${tasks} tasks, ${failed} failed, in ${Math.round(end)} ms`

  const drawn = [
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${bottom + 41}" rx="8" fill="${colours.paper}" stroke="${edge}"/>`,
    text(24, 32, title, 'title'),
    text(24, 53, summary),
    ...legend(timeline),
    ...groupLegend(groups),
    ...ticks(span).flatMap((ms) => [
      line('grid', x(ms), top - 6, bottom),
      text(x(ms), bottom + 19, `${ms} ms`, 'middle'),
    ]),
    ...range(lanes).map((lane) => text(left - 12, y(lane) + 16, `slot ${lane + 1}`, 'end')),
    ...range(lanes).flatMap((lane) =>
      tracks(lane, timeline).map(([from, to]) => rect('track', x(from), y(lane), x(to) - x(from))),
    ),
    ...holds.map((hold) => drawHold(hold, x, top - 6, bottom, end)),
    ...changes.map((change, index) => line('mark', change.x, 84 + rowHeight * (rows[index] ?? 0) + 6, bottom)),
    ...labels.map((label, index) => text(label.x, 84 + rowHeight * (rows[index] ?? 0), label.text, label.kind)),
    ...bars.map((bar) => drawBar(bar, x, y(bar.lane), end, groups)),
  ]
  const height = bottom + 42
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(`${title}: ${summary}`)}">
  <g font-family="system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif" font-size="12" fill="${faint}">
  ${drawn.join('\n  ')}
  </g>
</svg>
`
}

/** A bar with its number where there is room, the colour of its group, and a text that shows where the mouse points at it. */
function drawBar(
  {index, attempt, group, isRetried, lane, start, end: settled, error}: Bar,
  x: (ms: number) => number,
  y: number,
  last: number,
  groups: readonly string[],
): string {
  const end = settled ?? last
  const kind = error ? 'bad' : isRetried ? 'retried' : 'good'
  const at = x(start)
  const wide = Math.max(x(end) - at - 1, 0.75) // a line of paper between one bar and the next
  const high = groups.length > 0 ? laneHeight - groupHeight - 1 : laneHeight
  const name = `${index}${attempt > 1 ? `.${attempt}` : ''}`
  const marked = kind in marks ? markWidth : 0
  const ofGroup = group === undefined ? '' : ` of ${group}`
  const ofAttempt = attempt > 1 ? `, attempt ${attempt}` : ''
  const story = `task ${index}${ofGroup}${ofAttempt}: ${round(start)} to ${round(end)} ms${error ? `, ${error.message}` : ''}`
  const [middle, base] = [at + wide / 2, y + high / 2]
  const hasRoom = wide >= name.length * 6.5 + 6 + marked
  const label = hasRoom ? text(middle - marked / 2, base + 4, name, 'name') : ''
  const outcome = hasRoom ? mark(kind, middle + name.length * 3.5 + 1, base) : ''
  const belongs = group === undefined ? '' : groupMark(groups.indexOf(group), at, y + laneHeight - groupHeight, wide)
  return `<g data-task="${index}" data-lane="${lane}"><title>${escape(story)}</title>${rect(kind, at, y, wide, high, 3)}${belongs}${label}${outcome}</g>`
}

/** A band over all lanes: while the governor is asked, no slot gets a task. */
function drawHold({start, end: granted}: Hold, x: (ms: number) => number, y: number, bottom: number, last: number) {
  const end = granted ?? last
  const story = `held by the governor: ${round(start)} to ${round(end)} ms`
  return `<g><title>${story}</title>${rect('held', x(start), y, Math.max(x(end) - x(start), 0.75), bottom - y, 0)}</g>`
}

/** How long a hold lasts, where there is room to say it. */
function labelOf({start, end: granted}: Hold, x: (ms: number) => number, last: number): Label[] {
  const end = granted ?? last
  const label = `held ${Math.round(end - start)} ms`
  return x(end) - x(start) < label.length * 7 ? [] : [{x: (x(start) + x(end)) / 2, text: label, kind: 'held'}]
}

/** The mark of a failed or retried attempt; nothing for others. */
function mark(kind: string, x: number, y: number): string {
  const path = marks[kind]
  if (path === undefined) return ''
  return `<path transform="translate(${round(x)} ${round(y)})" d="${path}" fill="none" stroke="#ffffff" stroke-width="1.5" pointer-events="none"/>`
}

function groupMark(place: number, x: number, y: number, wide: number): string {
  const colour = groupColours[place % groupColours.length]
  return `<rect class="group" x="${round(x)}" y="${y}" width="${round(wide)}" height="${groupHeight}" fill="${colour}"/>`
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
function legend({bars, holds}: Timeline): string[] {
  const entries = [
    ['track', 'free slot', 54],
    ...(holds.length > 0 ? [['held', 'held by the governor', 128] as const] : []),
    ...(bars.some(({isRetried}) => isRetried) ? [['retried', 'tried again', 64] as const] : []),
    ...(bars.some(({error}) => error !== undefined) ? [['bad', 'failed', 38] as const] : []),
    ['good', 'succeeded', 64],
  ] as const
  let x = width - 8
  return entries.flatMap(([kind, meaning, wide]) => {
    x -= wide + 36
    return [rect(kind, x, 22, 12, 12, 2), mark(kind, x + 6, 28), text(x + 18, 32, meaning)]
  })
}

/** The colours of the first groups, on the line below. */
function groupLegend(groups: readonly string[]): string[] {
  let x = width - 8
  return groups
    .slice(0, groupColours.length)
    .toReversed()
    .flatMap((group, index, {length}) => {
      const name = group.slice(0, 24)
      x -= name.length * 6.5 + 36
      return [groupMark(length - 1 - index, x, 47, 12), text(x + 18, 53, name)]
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
