/** Which files of tests there are. */
import {readdirSync} from 'node:fs'
import {fileURLToPath} from 'node:url'

/** The project's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Not the core's: examples are programs for Node, and the rest has packages or a server of its own. */
const others = new Set(['bench', 'bullmq', 'examples', 'node_modules', 'runtimes'])

/** The files that go to every runtime, as paths in the project. */
export function testFiles(): string[] {
  const folders = readdirSync(`${root}/test`, {withFileTypes: true}).filter((entry) => entry.isDirectory())
  return ['test', ...folders.filter(({name}) => !others.has(name)).map(({name}) => `test/${name}`)].flatMap(filesIn)
}

/** Those that go to none: `npm run examples` tests them. */
export function exampleFiles(): string[] {
  return filesIn('test/examples')
}

function filesIn(folder: string): string[] {
  return readdirSync(`${root}/${folder}`)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
    .sort()
}
