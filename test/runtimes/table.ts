import type {Tally} from './tally.js'

/** The tallies as a table in Markdown. */
export function table(tallies: readonly Tally[]): string {
  const head = ['runtime', 'version', 'files', 'passed', 'failed', 'left out']
  const rows = tallies.map(({runtime, version, files, passed, failures, leftOut}) =>
    [runtime, version, files, passed, failures.length, leftOut].map(String),
  )
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = widths.map((width, column) => (column < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Why tests were left out, runtime by runtime. */
export function reasons(tallies: readonly Tally[]): string {
  return tallies
    .filter(({leftOut}) => leftOut > 0)
    .map(({runtime, version, leftOut, reasons: counts}) => {
      const each = Object.entries(counts).map(([reason, count]) => `  ${String(count).padStart(4)} ${reason}`)
      return [`${runtime} ${version} leaves out ${leftOut}:`, ...each].join('\n')
    })
    .join('\n')
}
