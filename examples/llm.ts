/**
 * Asks a language model many prompts within a budget of requests and of tokens a minute:
 * `npx tsx examples/llm.ts URL PROMPTS OUTPUT`, with a server from `npx tsx examples/servers.ts`.
 */
import {createReadStream, createWriteStream} from 'node:fs'
import {createInterface} from 'node:readline'
import {pipeline} from 'node:stream/promises'
import {ConcurrentError, ConcurrentRunner, type TaskContext} from 'aio-tasks'
import {AdaptiveLimit, all, RateLimit, weigh} from 'aio-tasks/governors'
import {readCommandLine} from './command-line.js'

const usage = `Usage: npx tsx examples/llm.ts URL PROMPTS OUTPUT [--requests N] [--tokens N] [--model NAME] [--reply N]

Sends each line of the file PROMPTS to URL/chat/completions, and writes the replies to OUTPUT as lines of JSON, in the
order of the prompts. Asks at most N requests (default: 500) and N tokens (default: 90000) a minute: before a request,
it counts what its prompt and a reply of --reply tokens (default: 256) may need; after it, what it has used. How many
run at once adapts to the server's 429s. The key is read from LLM_KEY. Ctrl-C writes what runs, and nothing more.`

interface Reply {
  readonly choices: ReadonlyArray<{readonly message: {readonly content: string}}>
  readonly usage: {readonly total_tokens: number}
}

const {
  args: [url = '', prompts = '', output = ''],
  options: {model, reply, ...perMinute},
} = readCommandLine(usage, 3, {requests: 500, tokens: 90_000, model: 'small', reply: 256})
const requests = new RateLimit({amount: perMinute.requests, per: 60_000})
const tokens = new RateLimit({amount: perMinute.tokens, per: 60_000})
const adaptive = new AdaptiveLimit({max: 64})
const reserve = ({item}: TaskContext<string>): number => Math.ceil(item.length / 4) + reply // some 4 letters a token

async function ask(prompt: string, {signal}: TaskContext): Promise<Reply> {
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: {'content-type': 'application/json', authorization: `Bearer ${process.env['LLM_KEY'] ?? ''}`},
    body: JSON.stringify({model, max_tokens: reply, messages: [{role: 'user', content: prompt}]}),
    signal,
  })
  const {status, headers, statusText} = response
  if (response.ok) return (await response.json()) as Reply
  await response.body?.cancel()
  if (status === 429) requests.holdFor(1000 * Number(headers.get('retry-after') ?? 0))
  throw Object.assign(new Error(`${status} ${statusText}`), {status})
}

const runner = ConcurrentRunner.map(() => createInterface({input: createReadStream(prompts)}), ask, {
  governor: all(
    adaptive,
    requests,
    weigh(tokens, reserve, (answer: Reply) => answer.usage.total_tokens),
  ),
  retry: {attempts: 8, when: ({error}) => (error as {status?: number}).status !== 400},
  ordered: true,
  yieldExceptions: true,
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runner.stop())

let used = 0
async function* lines(): AsyncGenerator<string> {
  for await (const answer of runner)
    if (answer instanceof ConcurrentError) yield `${JSON.stringify({error: answer.message})}\n`
    else {
      used += answer.usage.total_tokens
      yield `${JSON.stringify(answer.choices[0]?.message.content)}\n`
    }
}
await pipeline(lines, createWriteStream(output))
const {succeeded, failed} = runner.stats
console.log(`${succeeded} replies, ${failed} failures, ${used} tokens; the limit came to ${adaptive.limit}`)
