/** Crawls a site for broken links, a task for each page, until none is left: `npx tsx examples/crawler.ts URL`. */
import {ConcurrentRunner, TaskQueue} from 'aio-tasks'
import {Parser} from 'htmlparser2'
import {readArguments, readCount, untilEnded} from './program.js'

const help = `Usage: npx tsx examples/crawler.ts URL [--limit N] [--timeout MS]

Prints the pages that can be reached from URL without leaving its origin, then the links that are broken. Meant for
sites of your own: it asks for N pages at once (default: 8), and reads no robots.txt. MS is what a page may take
(default: 10000). Exit status: 0 all links work, 1 some do not, 2 wrong arguments, 130 or 143 interrupted.
`

export interface Page {
  status: number | 'timeout' | 'failed' | 'waiting'
  /** The page's title, or the message of the error. */
  title: string
  links: ReadonlySet<string>
}

/** One task: a page's status, title and links. A redirect is a page with one link. */
async function load(url: string, signal: AbortSignal): Promise<Page> {
  const response = await fetch(url, {signal, redirect: 'manual'})
  const location = response.headers.get('location')
  const isPage = response.ok && response.headers.get('content-type')?.startsWith('text/html')
  if (isPage) return {status: response.status, ...read(await response.text(), url)}
  await response.body?.cancel() // nobody reads the body, and other requests need its connection
  return {status: response.status, title: '', links: new Set(location === null ? [] : resolve(location, url))}
}

function read(html: string, url: string): Pick<Page, 'title' | 'links'> {
  const links = new Set<string>()
  let base = url
  let title = ''
  let isTitle = false
  const parser = new Parser({
    onopentag: (name, {href}) => {
      if (name === 'title') isTitle = title === ''
      else if (name === 'base') [base = base] = resolve(href, url)
      else if (name === 'a') for (const link of resolve(href, base)) links.add(link)
    },
    ontext: (text) => {
      if (isTitle) title += text
    },
    onclosetag: () => {
      isTitle = false
    },
  })
  parser.end(html)
  return {title: title.trim().replaceAll(/\s+/g, ' '), links}
}

/** The link as an absolute URL without its fragment; nothing if the link leads to no page, as `mailto:` does. */
function resolve(href: string | undefined, base: string): string[] {
  if (href === undefined || !URL.canParse(href, base)) return []
  const url = new URL(href, base)
  url.hash = ''
  return url.protocol === 'http:' || url.protocol === 'https:' ? [url.href] : []
}

/**
 * Loads all pages of a site that can be reached from `start`.
 *
 * @param options `limit`: how many at once; `timeout`: milliseconds a page may take; `signal`: ends the crawl.
 * @returns The pages by their URLs. Rejects with the signal's reason once no request is open any more.
 */
export async function crawl(
  start: URL,
  options: {readonly limit: number; readonly timeout: number; readonly signal: AbortSignal},
): Promise<Map<string, Page>> {
  const pages = new Map<string, Page>()
  const queue = new TaskQueue()

  /** Queues a page that is not known yet. The page's task queues its links, so the queue is not idle before they are known. */
  function visit(url: string): void {
    if (pages.has(url) || new URL(url).origin !== start.origin) return
    const page: Page = {status: 'waiting', title: '', links: new Set()}
    pages.set(url, page)
    const loaded = queue.push(async ({signal}) => {
      Object.assign(page, await load(url, signal))
      for (const link of page.links) visit(link)
    })
    loaded.catch((error: Error) => {
      page.status = error.name === 'TimeoutError' ? 'timeout' : 'failed'
      page.title = ((error.cause ?? error) as Error).message
    })
  }

  visit(start.href)
  queue.closeWhenIdle()
  await new ConcurrentRunner(queue, {...options, yieldExceptions: true}).run()
  return pages
}

/** Prints the pages as a table, and where the broken links are; gives how many pages are broken. */
function report({origin}: URL, pages: ReadonlyMap<string, Page>): number {
  const path = (url: string): string => url.slice(origin.length)
  const row = (status: number | string, links: number | string, page: string, title: string): string =>
    `${`${status}`.padEnd(8)} ${`${links}`.padEnd(6)} ${page.padEnd(39)} ${title}`.trimEnd()
  const sorted = [...pages].sort(([a], [b]) => (a < b ? -1 : 1))
  console.log(row('STATUS', 'LINKS', 'PAGE', 'TITLE'))
  for (const [url, {status, links, title}] of sorted) console.log(row(status, links.size, path(url), title))
  const broken = sorted.filter(([, {status}]) => typeof status === 'string' || status >= 400)
  console.log(`\n${pages.size} pages, ${broken.length} broken`)
  for (const [url] of broken)
    for (const [from, {links}] of sorted) if (links.has(url)) console.log(`${path(from)} links to ${path(url)}`)
  return broken.length
}

if (process.argv[1] === import.meta.filename) {
  const {start, ...options} = readArguments(help, {limit: '8', timeout: '10000'}, ({limit, timeout}, positionals) => {
    const [url = ''] = positionals
    if (positionals.length !== 1 || !/^https?:/.test(url) || !URL.canParse(url))
      throw new Error(`Expected one URL; got '${positionals.join("', '")}'`)
    return {start: new URL(url), limit: readCount('limit', limit), timeout: readCount('timeout', timeout)}
  })
  start.hash = ''
  await untilEnded(async (signal) => {
    if (report(start, await crawl(start, {...options, signal})) > 0) process.exitCode = 1
  })
}
