/** The installed package keeps its promises on Node 20 to 26, Bun, Deno, and in a page by the README's import map. */
import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {createServer} from 'node:http'
import {createRequire} from 'node:module'
import type {AddressInfo} from 'node:net'
import {extname, join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {transformSync} from 'esbuild'
import {chromium} from 'playwright-core'
import {type Check, type Project, root, samples} from './project.js'
import type {Outcome} from './samples/smoke.js'

const require = createRequire(import.meta.url)
const platform = `${process.platform}-${process.arch}`
const denoArgs = ['run', '-A', '--quiet', '--no-lock', '--cached-only', '--node-modules-dir=manual']
export const patience = 60_000

/** Node's other releases, by the packages that `test/package.json` names. */
const nodes = ['22', '24', '26'].map((major) => [major, require.resolve(`node-${major}/bin/node`)] as const)

/** Programs that run the sample, with what comes before its name; the packages' own ones are made by install scripts. */
export const programs: ReadonlyArray<readonly [name: string, program: string, ...args: string[]]> = [
  ['Node', process.execPath],
  ...nodes.map(([, program]) => ['Node', program] as const),
  ['Bun', require.resolve(`@oven/bun-${platform}/bin/bun`)],
  ['Deno', require.resolve(`@deno/${platform}-glibc/deno`), ...denoArgs],
]

export const runtimes: Check = async (project) => {
  const {code} = transformSync(readFileSync(join(samples, 'smoke.ts'), 'utf8'), {loader: 'ts', format: 'esm'})
  project.write('smoke.js', code)
  project.write(
    'run-smoke.js',
    `import {smoke} from './smoke.js'\nconsole.log(JSON.stringify(await smoke()))\nprocess.exit()\n`,
  )
  const seen = programs.map(([name, program, ...args]) => {
    const run = spawnSync(program, [...args, 'run-smoke.js'], {
      cwd: project.folder,
      encoding: 'utf8',
      env: {...process.env, DENO_DIR: project.folder},
      timeout: patience,
    })
    const version = /\d+(\.\d+)+/.exec(execFileSync(program, ['--version'], {encoding: 'utf8'}))?.[0] ?? ''
    assert.equal(run.status, 0, `${name} ${version}: ${run.stdout}${run.stderr}${run.error?.message ?? ''}`)
    return judge(`${name} ${version}`, JSON.parse(run.stdout) as Outcome)
  })
  return [...seen, ...nodes.map(([major, program]) => inFull(major, program)), await page(project)]
}

/**
 * Tests of what Node's releases do in ways of their own. All other tests run on Node 20 and 26 in CI, and on every
 * release in the matrix.
 */
const ofReleases = ['test/contexts.test.ts', 'test/tracing.test.ts']

/** Async contexts and traces, in full, of what is built. From Node 24 on no test of them is skipped. */
function inFull(major: string, program: string): string {
  const preload = pathToFileURL(join(root, '.config/test/preload.js')).href
  const {status, stdout, stderr} = spawnSync(program, ['node_modules/ava/entrypoints/cli.mjs', ...ofReleases], {
    cwd: root,
    encoding: 'utf8',
    env: {...process.env, NODE_OPTIONS: `--import=${preload} --disable-warning=DEP0205`},
    timeout: 2 * patience,
  })
  const [, passed] = /^ {2}(\d+) tests passed$/m.exec(stdout) ?? []
  assert(status === 0 && Number(passed) > 20, `Node ${major}: ${stdout}${stderr}`)
  if (Number(major) >= 24) assert.doesNotMatch(stdout, /skipped/, `Node ${major}`)
  return `Node ${major}: ${passed} tests of async contexts and tracing passed`
}

function judge(runtime: string, {passed, failed}: Outcome): string {
  assert.deepEqual(failed, [], runtime)
  assert(passed.length > 15, `${runtime} ran ${passed.length}`)
  return `${runtime}: ${passed.length} promises kept`
}

const types: Readonly<Record<string, string>> = {'.js': 'text/javascript', '.html': 'text/html'}

/** A page has nothing but the import map: no bundler, no polyfill. */
async function page(project: Project): Promise<string> {
  const [map] = /<script type="importmap">.*?<\/script>/s.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  assert(map !== undefined, 'the README has an import map for pages')
  project.write('index.html', `<!doctype html><title>aio-tasks</title>${map}`)
  const server = createServer(({url = ''}, response) => {
    try {
      const content = readFileSync(join(project.folder, new URL(url, 'http://localhost').pathname))
      response.writeHead(200, {'content-type': types[extname(url)] ?? 'text/plain'}).end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
  const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu']})
  try {
    const tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${port}/index.html`)
    const outcome = tab.evaluate(async (path) => {
      const module = (await import(path)) as {smoke(): Promise<Outcome>}
      return module.smoke()
    }, '/smoke.js')
    outcome.catch(() => {}) // it rejects when the browser is closed
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`the page has not ended after ${patience} ms`)), patience).unref()
    })
    return judge(`Chromium ${browser.version()}, by the README’s import map`, await Promise.race([outcome, late]))
  } finally {
    await browser.close()
    server.close()
  }
}
