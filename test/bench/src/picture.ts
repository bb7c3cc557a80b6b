/** Draws what a task costs, hot and after a collection: dots on a logarithmic scale. */
import {writeFileSync} from 'node:fs'
import type {Contender} from './contender.js'
import {contenders, label} from './contenders.js'
import type {State} from './job.js'
import {best, figure, type Report} from './report.js'

const [width, left, right, rowHeight, top] = [900, 320, 730, 22, 118]

interface Dots {
  readonly name: string
  readonly isOurs: boolean
  readonly hot: number
  readonly collected: number
}

const groups: ReadonlyArray<readonly [heading: string, belongs: (each: Contender) => boolean]> = [
  ['aio-tasks', ({kind, run}) => kind === 'ours' && run !== undefined],
  ['no library', ({kind}) => kind === 'floor'],
  ['peers that give results as they come', ({kind, streams}) => kind === 'peer' && streams === true],
  ['peers that give all results at the end', ({kind, run, streams}) => kind === 'peer' && !!run && !streams],
  ['queues, 50,000 tasks pushed at once', ({queue}) => queue !== undefined],
]

/** Colours are written out and lie on a ground of their own, so that any viewer shows them on any page. */
export function draw(report: Report): void {
  const {measured, machine, node, date, rounds, limit, builds} = report
  const costOf = (id: string, state: State): number =>
    Math.min(
      ...measured
        .filter((each) => each.contender === id && each.state === state && each.build === builds[0])
        .map((each) => best(each)),
    )
  const sections = groups.map(([heading, belongs]) => {
    const dots = contenders
      .filter(belongs)
      .map(
        (each): Dots => ({
          name: label(each) + (each.fewer === undefined ? '' : '*'),
          isOurs: each.kind === 'ours',
          hot: costOf(each.id, 'hot'),
          collected: costOf(each.id, 'collected'),
        }),
      )
      .filter(({hot, collected}) => hot < Infinity && collected < Infinity)
      .sort((a, b) => a.hot - b.hot)
    return {heading, dots}
  })
  const all = sections.flatMap(({dots}) => dots.flatMap(({hot, collected}) => [hot, collected]))
  const [lowest, highest] = [Math.min(...all) * 0.9, Math.max(...all) * 1.1]
  const x = (cost: number): number => left + (Math.log(cost / lowest) / Math.log(highest / lowest)) * (right - left)

  const body: string[] = []
  let y = top
  for (const {heading, dots} of sections) {
    y += 8
    body.push(text(24, y + 12, heading, 'font-weight="bold"'))
    for (const each of dots) {
      y += rowHeight
      body.push(...row(each, y + 8, x))
    }
    y += rowHeight + 4
  }
  const ticks = [-2, -1, 0, 1, 2].flatMap((power) => [1, 2, 5].map((step) => Number(`${step}e${power}`)))
  const grid = ticks.flatMap((tick) => {
    if (tick < lowest || tick > highest) return []
    return [
      `<line x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${top - 6}" y2="${y}" stroke="#d8dee4"/>`,
      text(x(tick), top - 12, String(tick), `text-anchor="middle" ${quiet}`),
    ]
  })
  const height = y + 62
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="13">
<title>Processor time of one task in microseconds, with each library</title>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" fill="#ffffff" stroke="#d0d7de"/>
${text(24, 36, 'What one task costs', 'font-size="19" font-weight="bold"')}
${text(24, 58, `Microseconds of processor time, further left is better: no-op tasks, at most ${limit} at once. Logarithmic scale.`, quiet)}
${dot(30, 76, false, '#1f2328')}
${text(42, 80, 'hot: 200,000 tasks, again and again', quiet)}
${dot(282, 76, true, '#1f2328')}
${text(294, 80, 'after a full collection: the 100,000 tasks that follow it', quiet)}
${text(804, top - 12, 'hot', `text-anchor="end" ${quiet}`)}
${text(876, top - 12, 'after', `text-anchor="end" ${quiet}`)}
${grid.join('\n')}
${body.join('\n')}
${text(24, y + 26, `${machine.cpu}, ${machine.cores} cores, Node ${node}, ${date}. Each figure is the best of up to ${rounds} processes, which ran by turns.`, quiet)}
${text(24, y + 44, '*: with fewer tasks, since it takes long, or its cost for each task grows with their number.', quiet)}
</svg>
`
  writeFileSync(new URL('../../../.github/bench.svg', import.meta.url), svg)
}

function row({name, isOurs, hot, collected}: Dots, y: number, x: (cost: number) => number): string[] {
  const colour = isOurs ? '#0969da' : '#57606a'
  const weight = isOurs ? ' font-weight="bold"' : ''
  return [
    text(left - 14, y + 4, name, `text-anchor="end"${weight}`),
    `<line x1="${at(x(hot))}" x2="${at(x(collected))}" y1="${y}" y2="${y}" stroke="${colour}" stroke-opacity="0.4" stroke-width="2"/>`,
    dot(x(collected), y, true, colour),
    dot(x(hot), y, false, colour),
    text(804, y + 4, figure(hot), `text-anchor="end"${weight}`),
    text(876, y + 4, figure(collected), `text-anchor="end"${weight}`),
  ]
}

function dot(x: number, y: number, isHollow: boolean, colour: string): string {
  const look = isHollow ? `fill="#ffffff" stroke="${colour}" stroke-width="2" r="4"` : `fill="${colour}" r="5"`
  return `<circle cx="${at(x)}" cy="${at(y)}" ${look}/>`
}

const quiet = 'fill="#57606a" font-size="12"'

function text(x: number, y: number, says: string, look: string): string {
  const fill = look.includes('fill=') ? '' : ' fill="#1f2328"'
  return `<text x="${at(x)}" y="${at(y)}"${fill} ${look}>${says.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`
}

function at(place: number): string {
  return place.toFixed(1)
}
