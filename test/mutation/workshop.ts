/** A copy of the project to break, with its tests as one program. */
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {build, type Plugin} from 'esbuild'
import type {Instrumented} from './mutants.js'
import {root, testFiles} from './suite.js'

/**
 * They look at what is written and not at what it does, load a part of the library anew, or take long: the model's runs
 * come in fewer.
 */
const others = new Set([
  'test/architecture.test.ts',
  'test/docs.test.ts',
  'test/readme.test.ts',
  'test/types.test.ts',
  'test/model/leaks.test.ts',
  'test/model/model.test.ts',
])

/** The files of tests in the order in which they run where nothing else decides. */
export const suite: readonly string[] = [
  ...testFiles().filter((file) => file.startsWith('test/unit/')),
  ...testFiles().filter((file) => !file.startsWith('test/unit/')),
  'test/mutation/model-runs.ts',
].filter((file) => !others.has(file))

export interface Workshop {
  readonly folder: string
  /** The tests as a program for Node. */
  readonly program: string
  dispose(): void
}

export async function workshop({sources}: Instrumented): Promise<Workshop> {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-mutation-'))
  for (const name of ['.config', 'src', 'test', 'package.json', 'tsconfig.json'])
    cpSync(join(root, name), join(folder, name), {recursive: true, filter: (path) => !path.includes('node_modules')})
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [name, content] of sources) writeFileSync(join(folder, name), content)
  // Where a file of tests would be: some start programs that import the library from `../../src`.
  const program = join(folder, 'test/program/program.mjs')
  mkdirSync(join(folder, 'test/program'))
  await build({
    entryPoints: [join(folder, 'test/mutation/program.ts')],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
    keepNames: true,
    plugins: [files(folder), harness(folder)],
    // For packages that are CommonJS.
    banner: {js: `import {createRequire as requireOf} from 'node:module'; const require = requireOf(import.meta.url)`},
  })
  return {folder, program, dispose: () => rmSync(folder, {recursive: true, force: true})}
}

/** What the program imports: each file of tests by its name, and loaded when it is wanted. */
function files(folder: string): Plugin {
  return {
    name: 'files',
    setup(bundler) {
      bundler.onResolve({filter: /^files-of-tests$/}, ({path}) => ({path, namespace: 'files'}))
      bundler.onLoad({filter: /./, namespace: 'files'}, () => ({
        contents: `export const files = {${suite.map((file) => `'${file}': () => import('./${file}')`).join(', ')}}`,
        resolveDir: folder,
      }))
    },
  }
}

function harness(folder: string): Plugin {
  return {
    name: 'harness',
    setup(bundler) {
      bundler.onResolve({filter: /^ava$/}, () => ({path: join(folder, 'test/mutation/harness.ts')}))
    },
  }
}
