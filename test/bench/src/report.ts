/** What was found: the ratios with their spread, and each contender's cost, as data and as text. */
import type {Contender} from './contender.js'
import {contender, contenders, label} from './contenders.js'
import {type State, states} from './job.js'
import type {Machine} from './machine.js'
import type {RowPlan} from './rows.js'
import {median, round} from './stats.js'

/** One contender in one state. */
export interface Measured {
  readonly contender: string
  readonly state: State
  readonly build: string
  /** One of each process: microseconds a task or a short run, milliseconds an import, bytes a waiting push. */
  readonly values: number[]
  /** Why there are none. */
  cannot?: string
}

export interface Row {
  readonly what: string
  readonly build: string
  /** The least of all processes by the least of all processes, and the lowest and highest ratio of one round. */
  readonly found?: {readonly value: number; readonly low: number; readonly high: number}
  /** The contender below the line, where there is a choice. */
  readonly over?: string
  /** Why nothing was found. */
  readonly skipped?: string
  readonly atMost: number
}

export interface Report {
  readonly date: string
  readonly command: string
  readonly node: string
  readonly machine: Machine
  readonly rounds: number
  readonly limit: number
  readonly builds: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
  readonly measured: readonly Measured[]
}

/** The least of all processes: whatever else the machine does only adds to a figure. */
export function best({values}: Measured): number {
  return Math.min(...values)
}

/** The rows of which both sides were asked for. */
export function rows(plans: readonly RowPlan[], measured: readonly Measured[], builds: readonly string[]): Row[] {
  return plans.flatMap((plan) => builds.flatMap((build) => row(plan, measured, build)))
}

function row(
  {what, state, of, over, atMost, isDifference}: RowPlan,
  measured: readonly Measured[],
  build: string,
): Row[] {
  const inState = measured.filter((each) => each.state === state)
  const above = inState.find((each) => each.contender === of && each.build === build)
  const below = inState
    .filter(
      (each) => over.includes(each.contender) && (contender(each.contender).kind !== 'ours' || each.build === build),
    )
    .sort((a, b) => best(a) - best(b))[0]
  if (above === undefined || (over.length > 0 && below === undefined)) return []
  const skipped = above.cannot ?? below?.cannot
  if (skipped !== undefined) return [{what, build, skipped, atMost}]
  const compare = (one: number, other: number): number => (isDifference === true ? one - other : one / other)
  const ratios = above.values.flatMap((value, index) => {
    const other = below === undefined ? 1 : below.values[index]
    return other === undefined ? [] : [compare(value, other)]
  })
  const value = compare(best(above), below === undefined ? 1 : best(below))
  const found = {value: round(value), low: round(Math.min(...ratios)), high: round(Math.max(...ratios))}
  return [{what, build, found, ...(below && over.length > 1 && {over: below.contender}), atMost}]
}

/**
 * The report as Markdown.
 * @param isJudged Say which goals are met: not of a quick run, whose figures are rough.
 */
export function tables(report: Report, isJudged: boolean): string {
  const {machine, node, date, command, rounds, builds, measured} = report
  const named = (build: string): string => (builds.length > 1 ? ` [${builds.indexOf(build) + 1}]` : '')
  const ratios = report.rows.map((each) => [
    each.what + (each.over === undefined ? '' : ` (${each.over})`) + named(each.build),
    each.found === undefined ? '' : figure(each.found.value),
    each.found === undefined ? '' : `${figure(each.found.low)} to ${figure(each.found.high)}`,
    figure(each.atMost),
    each.found === undefined ? `skipped: ${each.skipped}` : isJudged ? verdict(each.found.value, each.atMost) : '',
  ])
  const costs = contenders.flatMap((each) => builds.flatMap((build) => costRow(each, named(build), measured, build)))
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, load ${machine.load}`,
    `Node ${node}, ${date}, ${command}; ${rounds} rounds`,
    ...(builds.length > 1 ? builds.map((build, index) => `[${index + 1}] ${build}`) : []),
    '',
    table([['ratio', 'measured', 'rounds', 'at most', ''], ...ratios]),
    'Processor time: µs a task or a short run, bytes a waiting push, ms an import. Best of all processes (median).',
    '',
    table([['', ...states], ...costs]),
    '\\* with fewer tasks: it takes long, or its cost for each task grows with their number',
    ...measured.flatMap(({contender: id, state, cannot}) =>
      cannot === undefined ? [] : [`${id}, ${state}: ${cannot}`],
    ),
    '',
  ].join('\n')
}

function verdict(value: number, atMost: number): string {
  return value <= atMost ? 'met' : 'missed'
}

function costRow(each: Contender, suffix: string, measured: readonly Measured[], build: string): string[][] {
  const own = measured.filter((other) => other.contender === each.id && other.build === build)
  if (own.every(({values}) => values.length === 0)) return []
  const mark = each.fewer === undefined ? '' : '*'
  return [
    [label(each) + mark + (each.kind === 'ours' ? suffix : '')].concat(
      states.map((state) => {
        const found = own.find((other) => other.state === state)
        return found?.values[0] === undefined ? '' : `${figure(best(found))} (${figure(median(found.values))})`
      }),
    ),
  ]
}

export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value < 0.1 ? 2 : 3)
}

/** A table with aligned columns: names to the left, figures to the right. */
function table(lines: ReadonlyArray<readonly string[]>): string {
  const [head = []] = lines
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const isLeft = (column: number): boolean => column === 0 || head[column] === ''
  const shown = lines.map((line) => {
    const cells = widths.map((width, column) =>
      isLeft(column) ? (line[column] ?? '').padEnd(width) : (line[column] ?? '').padStart(width),
    )
    return `| ${cells.join(' | ')} |`
  })
  const rules = widths.map((width, column) => (isLeft(column) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`))
  return [shown[0], `|${rules.join('|')}|`, ...shown.slice(1), ''].join('\n')
}
