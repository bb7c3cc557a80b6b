/** What was found: the ratios with their spread, and each contender's cost. */
import {contenders} from './contenders.js'
import type {State} from './job.js'
import type {Machine} from './machine.js'
import type {RowPlan} from './rows.js'
import {round} from './stats.js'
import {version} from './versions.js'

export interface Measured {
  readonly contender: string
  readonly state: State
  readonly build: string
  /** Of each process: microseconds a task, milliseconds an import, or bytes. */
  readonly values: number[]
  cannot?: string
}

export interface Row {
  readonly what: string
  readonly build: string
  /** Best by best; with the lowest and highest of the rounds. */
  readonly found?: {readonly value: number; readonly low: number; readonly high: number}
  /** The peer, where there is a choice. */
  readonly over?: string
  readonly skipped?: string
  readonly atMost: number
}

export interface Report {
  readonly date: string
  readonly command: string
  readonly node: string
  readonly machine: Machine
  readonly rounds: number
  readonly builds: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  readonly measured: readonly Measured[]
  readonly rows: readonly Row[]
}

/** The least of all processes: whatever else the machine does only adds to a figure. */
export function best({values}: Measured): number {
  return Math.min(...values)
}

/** The rows of which both sides were asked for. */
export function rows(plans: readonly RowPlan[], measured: readonly Measured[], builds: readonly string[]): Row[] {
  return plans.flatMap((plan) => builds.flatMap((build) => row(plan, measured, build)))
}

function row({what, state, of, over, atMost}: RowPlan, measured: readonly Measured[], build: string): Row[] {
  const inState = measured.filter((each) => each.state === state)
  const ours = inState.find((each) => each.contender === of && each.build === build)
  const below = inState
    .filter((each) => over.includes(each.contender) && (isPeer(each.contender) || each.build === build))
    .sort((a, b) => best(a) - best(b))[0]
  if (ours === undefined || (over.length > 0 && below === undefined)) return []
  if (ours.cannot !== undefined) return [{what, build, skipped: ours.cannot, atMost}]
  const ratios = ours.values.map((value, index) => value / (below?.values[index] ?? 1))
  const value = best(ours) / (below === undefined ? 1 : best(below))
  const found = {value: round(value), low: round(Math.min(...ratios)), high: round(Math.max(...ratios))}
  return [{what, build, found, ...(below && over.length > 1 && {over: below.contender}), atMost}]
}

function isPeer(id: string): boolean {
  return contenders.find((each) => each.id === id)?.kind !== 'ours'
}

export function tables(report: Report): string {
  const {machine, node, date, command, rounds, builds} = report
  const isOne = builds.length === 1
  const ratios = report.rows.map(({what, build, found, over, skipped, atMost}) => [
    what + (over === undefined ? '' : ` (${over})`),
    ...(isOne ? [] : [build]),
    found === undefined ? `skipped: ${skipped}` : figure(found.value),
    found === undefined ? '' : `${figure(found.low)} to ${figure(found.high)}`,
    figure(atMost),
    found === undefined ? '' : found.value <= atMost ? 'met' : 'missed',
  ])
  const costs = costRows(report).map(({name, cells}) => [name, ...cells])
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, load ${machine.load}`,
    `Node ${node}, ${date}, ${command}: ${rounds} rounds`,
    '',
    table([['ratio', ...(isOne ? [] : ['build']), 'measured', 'rounds', 'at most', ''], ...ratios]),
    'Processor time, the best of all processes: µs a task, µs a short run, bytes a waiting push, ms an import',
    '',
    table([['', 'hot', 'collected', 'short', 'short collected', 'bytes', 'import'], ...costs]),
  ].join('\n')
}

function costRows({measured, builds}: Report): Array<{name: string; cells: string[]}> {
  const states: readonly State[] = ['hot', 'collected', 'short', 'short collected', 'bytes', 'import']
  return contenders.flatMap((each) =>
    builds.flatMap((build) => {
      const own = measured.filter((other) => other.contender === each.id && other.build === build)
      if (own.length === 0) return []
      const name = each.package ? `${each.package} ${version(each.package)} ${each.call}` : each.call
      const cells = states.map((state) => {
        const found = own.find((other) => other.state === state)
        return found === undefined ? '' : found.values.length === 0 ? '–' : figure(best(found))
      })
      return [{name: builds.length > 1 && each.kind === 'ours' ? `${name} (${build})` : name, cells}]
    }),
  )
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** A Markdown table with aligned columns. */
function table(lines: ReadonlyArray<readonly string[]>): string {
  const [head = []] = lines
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)))
  const shown = lines.map((line) => {
    const cells = widths.map((width, column) =>
      column === 0 ? (line[column] ?? '').padEnd(width) : (line[column] ?? '').padStart(width),
    )
    return `| ${cells.join(' | ')} |`
  })
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [shown[0], rule, ...shown.slice(1), ''].join('\n')
}
