/** The report as text for people. */
import type {Case, Cost, Goal, Report, Row} from './report.js'
import {sources, works} from './work.js'

export function tables(report: Report): string {
  const {machine, node, date, command, rounds} = report
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, load ${machine.load}`,
    `Node ${node}, ${date}, ${command}`,
    `Medians of ${rounds} interleaved rounds: microseconds a task, with the distance between the quartiles.`,
    ...works.flatMap((work) => sources.flatMap((source) => caseTable(report.cases, work, source))),
    ...section(
      'The runner beside itself',
      [report.limits, report.lengths].flatMap(({few, many}) => [
        [few.what, shown(few.cost)],
        [many.what, shown(many.cost)],
      ]),
    ),
    ...section('A timer set for every 5 ms, during tasks that finish at once', [
      ['', 'tasks', 'run, ms', 'fired', 'late by, ms'],
      ...report.extras.lateness.map(({name, tasks, elapsed, fired, late}) => [
        name,
        tasks.toLocaleString('en'),
        elapsed.toFixed(0),
        fired === 0 ? 'never' : String(fired),
        late.toFixed(0),
      ]),
    ]),
    ...section(
      'Bytes retained for each result that waits',
      Object.entries(report.extras.retained).map(([name, bytes]) => [name, String(bytes)]),
    ),
    ...section('Size of the core with its dependencies, bytes', [
      ['minified', String(report.extras.size.minified)],
      ['and gzipped', String(report.extras.size.gzipped)],
    ]),
    ...section(
      'Time to import, ms',
      Object.entries(report.extras.imports).map(([name, {median, spread}]) => [
        name,
        `${median.toFixed(1)} ±${percent(spread)}`,
      ]),
    ),
    ...section('Goals', [['', 'reached', 'goal', ''], ...report.goals.map(goalCells)]),
  ].join('\n')
}

/** All limits of one kind of work from one kind of source. */
function caseTable(cases: readonly Case[], work: Case['work'], source: Case['source']): string[] {
  const own = cases.filter((each) => each.work === work && each.source === source)
  const all = new Map<string, Row>(own.flatMap(({rows}) => rows.map((row) => [row.id, row])))
  const cells = [...all.values()].map(({id, name}) =>
    [name].concat(own.map(({rows, tasks}) => shown(rows.find((row) => row.id === id)?.cost, tasks))),
  )
  const notes = [
    ...(cells.flat().some((cell) => cell.endsWith('*'))
      ? ['* with fewer tasks, to keep the time of a run in bounds']
      : []),
    ...reasons(own),
    ...own.flatMap(({limit, rows}) =>
      rows.flatMap(({name, cost}) => ('failed' in cost ? [`${name}, limit ${limit}: ${cost.failed}`] : [])),
    ),
  ]
  return [
    ...section(`${work} tasks from ${source === 'sync' ? 'a synchronous' : 'an asynchronous'} source`, [
      ['limit', ...own.map(({limit}) => limit.toLocaleString('en'))],
      ['tasks', ...own.map(({tasks}) => tasks.toLocaleString('en'))],
      ...cells,
    ]),
    ...notes,
  ]
}

/** Why contenders cannot do these cases. */
function reasons(cases: readonly Case[]): string[] {
  const costs = cases.flatMap(({rows}) => rows.map(({cost}) => cost))
  return [...new Set(costs.flatMap((cost) => ('cannot' in cost ? `cannot: ${cost.cannot}` : [])))]
}

function shown(cost: Cost | undefined, tasks?: number): string {
  if (cost === undefined) return ''
  if ('cannot' in cost) return 'cannot'
  if ('failed' in cost) return 'failed'
  const mark = tasks !== undefined && cost.tasks < tasks ? '*' : ''
  return `${cost.median.toPrecision(3)} ±${percent(cost.spread)}${mark}`
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)}%`
}

function goalCells({goal, reached, unit, bound, value, note, met}: Goal): string[] {
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED'
  return [
    goal,
    `${reached.toFixed(2)} ${unit}`,
    `${bound} ${value}`,
    [verdict, note === undefined ? '' : `(${note})`].filter(Boolean).join(' '),
  ]
}

/** A heading and aligned columns: names and what has no name of its own to the left, figures to the right. */
function section(heading: string, rows: ReadonlyArray<readonly string[]>): string[] {
  const [first = []] = rows
  const widths = first.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => [row[column] ?? '', width, column === 0 || first[column] === ''] as const)
      .map(([cell, width, isLeft]) => (isLeft ? cell.padEnd(width) : cell.padStart(width)))
      .join('  ')
  return ['', heading, '', ...rows.map((row) => line(row).trimEnd())]
}
