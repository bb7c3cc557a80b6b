/** Answers what documentation fetches, in a later turn and without a network: `--import` it ahead of a snippet. Worker threads load it too. */
import {setImmediate as nextTurn} from 'node:timers/promises'

globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  init?.signal?.throwIfAborted()
  await nextTurn(undefined, init?.signal ? {signal: init.signal} : {})
  return new Response(`the answer of ${url}`)
}
