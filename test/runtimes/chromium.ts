/** Runs the bundled files in pages of Chromium, which import the built package through an import map. */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {type Browser, chromium} from 'playwright-core'
import {bundle, bundleOf} from './bundle.js'
import {Patience} from './patience.js'
import type {Report} from './report.js'
import {serve} from './server.js'
import {show} from './show.js'
import {testFiles} from './suite.js'

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

const pagesAtOnce = 4 // timers of a page that follow one another wait 4 ms each, so it idles

/** What the page is: no shim, nothing but where packages are. */
const imports = {
  'aio-tasks': '/node_modules/aio-tasks/dist/index.js',
  eventemitter3: '/node_modules/eventemitter3/dist/eventemitter3.esm.js', // its index.mjs imports CommonJS
  'p-defer': '/node_modules/p-defer/index.js',
}
const html = `<!doctype html><title>aio-tasks</title><script type="importmap">${JSON.stringify({imports})}</script>`

export interface Outcome {
  readonly version: string
  readonly reports: Map<string, Report>
}

export async function runChromium(folder: string): Promise<Outcome> {
  await bundle(testFiles(), folder, () => true)
  writeFileSync(join(folder, 'index.html'), html)
  const server = await serve(folder)
  const browser = await chromium.launch({executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args})
  try {
    const reports = new Map<string, Report>()
    const rest = testFiles().values()
    const work = async (): Promise<void> => {
      for (const file of rest) reports.set(file, await runPage(browser, server.url, bundleOf(file)))
    }
    await Promise.all(Array.from({length: pagesAtOnce}, work))
    return {version: browser.version(), reports}
  } finally {
    await browser.close()
    server.close()
  }
}

/** Each file has a page of its own. */
async function runPage(browser: Browser, url: string, module: string): Promise<Report> {
  const page = await browser.newPage()
  const uncaught: Report['failed'] = []
  page.on('pageerror', (error) => uncaught.push({title: 'an uncaught error', error: show(error)}))
  const waiting = new Patience(90_000) // a page whose event loop is stuck cannot tell
  try {
    await page.goto(`${url}index.html`)
    const loaded = page.evaluate(async (path) => ((await import(path)) as {report: Report}).report, `/${module}`)
    loaded.catch(() => {}) // it rejects when the page is closed
    const report = await Promise.race([loaded, waiting.end])
    return {...report, failed: [...report.failed, ...uncaught]}
  } catch (error) {
    return {passed: [], failed: [...uncaught, {title: 'the file runs', error: show(error)}], leftOut: []}
  } finally {
    waiting.stop()
    await page.close()
  }
}
