/** Runs the bundled files with Bun or Deno, each in a process of its own. */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {bundle, bundleOf} from './bundle.js'
import {execute} from './execute.js'
import type {Report} from './report.js'
import {testFiles} from './suite.js'

/** Modules that both have, too; but what the tests do with them is about Node: its command line, the project's files. */
const aboutNode = new Set(['node:child_process', 'node:fs', 'node:fs/promises'])
const marker = 'report: '

/** @param command - the program, and what comes before the script's name */
export async function runPrograms(
  command: readonly [string, ...string[]],
  folder: string,
): Promise<Map<string, Report>> {
  await bundle(testFiles(), folder, (module) => aboutNode.has(module))
  const [program, ...args] = command
  const reports = new Map<string, Report>()
  for (const file of testFiles()) {
    const script = join(folder, `run-${bundleOf(file)}`)
    writeFileSync(
      script,
      `import {report} from './${bundleOf(file)}'\nconsole.log('${marker}' + JSON.stringify(report))\n`,
    )
    const {code, output, errors} = await execute(program, [...args, script], {cwd: folder, env: {DENO_DIR: folder}})
    const line = output.split('\n').find((text) => text.startsWith(marker))
    if (code === 0 && line !== undefined) reports.set(file, JSON.parse(line.slice(marker.length)) as Report)
    else
      reports.set(file, {
        passed: [],
        failed: [{title: 'the file runs', error: `${code}\n${output}${errors}`}],
        leftOut: [],
      })
  }
  return reports
}
