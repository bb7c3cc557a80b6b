/**
 * Bundles each file of tests into a module of its own, with the harness in AVA's place. The library is left out
 * of it: the tests import the built package, from where each runtime finds packages. Unit tests, which are of parts
 * that the package does not export, have the source of those in their bundle.
 */
import {basename, resolve} from 'node:path'
import {build, type Plugin} from 'esbuild'
import {root} from './suite.js'

const here = resolve(root, 'test/runtimes')

/** The name of a file's bundle. */
export function bundleOf(file: string): string {
  return `${file
    .replace(/^test\//, '')
    .replace(/\.test\.ts$/, '')
    .replaceAll('/', '-')}.js`
}

/** @param lacks - whether the runtime lacks a module of Node's, such as `node:fs`, or its `process` */
export async function bundle(
  files: readonly string[],
  folder: string,
  lacks: (module: string) => boolean,
): Promise<void> {
  await build({
    entryPoints: files.map((file) => ({in: `suite:${file}`, out: basename(bundleOf(file), '.js')})),
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    logLevel: 'warning',
    inject: (lacks('process') ? ['immediate.ts', 'process.ts'] : ['immediate.ts']).map((name) => resolve(here, name)),
    plugins: [entries, harness, library, builtins(lacks)],
  })
}

/** What a runtime imports: `report` is there when the file's tests have run. */
const entries: Plugin = {
  name: 'entries',
  setup(bundler) {
    bundler.onResolve({filter: /^suite:/}, ({path}) => ({path: path.slice('suite:'.length), namespace: 'suite'}))
    bundler.onLoad({filter: /./, namespace: 'suite'}, ({path}) => ({
      contents: `import {run} from 'ava'; export const report = await run(() => import('./${path}'))`,
      resolveDir: root,
    }))
  },
}

const harness: Plugin = {
  name: 'harness',
  setup(bundler) {
    bundler.onResolve({filter: /^ava$/}, () => ({path: resolve(here, 'harness.ts')}))
  },
}

const library: Plugin = {
  name: 'library',
  setup(bundler) {
    bundler.onResolve({filter: /^p-defer$/}, ({path}) => ({path, external: true}))
    bundler.onResolve({filter: /\/src\/index\.js$/}, ({importer}) =>
      importer.includes('/test/unit/') ? undefined : {path: 'aio-tasks', external: true},
    )
  },
}

/** Node's modules: those that the runtime has are its own, the others say that they are missing when used. */
function builtins(lacks: (module: string) => boolean): Plugin {
  return {
    name: 'builtins',
    setup(bundler) {
      bundler.onResolve({filter: /^node:/}, ({path}) =>
        lacks(path) ? {path, namespace: 'missing', sideEffects: false} : {path, external: true, sideEffects: false},
      )
      bundler.onLoad({filter: /./, namespace: 'missing'}, async ({path}) => {
        const names = Object.keys((await import(path)) as object).filter((name) => name !== 'default')
        const exported = names.map(
          (name, index) => `const v${index} = missing('${path}'); export {v${index} as ${name}}`,
        )
        return {contents: `import {missing} from './missing.js'\n${exported.join('\n')}`, resolveDir: here}
      })
    },
  }
}
