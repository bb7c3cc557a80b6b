/** Answers what documentation fetches, without a network: `--import` it ahead of a snippet. */
globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  init?.signal?.throwIfAborted()
  return new Response(`the answer of ${url}`)
}
