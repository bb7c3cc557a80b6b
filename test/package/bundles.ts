/** Web applications that use the package build without a polyfill and without a warning, and what is built runs. */
import assert from 'node:assert/strict'
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {runInNewContext} from 'node:vm'
import {build as viteBuild, version as viteVersion} from 'vite'
import webpack from 'webpack'
import {type Check, type Project, samples} from './project.js'

const expected = {found: [1, 2, 3], inflated: [{name: 'inflated'}], answers: ['pushed', 'later'], succeeded: 2}

export const bundles: Check = async (project) => {
  project.write('app/app.js', readFileSync(join(samples, 'app.js'), 'utf8'))
  project.write('app/index.html', '<!doctype html><title>app</title><script type="module" src="app.js"></script>')
  const seen: string[] = []
  for (const [name, bundle] of [
    [`Vite ${viteVersion}`, vite],
    [`webpack ${webpack.version}`, pack],
  ] as const) {
    const code = await bundle(project)
    assert.deepEqual(JSON.parse(await runInPage(code)), expected, name)
    seen.push(`${name}: builds for browsers without a warning, and what is built runs (${code.length} characters)`)
  }
  return seen
}

async function vite({folder}: Project): Promise<string> {
  // Collected, and not thrown: the bundler swallows what its callbacks throw.
  const complaints: string[] = []
  const complain = (message: string): void => void complaints.push(message)
  const logger = {
    info: () => {},
    warn: complain,
    warnOnce: complain,
    error: complain,
    clearScreen: () => {},
    hasErrorLogged: () => false,
    hasWarned: false,
  }
  await viteBuild({
    root: join(folder, 'app'),
    configFile: false,
    logLevel: 'warn',
    customLogger: logger,
    build: {
      reportCompressedSize: false,
      modulePreload: {polyfill: false},
      // What it says of modules, such as that one is Node's, comes this way and not by the logger.
      rolldownOptions: {onLog: (_level, {message}) => complain(message)},
    },
  })
  assert.deepEqual(complaints, [], 'Vite has nothing to warn of')
  const assets = join(folder, 'app/dist/assets')
  const names = readdirSync(assets)
  assert.equal(names.length, 1, `one chunk and nothing else; got ${names.join(', ')}`)
  return readFileSync(join(assets, names[0] ?? ''), 'utf8')
}

/** Of webpack's statistics. */
interface Outcome {
  toJson(): {readonly errors?: unknown; readonly warnings?: unknown}
}

async function pack({folder}: Project): Promise<string> {
  const path = join(folder, 'app/packed')
  const compiler = webpack({
    mode: 'production',
    target: 'web',
    context: join(folder, 'app'),
    entry: './app.js',
    output: {path, filename: 'main.js'},
  })
  // Not by webpack's own type: what is linted may not be installed yet.
  const stats = await new Promise<Outcome | undefined>((resolve, reject) => {
    compiler?.run((error, result) => (error ? reject(error) : resolve(result)))
  })
  const {errors, warnings} = stats?.toJson() ?? {}
  assert.deepEqual(errors, [])
  assert.deepEqual(warnings, [])
  return readFileSync(join(path, 'main.js'), 'utf8')
}

/** Runs a script where there is what the web has and nothing of Node, and gives the first thing that it logs. */
function runInPage(code: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const page = {
      AbortController,
      AbortSignal,
      DOMException,
      MessageChannel,
      clearTimeout,
      console: {log: resolve, error: reject},
      performance,
      queueMicrotask,
      setTimeout,
    }
    runInNewContext(code, page)
  })
}
