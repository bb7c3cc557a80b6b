import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {type Served, serve, serveModel} from '../../examples/servers.js'
import {type Child, command, ended, start, temporaryFolder} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

interface Run {
  readonly child: Child
  readonly prompts: readonly string[]
  /** The lines that have been written. */
  readonly written: () => unknown[]
}

/** The example over so many prompts; its server and its files go with the test. */
function run(t: ExecutionContext, {url, close}: Served, count: number, ...options: readonly string[]): Run {
  const folder = temporaryFolder(t)
  const prompts = Array.from({length: count}, (_, index) => `prompt ${index}`)
  const [input, output] = [join(folder, 'prompts.txt'), join(folder, 'replies.jsonl')]
  writeFileSync(input, prompts.join('\n'))
  writeFileSync(output, '')
  const child = start([...command('llm'), url, input, output, ...options])
  t.teardown(() => {
    child.kill('SIGKILL')
    close()
  })
  const written = (): unknown[] =>
    readFileSync(output, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown)
  return {child, prompts, written}
}

const replies = (prompts: readonly string[]): string[] => prompts.map((prompt) => prompt.toUpperCase())

test('every prompt has its reply in its place, though the server refuses what is too much at once', async (t) => {
  const server = await serveModel({atOnce: 6, ms: 10})
  const {child, prompts, written} = run(t, server, 200, '--requests', '10000')
  const {status, stdout, stderr} = await ended(child)
  t.is(stderr, '')
  t.is(status, 0)
  t.deepEqual(written(), replies(prompts))
  const refused = server.asked.filter((request) => request.status === 429).length
  t.true(refused > 0, 'the limit was sought until the server refused')
  t.is(server.asked.length - refused, 200)
  t.true(server.most() <= 16, `${server.most()} requests at once: the limit grows to at most twice what works`)
  const [, limit] = /^200 replies, 0 failures, 10000 tokens; the limit came to (\d+)\n$/.exec(stdout) ?? []
  t.true(Number(limit) >= 1 && Number(limit) <= 12, stdout)
})

/** Waits until so many prompts have their reply, and a little longer, and ends the example by Ctrl-C. */
async function interruptAfter(t: ExecutionContext, {child, written}: Run, count: number): Promise<void> {
  const finished = ended(child)
  while (written().length < count && child.exitCode === null) await sleep(20)
  await sleep(300)
  child.kill('SIGINT')
  const {status, stdout, stderr} = await finished
  t.is(stderr, '')
  t.is(status, 0)
  t.regex(stdout, new RegExp(`^${count} replies, 0 failures, `))
}

test('tokens are reserved before a request and settled after it, and Ctrl-C keeps the replies', async (t) => {
  const server = await serveModel({tokens: 50})
  // 3 for the prompt and 97 for the reply are reserved, 50 are used: the 19th prompt fits, as 18 × 50 + 100 ≤ 1000.
  const example = run(t, server, 30, '--tokens', '1000', '--reply', '97')
  await interruptAfter(t, example, 19)
  t.is(server.asked.length, 19)
  t.deepEqual(example.written(), replies(example.prompts.slice(0, 19)))
})

test('no more requests a minute are sent than allowed', async (t) => {
  const server = await serveModel()
  const example = run(t, server, 30, '--requests', '12')
  await interruptAfter(t, example, 12)
  t.is(server.asked.length, 12)
})

test('a prompt that the server refuses for good has its error in its place', async (t) => {
  const server = await serve(async (request) =>
    (await text(request)).includes('prompt 1')
      ? {status: 400}
      : {body: {choices: [{message: {content: 'fine'}}], usage: {total_tokens: 1}}},
  )
  const {child, written} = run(t, server, 3)
  t.is((await ended(child)).status, 0)
  t.deepEqual(written(), ['fine', {error: 'Task 1 failed: Error: 400 Bad Request'}, 'fine'])
  t.is(server.asked.length, 3)
})
