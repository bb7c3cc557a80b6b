/** How Node finds and reads the TypeScript of this project; see `typescript.js`. */
import {createHash} from 'node:crypto'
import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {basename} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = new URL('../../', import.meta.url)
/** Holds what was compiled, each by the hash of its source. `npm ci` removes it, as all of `node_modules`. */
const cache = fileURLToPath(new URL('node_modules/.cache/typescript/', root))
mkdirSync(cache, {recursive: true})

/** @type {import('esbuild').TransformOptions} */
const options = {
  loader: 'ts',
  format: 'esm',
  target: 'node20',
  keepNames: true,
  sourcemap: 'inline',
  sourcesContent: false,
  tsconfigRaw: {compilerOptions: {verbatimModuleSyntax: true}},
}
const ofOptions = createHash('sha1').update(JSON.stringify(options))

/**
 * Imports of the package by its name, and of `.js` files that are TypeScript, lead to the sources.
 *
 * @type {import('node:module').ResolveHookSync}
 */
export function resolve(specifier, context, nextResolve) {
  const {parentURL = ''} = context
  const [, entry] = /^aio-tasks(\/[\w-]+|$)/.exec(specifier) ?? []
  if (entry !== undefined) return nextResolve(new URL(`src${entry}/index.ts`, root).href, context)
  if (specifier.startsWith('.') && !parentURL.includes('/node_modules/')) {
    const url = new URL(specifier.replace(/\.js(?=$|\?)/, '.ts'), parentURL)
    if (existsSync(url)) return nextResolve(url.href, context)
  }
  return nextResolve(specifier, context)
}

/** @type {import('node:module').LoadHookSync} */
export function load(url, context, nextLoad) {
  if (!/\.ts(?:$|\?)/.test(url)) return nextLoad(url, context)
  const {source, sourcefile, compiled} = read(fileURLToPath(url))
  if (!existsSync(compiled)) write(compiled, esbuild().transformSync(source, {...options, sourcefile}))
  return {format: 'module', source: readFileSync(compiled, 'utf8'), shortCircuit: true}
}

/** Compiles files ahead of the programs that load them, which would start a compiler each. */
export async function prepare(/** @type {readonly string[]} */ files) {
  for (const {source, sourcefile, compiled} of files.map(read))
    if (!existsSync(compiled)) write(compiled, await esbuild().transform(source, {...options, sourcefile}))
}

/** Loaded only where something is not compiled yet. */
function esbuild() {
  return /** @type {typeof import('esbuild')} */ (createRequire(import.meta.url)('esbuild'))
}

function read(/** @type {string} */ path) {
  const source = readFileSync(path, 'utf8')
  const sourcefile = basename(path)
  const hash = ofOptions.copy().update(`${sourcefile}\n${source}`).digest('hex')
  return {source, sourcefile, compiled: `${cache}${hash}.js`}
}

/** By way of another name, so that no process reads half a file. */
function write(/** @type {string} */ compiled, /** @type {{code: string}} */ {code}) {
  const unfinished = `${compiled}.${process.pid}`
  writeFileSync(unfinished, code)
  renameSync(unfinished, compiled)
}
