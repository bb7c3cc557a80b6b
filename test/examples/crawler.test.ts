import {once} from 'node:events'
import {mkdirSync, writeFileSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {dirname, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {crawl as crawlSite} from '../../examples/crawler.js'
import {command, type Ended, ended, start, temporaryFolder} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

interface Site {
  readonly url: string
  /** The paths asked for, sorted. */
  readonly asked: () => string[]
  /** The most requests that were in flight at once, as the server saw it. */
  readonly most: () => number
}

/** Answers a path in a way of its own; the server closes the response if it does not. */
type Special = (response: ServerResponse, request: IncomingMessage) => void

/** A folder of files, served on loopback; each answer takes a moment. Both go with their test. */
async function siteOf(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  special: Readonly<Record<string, Special>> = {},
): Promise<Site> {
  const folder = temporaryFolder(t)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), {recursive: true})
    writeFileSync(join(folder, name), content)
  }
  const asked: string[] = []
  let inFlight = 0
  let most = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    asked.push(path)
    most = Math.max(most, ++inFlight)
    await sleep(20)
    const own = special[path]
    const file = path.endsWith('/') ? `${path}index.html` : path
    const content = await readFile(join(folder, file)).catch(() => undefined)
    inFlight--
    if (own) return own(response, request)
    const type = file.endsWith('.html') ? 'text/html; charset=utf-8' : 'application/octet-stream'
    if (content) response.writeHead(200, {'content-type': type}).end(content)
    else response.writeHead(404, {'content-type': 'text/html'}).end('<title>Oops</title><a href="/from-404">')
  }
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {url, asked: () => asked.toSorted(), most: () => most}
}

const crawl = (url: string, ...args: readonly string[]): Promise<Ended> =>
  ended(start([...command('crawler'), url, ...args]))

const page = (title: string, ...links: readonly string[]): string =>
  `<!doctype html><title>${title}</title>${links.map((link) => `<p><a href="${link}">there</a>`).join('')}`

test('a site with cycles, redirects, broken links and slow pages comes out as a table', async (t) => {
  const site = await siteOf(
    t,
    {
      'index.html': page('Home &amp; more', 'a.html', '/sub/', 'missing', 'mailto:me@localhost', 'http://127.0.0.1:9/'),
      'a.html': page('  A\n page ', '/', 'a.html#top', './a.html', 'b.html?x=1&amp;y=2'),
      'sub/index.html': `<base href="/sub/deep/">${page('Sub', '../../a.html', 'c.html', '/moved')}`,
      'sub/deep/c.html': page('', '/missing', '/stuck', '/cut', '/picture.png', '/slow', '/broken'),
      'picture.png': '<a href="/from-picture">',
      'new.html': `<title>New</title><svg><title>Not this</title></svg><!-- <a href="/commented"> -->${page('Nor this')}`,
    },
    {
      '/moved': (response) => response.writeHead(301, {location: '/new.html#here'}).end(),
      '/broken': (response) => response.writeHead(500).end(),
      '/slow': (response) => {
        response.writeHead(200, {'content-type': 'text/html'}).write('<title>Sl')
        setTimeout(() => response.end('ow</title>'), 300)
      },
      '/stuck': () => {},
      '/cut': (_, request) => request.socket.destroy(),
      '/b.html?x=1&y=2': (response) =>
        response.writeHead(200, {'content-type': 'text/html'}).write('<title>Never ends'),
    },
  )
  const {status, stdout, stderr} = await crawl(`${site.url}/#top`, '--timeout', '3000')
  t.is(stderr, '')
  t.is(
    stdout,
    `STATUS   LINKS  PAGE                                    TITLE
200      4      /                                       Home & more
200      3      /a.html                                 A page
timeout  0      /b.html?x=1&y=2                         The task took longer than 3000 ms
500      0      /broken
failed   0      /cut                                    other side closed
404      0      /missing
301      1      /moved
200      0      /new.html                               New
200      0      /picture.png
200      0      /slow                                   Slow
timeout  0      /stuck                                  The task took longer than 3000 ms
200      3      /sub/                                   Sub
200      6      /sub/deep/c.html

13 pages, 5 broken
/a.html links to /b.html?x=1&y=2
/sub/deep/c.html links to /broken
/sub/deep/c.html links to /cut
/ links to /missing
/sub/deep/c.html links to /missing
/sub/deep/c.html links to /stuck
`,
  )
  t.is(status, 1)
  t.is(new Set(site.asked()).size, site.asked().length, 'each page is asked for once')
})

const asksAtMost = ava.macro(async (t, limit: number) => {
  const names = Array.from({length: 40}, (_, index) => `${index}.html`)
  const home = page('Home', ...names)
  const site = await siteOf(t, {
    'index.html': home,
    ...Object.fromEntries(names.map((name) => [name, page(name, '/', ...names)])),
  })
  const {status, stdout} = await crawl(site.url, '--limit', `${limit}`)
  t.is(status, 0)
  t.regex(stdout, /^41 pages, 0 broken$/m)
  t.is(site.most(), limit)
  t.deepEqual(site.asked(), ['/', ...names.map((name) => `/${name}`)].sort())
})
test('with a limit of 1 the server sees one request at once', asksAtMost, 1)
test('with a limit of 5 the server sees five requests at once', asksAtMost, 5)

test('a single page ends the crawl', async (t) => {
  const {url} = await siteOf(t, {'index.html': page('Alone', '/')})
  t.deepEqual(await crawl(url), {
    status: 0,
    stdout: `STATUS   LINKS  PAGE                                    TITLE
200      1      /                                       Alone

1 pages, 0 broken
`,
    stderr: '',
  })
})

test('a site that cannot be reached is told', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  await once(server.close(), 'close')
  const {status, stdout} = await crawl(`http://127.0.0.1:${port}`)
  t.is(status, 1)
  t.regex(stdout, /^failed +0 +\/ +connect ECONNREFUSED 127\.0\.0\.1:\d+$/m)
})

const refuses = ava.macro(async (t, args: string[], message: RegExp) => {
  const {status, stdout, stderr} = await ended(start([...command('crawler'), ...args]))
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(Buffer.from(stderr, 'latin1').toString(), message)
  t.regex(stderr, /^[^\n]+ \(--help tells more\)\n$/, 'in one line')
})
test('without a URL it says what it expects', refuses, [], /^Expected one URL; got '' \(/)
test('what is no URL is refused', refuses, ['example.com'], /^Expected one URL; got 'example\.com' \(/)
test('two URLs are refused', refuses, ['http://a/', 'http://b/'], /^Expected one URL; got 'http:\/\/a\/', /)
test('a limit of 0 is refused', refuses, ['http://a/', '--limit', '0'], /^--limit must be an integer ≥ 1; got '0' \(/)
test('an unknown option is named', refuses, ['http://a/', '--depth', '1'], /^Unknown option '--depth'/)

// Ending early

/** A site of pages that never come, and how many of its requests are open. */
async function stuckSite(t: ExecutionContext): Promise<{url: URL; open: () => number; asked: Promise<unknown>}> {
  let open = 0
  const server = createServer((request, response) => {
    if (request.url === '/') {
      response.writeHead(200, {'content-type': 'text/html'}).end(page('Home', 'a', 'b', 'c', 'd'))
      return
    }
    open++
    response.on('close', () => open--)
    if (open === 3) server.emit('stuck')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const {port} = server.address() as AddressInfo
  return {url: new URL(`http://127.0.0.1:${port}/`), open: () => open, asked: once(server, 'stuck')}
}

/** Waits for the server to notice what the crawler has closed. */
async function allClosed(open: () => number): Promise<void> {
  while (open() > 0) await sleep(5)
}

test('abort() in the middle of a crawl closes its requests, and its reason comes out', async (t) => {
  const {url, open, asked} = await stuckSite(t)
  const controller = new AbortController()
  const crawled = crawlSite(url, {limit: 3, timeout: 60_000, signal: controller.signal})
  await asked
  const reason = new Error('enough')
  controller.abort(reason)
  t.is(await t.throwsAsync(crawled), reason)
  await allClosed(open)
  t.is(open(), 0)
})

test('Ctrl-C in the middle of a crawl closes its requests, and prints no half table', async (t) => {
  const {url, open, asked} = await stuckSite(t)
  const child = start([...command('crawler'), url.href, '--limit', '3'])
  const closed = ended(child)
  await asked
  child.kill('SIGINT')
  t.deepEqual(await closed, {status: 130, stdout: '', stderr: ''})
  await allClosed(open)
  t.is(open(), 0)
})

test('a reader that has seen enough of the table ends it quietly', async (t) => {
  const names = Array.from({length: 50}, (_, index) => `${'long'.repeat(30)}${index}`)
  const site = await siteOf(t, {'index.html': page('Home', ...names)})
  const child = start([...command('crawler'), site.url, '--limit', '50'])
  child.stdout.destroy()
  const closed = once(child, 'exit')
  let told = ''
  for await (const chunk of child.stderr) told += String(chunk)
  t.is(told, '')
  const [status] = (await closed) as [number]
  t.true(status === 0 || status === 1, 'quiet, whether or not all was written')
})
