/** The outcome as text. */
import type {Status, Verdict} from './verdict.js'

const statuses = ['killed', 'timed out', 'survived', 'not reached'] as const satisfies readonly Status[]

/** How many of a hundred mutants the tests notice; one that never ends has been noticed too. */
export function score(verdicts: readonly Verdict[]): number {
  return (100 * verdicts.filter(({status}) => status === 'killed' || status === 'timed out').length) / verdicts.length
}

export function table(verdicts: readonly Verdict[]): string {
  const files = [...new Set(verdicts.map(({file}) => file))].sort()
  const rows = files.map((file) =>
    rowOf(
      file,
      verdicts.filter((one) => one.file === file),
    ),
  )
  return aligned([['file', ...statuses, 'total', 'score'], ...rows, rowOf('all', verdicts)])
}

function rowOf(name: string, verdicts: readonly Verdict[]): string[] {
  const counts = statuses.map((status) => verdicts.filter((one) => one.status === status).length)
  return [name, ...counts.map(String), String(verdicts.length), `${score(verdicts).toFixed(1)} %`]
}

export function survivors(verdicts: readonly Verdict[]): string {
  return verdicts
    .filter(({status}) => status === 'survived' || status === 'not reached')
    .sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column)
    .map(({file, line, column, status, mutator, original, replacement}) => {
      const note = status === 'not reached' ? ', which no test reaches' : ''
      return `${file}:${line}:${column} ${mutator}${note}\n  - ${inLine(original)}\n  + ${inLine(replacement)}`
    })
    .join('\n')
}

function inLine(code: string): string {
  const text = code.replaceAll(/\s+/g, ' ')
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}

function aligned(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
