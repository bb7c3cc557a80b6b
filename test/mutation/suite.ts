/** Which files of tests there are. */
import {readdirSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

/** The project's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Not tests of the core and the governors: they are of programs, or have packages or a server of their own. */
const others = new Set([
  'bench',
  'bullmq',
  'engines',
  'examples',
  'faults',
  'mutation',
  'node_modules',
  'package',
  'pg-boss',
])

/** The files of tests, as paths in the project. */
export function testFiles(): string[] {
  const folders = readdirSync(`${root}/test`, {withFileTypes: true}).filter((entry) => entry.isDirectory())
  return ['test', ...folders.filter(({name}) => !others.has(name)).map(({name}) => `test/${name}`)].flatMap(filesIn)
}

function filesIn(folder: string): string[] {
  return readdirSync(`${root}/${folder}`, {recursive: folder !== 'test', encoding: 'utf8'})
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
    .sort()
}
