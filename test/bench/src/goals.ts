/** What is wanted of aio-tasks, and what was reached. */
import {main} from './plan.js'
import type {Case, Cost, Goal, Report, Row} from './report.js'
import {round} from './stats.js'

type Measured = Pick<Report, 'cases' | 'limits' | 'lengths' | 'extras'>

/** Ratios are of medians: of one case, in one process, rounds interleaved. */
export function goals({cases, limits, lengths, extras}: Measured, isJudged: boolean): Goal[] {
  const noop = costs(find(cases, 'no-op'))
  const turns = costs(find(cases, 'setImmediate'))
  const streaming = [...noop.rows].filter(({kind, streams}) => kind === 'peer' && streams)
  const fastest = streaming.reduce((best, row) => (median(row.cost) < median(best.cost) ? row : best))
  const late = Math.max(...extras.lateness.filter(({isRunner}) => isRunner).map(({late: ms}) => ms))
  const wanted = (bound: Goal['bound']) => {
    return (goal: string, value: number, exact: number, unit: Goal['unit'] = '×', note?: string): Goal => {
      const reached = round(exact)
      const met = bound === 'at most' ? reached <= value : reached >= value
      return {goal, reached, unit, bound, value, ...(note && {note}), ...(isJudged && {met})}
    }
  }
  const [most, least] = [wanted('at most'), wanted('at least')]
  const {heapGrowth, size} = extras

  return [
    most('for await ÷ sequential', 1, noop.ratio('for await', 'sequential'), '×', '1.15 is the least that counts'),
    least('fastest peer that streams ÷ for await', 1.7, noop.ratio(fastest.id, 'for await'), '×', fastest.name),
    least('p-map ÷ for await', 3, noop.ratio('p-map', 'for await')),
    least('p-queue ÷ for await', 20, noop.ratio('p-queue', 'for await')),
    least('p-limit ÷ for await', 12, noop.ratio('p-limit', 'for await')),
    most('run() ÷ loop', 1.25, noop.ratio('run', 'loop')),
    most('run() with four listeners ÷ without', 1.5, noop.ratio('run heard', 'run')),
    most(`${limits.many.what} ÷ ${limits.few.what}`, 1.5, grown(limits)),
    most(`${lengths.many.what} ÷ ${lengths.few.what}`, 1.1, grown(lengths)),
    most(`heap growth in ${heapGrowth.tasks.toLocaleString('en')} tasks`, 8, heapGrowth.bytes / 1e6, 'MB'),
    most('setImmediate: for await ÷ loop', 1.1, turns.ratio('for await', 'loop')),
    most('setImmediate: run() ÷ loop', 1.1, turns.ratio('run', 'loop')),
    most('ordered ÷ unordered', 1.3, noop.ratio('ordered', 'for await')),
    most('TaskQueue.push ÷ p-queue add', 0.2, noop.ratio('TaskQueue', 'p-queue')),
    most('a 5 ms timer is late by', 25, late, 'ms', 'the worst of every way to use the runner'),
    most('minified and gzipped', 5, size.gzipped / 1000, 'kB'),
  ]
}

function find(cases: readonly Case[], work: Case['work']): Case {
  const found = cases.find((each) => each.work === work && each.source === main.source && each.limit === main.limit)
  if (found === undefined) throw new Error(`The case of most goals is missing for ${work} tasks`)
  return found
}

function costs({rows}: Case): {readonly rows: readonly Row[]; ratio(above: string, below: string): number} {
  const cost = (id: string): number => median(rows.find((row) => row.id === id)?.cost)
  return {rows, ratio: (above, below) => cost(above) / cost(below)}
}

function grown({few, many}: Report['limits']): number {
  return median(many.cost) / median(few.cost)
}

/** Infinite for what could not be measured, so that it is never the fastest. */
function median(cost: Cost | undefined): number {
  return cost !== undefined && 'median' in cost ? cost.median : Infinity
}
