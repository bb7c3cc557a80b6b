/** Tests that a runtime cannot pass for a reason of its own, which is told with the count. */
import type {Report} from './report.js'

interface Known {
  readonly runtime: string
  readonly file: string
  readonly title: string
  readonly why: string
}

const known: readonly Known[] = [
  {
    runtime: 'Deno',
    file: 'test/unit/runtime.test.ts',
    title: 'without setImmediate the next turn comes by message, after all microtasks too',
    why: 'has setImmediate, which the test takes away; its messages may come before microtasks',
  },
]

/** Takes the failures that are known out of a report. */
export function excuse(runtime: string, file: string, report: Report): Report {
  const whyOf = (title: string): string | undefined =>
    known.find((one) => one.runtime === runtime && one.file === file && one.title === title)?.why
  const excused = report.failed.flatMap(({title}) => {
    const needs = whyOf(title)
    return needs === undefined ? [] : [{title, needs}]
  })
  return {
    ...report,
    failed: report.failed.filter(({title}) => whyOf(title) === undefined),
    leftOut: [...report.leftOut, ...excused],
  }
}
