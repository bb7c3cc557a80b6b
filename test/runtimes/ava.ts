/** Runs AVA itself with a Node of one's choice. */
import {delimiter, dirname, join} from 'node:path'
import {execute} from './execute.js'
import type {Report} from './report.js'
import {root, testFiles} from './suite.js'

/** Runs the suite, and reports file by file. */
export async function runAva(program: string): Promise<Map<string, Report>> {
  const cli = join(root, 'node_modules/ava/entrypoints/cli.mjs')
  const path = `${dirname(program)}${delimiter}${process.env['PATH'] ?? ''}`
  const ended = await execute(program, [cli, '--tap', ...testFiles()], {cwd: root, env: {PATH: path}})
  const reports = read(ended.output)
  const broken = [...reports.values()].some(({failed}) => failed.length > 0)
  if (ended.code !== 0 && !broken) note(reports, 'AVA', ended.errors + ended.output.slice(-2000))
  return reports
}

/** Reads AVA's report in TAP: `ok 1 - unit › slots › a title`, and below a failure its details. */
function read(tap: string): Map<string, Report> {
  const reports = new Map<string, Report>(testFiles().map((file) => [file, {passed: [], failed: [], leftOut: []}]))
  for (const [, not, name = '', details = ''] of tap.matchAll(/^(not )?ok \d+ - (.*)\n((?: .*\n)*)/gm)) {
    const file = [...reports.keys()].find((key) => name.startsWith(prefixOf(key))) ?? 'AVA'
    const title = name.slice(prefixOf(file).length)
    if (not) note(reports, file, details, title)
    else reports.get(file)?.passed.push(title)
  }
  return reports
}

function note(reports: Map<string, Report>, file: string, error: string, title = ''): void {
  const report = reports.get(file) ?? {passed: [], failed: [], leftOut: []}
  report.failed.push({title, error})
  reports.set(file, report)
}

function prefixOf(file: string): string {
  return `${file
    .replace(/^test\//, '')
    .replace(/\.test\.ts$/, '')
    .split('/')
    .join(' › ')} › `
}
