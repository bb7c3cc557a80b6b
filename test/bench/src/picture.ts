/** Draws the main case of the last report, or of another: `npm run bench:picture [REPORT.json PICTURE.svg]`. */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {main} from './plan.js'
import type {Report, Row} from './report.js'

const folder = import.meta.dirname
const [from = join(folder, 'report.json'), to = join(folder, '../../../.github/bench.svg')] = process.argv.slice(2)

const width = 900
const left = 330
const right = 70
const top = 84
const rowHeight = 27

interface Bar {
  readonly name: string
  readonly look: 'ours' | 'floor' | 'streams' | 'collects'
  /** Of one that did fewer tasks than the others. */
  readonly mark: string
  readonly median: number
  readonly low: number
  readonly high: number
}

const looks = [
  ['ours', 'aio-tasks'],
  ['streams', 'peers that hand over results as they come'],
  ['collects', 'peers that hand over all at the end'],
  ['floor', 'no library'],
] as const

function picture({cases, node, date, command, machine, rounds}: Report): string {
  const {work, source, limit} = main
  const found = cases.find((each) => each.work === work && each.source === source && each.limit === limit)
  if (found === undefined) throw new Error(`${from} does not have the main case`)
  const bars = found.rows.flatMap((row) => toBar(row, found.tasks)).sort((a, b) => a.median - b.median)
  // Each decade is as wide as another, or the slowest would leave the others no room.
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...bars.map(({low}) => low)) * 0.8))
  const highest = Math.max(...bars.map(({high}) => high)) * 1.05
  const x = (cost: number): number =>
    left + (Math.log(cost / lowest) / Math.log(highest / lowest)) * (width - left - right)
  const bottom = top + bars.length * rowHeight + 8
  const height = bottom + 106
  const slow = found.rows.some(({cost}) => 'tasks' in cost && cost.tasks < found.tasks) ? ' *: with fewer tasks.' : ''
  const taken = `${machine.cpu}, ${machine.cores} cores · Node ${node} · ${date} · ${command}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">Cost of one task in microseconds, with each library</title>
${style}
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
<text class="title" x="24" y="38">What one task costs</text>
<text class="quiet" x="24" y="60">Microseconds, shorter is better: ${found.tasks.toLocaleString('en')} async no-op tasks, at most ${limit} at once. Logarithmic scale.</text>
${grid(lowest, highest)
  .map(
    (cost) => `<line class="grid" x1="${at(x(cost))}" x2="${at(x(cost))}" y1="${top - 6}" y2="${bottom}"/>
<text class="quiet tick" x="${at(x(cost))}" y="${bottom + 18}">${cost}</text>`,
  )
  .join('\n')}
${bars.map((bar, index) => drawn(bar, top + index * rowHeight, x)).join('\n')}
${legend(bottom + 50)}
<text class="quiet small" x="24" y="${bottom + 76}">${escaped(taken)}</text>
<text class="quiet small" x="24" y="${bottom + 93}">Medians of ${rounds} interleaved rounds in one process; thin lines reach from the fastest round to the slowest.${slow}</text>
</svg>
`
}

function toBar({name, kind, streams, cost}: Row, tasks: number): Bar[] {
  if (!('median' in cost)) return []
  const look = kind === 'peer' ? (streams ? 'streams' : 'collects') : kind
  const mark = cost.tasks < tasks ? '*' : ''
  return [{name, look, mark, median: cost.median, low: cost.low, high: cost.high}]
}

/** 1, 2 and 5 of each decade. */
function grid(lowest: number, highest: number): number[] {
  const lines: number[] = []
  for (let decade = lowest; decade <= highest; decade *= 10)
    for (const step of [1, 2, 5]) if (decade * step <= highest) lines.push(Number((decade * step).toPrecision(1)))
  return lines
}

function drawn({name, look, mark, median, low, high}: Bar, y: number, x: (cost: number) => number): string {
  const middle = y + rowHeight / 2
  return `<text class="name ${look}" x="${left - 12}" y="${middle + 4.5}">${escaped(name)}</text>
<rect class="bar ${look}" x="${left}" y="${y + 4.5}" width="${at(Math.max(x(median) - left, 2))}" height="${rowHeight - 9}" rx="3"/>
<line class="range" x1="${at(x(low))}" x2="${at(x(high))}" y1="${middle}" y2="${middle}"/>
<text class="value ${look}" x="${at(x(Math.max(median, high)) + 8)}" y="${middle + 4.5}">${median.toPrecision(median < 10 ? 2 : 3)}${mark}</text>`
}

function legend(y: number): string {
  let x = 24
  return looks
    .map(([look, says]) => {
      const start = x
      x += 34 + says.length * 6.6
      return `<rect class="bar ${look}" x="${start}" y="${y - 10}" width="12" height="12" rx="3"/><text class="quiet" x="${start + 18}" y="${y}">${says}</text>`
    })
    .join('\n')
}

function at(place: number): string {
  return place.toFixed(1)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

// A card of its own ground, so that it can be read on any page; it follows the reader's choice of dark or light.
const style = `<style>
text { font: 13px -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: #1f2328 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.title { font-size: 19px; font-weight: 600 }
.quiet { fill: #59636e }
.small { font-size: 12px }
.tick { text-anchor: middle; font-size: 12px }
.grid { stroke: #d1d9e0; stroke-dasharray: 2 3 }
.name { text-anchor: end }
.value { font-variant-numeric: tabular-nums }
text.ours { font-weight: 600 }
.bar.ours { fill: #0969da }
.bar.streams { fill: #7d8fb3 }
.bar.collects { fill: #b6c0d4 }
.bar.floor { fill: #c9a86a }
.range { stroke: #1f2328; stroke-opacity: 0.55; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.card { fill: #0d1117; stroke: #3d444d }
.quiet { fill: #9198a1 }
.grid { stroke: #3d444d }
.bar.ours { fill: #4493f8 }
.bar.streams { fill: #6f7f9f }
.bar.collects { fill: #47526a }
.bar.floor { fill: #8f7443 }
.range { stroke: #e6edf3 }
}
</style>`

mkdirSync(dirname(to), {recursive: true})
writeFileSync(to, picture(JSON.parse(readFileSync(from, 'utf8')) as Report))
