/**
 * Asks a language model many prompts within a budget of requests and of tokens a minute:
 * `npx tsx examples/llm.ts URL PROMPTS OUTPUT`, with a server from `npx tsx examples/servers.ts`.
 */
import {createReadStream, createWriteStream} from 'node:fs'
import {createInterface} from 'node:readline'
import {pipeline} from 'node:stream/promises'
import {ConcurrentError, ConcurrentRunner, type TaskContext} from 'aio-tasks'
import {AdaptiveLimit, all, RateLimit, weigh} from 'aio-tasks/governors'
import {chat, type Reply} from './chat.js'
import {readCommandLine} from './command-line.js'
import {passes} from './http.js'

const usage = `Usage: npx tsx examples/llm.ts URL PROMPTS OUTPUT [--requests N] [--tokens N] [--model NAME] [--reply N]

Sends each line of the file PROMPTS to URL/chat/completions, and writes the replies to OUTPUT as lines of JSON, in the
order of the prompts. Asks at most N requests (default: 500) and N tokens (default: 90000) a minute: before a request,
it counts what its prompt and a reply of --reply tokens (default: 256) may need; after it, what it has used. How many
run at once adapts to the server's 429s. The key is read from LLM_KEY. Ctrl-C writes what runs, and nothing more.`

const {
  args: [url = '', prompts = '', output = ''],
  options: {model, reply, ...perMinute},
} = readCommandLine(usage, 3, {requests: 500, tokens: 90_000, model: 'small', reply: 256})
const requests = new RateLimit({amount: perMinute.requests, per: 60_000})
const tokens = new RateLimit({amount: perMinute.tokens, per: 60_000})
const adaptive = new AdaptiveLimit({max: 64})
const reserve = ({item}: TaskContext<string>): number => Math.ceil(item.length / 4) + reply // some 4 letters a token

const ask = (prompt: string, {signal}: TaskContext): Promise<Reply> =>
  chat(url, {model, reply, prompt}, {signal, requests})

const runner = ConcurrentRunner.map(() => createInterface({input: createReadStream(prompts)}), ask, {
  governor: all(
    adaptive,
    requests,
    weigh(tokens, reserve, (answer: Reply) => answer.usage.total_tokens),
  ),
  retry: {attempts: 8, when: passes},
  ordered: true,
  yieldExceptions: true,
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void runner.stop())
let used = 0
runner.on('result', (answer) => (used += answer.usage.total_tokens))

const toLine = (answer: Reply | ConcurrentError): unknown =>
  answer instanceof ConcurrentError ? {error: answer.message} : answer.choices[0]?.message.content
async function* lines(): AsyncGenerator<string> {
  for await (const answer of runner) yield `${JSON.stringify(toLine(answer))}\n`
}
await pipeline(lines, createWriteStream(output))
const {succeeded, failed} = runner.stats
console.log(`${succeeded} replies, ${failed} failures, ${used} tokens; the limit came to ${adaptive.limit}`)
