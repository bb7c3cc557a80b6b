/** Draws the adaptive limit and the capacity over time, from the simulation: `tsx test/governors/simulation/picture.ts`. */
import {writeFileSync} from 'node:fs'
import {AdaptiveLimit} from '../../../src/governors/index.js'
import {type Change, type Sample, simulate} from './client.js'
import {patience, serviceTime} from './server.js'

const changes: readonly Change[] = [
  {at: 0, capacity: 50},
  {at: 80, capacity: 100},
  {at: 160, capacity: 50},
  {at: 240, capacity: 150},
  {at: 330, capacity: 0},
  {at: 360, capacity: 80},
]
const length = 440
const {samples} = simulate('queueing', new AdaptiveLimit({max: 400}), {changes, length, seed: 1})

const [width, height, left, right, top, bottom] = [960, 360, 56, 24, 72, 310]
const most = 50 * Math.ceil(Math.max(...samples.map(({limit, capacity}) => Math.max(limit, 2 * capacity))) / 50)
const x = (at: number): number => Math.round(10 * (left + (at / length) * (width - left - right))) / 10
const y = (value: number): number => Math.round(10 * (bottom - (value / most) * (bottom - top))) / 10

/** A line that stays on each value until the next one. */
function steps(value: (sample: Sample) => number): string {
  return (
    samples
      .map(
        (sample, index) =>
          `${index === 0 ? 'M' : 'H'}${index === 0 ? `${x(0)},` : x(sample.at - 1)}${
            index === 0 ? y(value(sample)) : `V${y(value(sample))}`
          }`,
      )
      .join('') + `H${x(length)}`
  )
}

/** A line through the value at the end of each round trip. */
function line(value: (sample: Sample) => number): string {
  return samples.map((sample, index) => `${index === 0 ? 'M' : 'L'}${x(sample.at)},${y(value(sample))}`).join('')
}

function text(at: number, height_: number, content: string, anchor = 'start', colour = '#6e7781', size = 12): string {
  return `<text x="${at}" y="${height_}" text-anchor="${anchor}" fill="${colour}" font-size="${size}">${content}</text>`
}

const title = 'AdaptiveLimit, and what the server can take'
const subtitle = `Simulated: requests of ${serviceTime / 2} to ${1.5 * serviceTime} ms; as many wait as are worked on, then 429; an outage of 30 round trips; clients give up after ${patience} ms`
const grid = Array.from({length: most / 50 + 1}, (_, index) => 50 * index).flatMap((value) => [
  `<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="#8b949e" stroke-opacity="0.25"/>`,
  text(left - 8, y(value) + 4, String(value), 'end'),
])
const ticks = Array.from({length: Math.floor(length / 50) + 1}, (_, index) =>
  text(x(50 * index), bottom + 20, String(50 * index), 'middle'),
)
const twice = `${steps(({capacity}) => 2 * capacity)}V${bottom}H${x(0)}Z`
const within = `${steps(({capacity}) => capacity)}V${bottom}H${x(0)}Z`

writeFileSync(
  new URL('../../../.github/adaptive.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif">
  ${text(24, 28, title, 'start', '#6e7781', 15)}
  ${text(24, 48, subtitle)}
  <path d="${twice}" fill="#2f81f7" fill-opacity="0.15"/>
  <path d="${within}" fill="#2f81f7" fill-opacity="0.3"/>
  ${[...grid, ...ticks].join('\n  ')}
  <path d="${line(({limit}) => limit)}" fill="none" stroke="#d9772b" stroke-width="2" stroke-linejoin="round"/>
  ${text(width - right, bottom + 40, 'round trips', 'end')}
  <rect x="${left}" y="${bottom + 31}" width="12" height="12" fill="#2f81f7" fill-opacity="0.45"/>
  ${text(left + 18, bottom + 41, 'worked on at once')}
  <rect x="${left + 150}" y="${bottom + 31}" width="12" height="12" fill="#2f81f7" fill-opacity="0.15"/>
  ${text(left + 168, bottom + 41, 'may wait')}
  <rect x="${left + 250}" y="${bottom + 36}" width="12" height="2" fill="#d9772b"/>
  ${text(left + 268, bottom + 41, 'the limit')}
</svg>
`,
)
