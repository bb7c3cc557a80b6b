/** A client of servers that speak OpenAI's chat completions, as far as `llm.ts` needs it. */
import type {RateLimit} from 'aio-tasks/governors'
import {succeeded} from './http.js'

export interface Reply {
  readonly choices: ReadonlyArray<{readonly message: {readonly content: string}}>
  readonly usage: {readonly total_tokens: number}
}

/** Asks for one reply. A Retry-After holds the rate. */
export async function chat(
  url: string,
  {model, reply, prompt}: {readonly model: string; readonly reply: number; readonly prompt: string},
  {signal, requests}: {readonly signal: AbortSignal; readonly requests: RateLimit},
): Promise<Reply> {
  const request = fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: {'content-type': 'application/json', authorization: `Bearer ${process.env['LLM_KEY'] ?? ''}`},
    body: JSON.stringify({model, max_tokens: reply, messages: [{role: 'user', content: prompt}]}),
    signal,
  })
  const response = await succeeded(await request, requests)
  return (await response.json()) as Reply
}
