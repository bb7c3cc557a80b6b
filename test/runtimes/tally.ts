import {excuse} from './known.js'
import type {Report} from './report.js'

/** What came of the suite on one runtime. */
export interface Tally {
  readonly runtime: string
  readonly version: string
  readonly files: number
  readonly passed: number
  readonly failures: readonly string[]
  readonly leftOut: number
  /** Why, with how many tests each. */
  readonly reasons: Readonly<Record<string, number>>
}

/**
 * Adds up the reports of files.
 *
 * @param census - how many tests AVA finds in each: one that went missing on the way is a failure
 */
export function tally(
  {runtime, version}: {readonly runtime: string; readonly version: string},
  reports: ReadonlyMap<string, Report>,
  census: ReadonlyMap<string, number> | undefined,
): Tally {
  const failures: string[] = []
  const reasons = new Map<string, number>()
  let [files, passed] = [0, 0]
  for (const [file, found] of reports) {
    const report = excuse(runtime, file, found)
    const seen = report.passed.length + report.failed.length + report.leftOut.length
    const expected = census?.get(file) ?? (census ? 0 : seen)
    if (report.passed.length + report.failed.length > 0) files++
    passed += report.passed.length
    failures.push(...report.failed.map(({title, error}) => `${file} › ${title}\n${error}`))
    for (const {needs} of report.leftOut) count(reasons, needs, 1)
    if (report.needs !== undefined) count(reasons, `${report.needs} (${file}, whole)`, expected)
    else if (seen !== expected) failures.push(`${file} › has ${expected} tests for AVA, but ${seen} here`)
  }
  const leftOut = [...reasons.values()].reduce((sum, number) => sum + number, 0)
  return {runtime, version, files, passed, failures, leftOut, reasons: Object.fromEntries(reasons)}
}

function count(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more)
}
