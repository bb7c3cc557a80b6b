/** What a test says of an error that it expects, and whether an error is that one. */
export interface Expectation {
  readonly any?: boolean
  readonly is?: unknown
  readonly instanceOf?: abstract new (...args: never[]) => unknown
  readonly name?: string
  readonly message?: string | RegExp
}

const known = new Set(['any', 'is', 'instanceOf', 'name', 'message'])

/** What is wrong with the error, or nothing. */
export function mismatch(error: unknown, expectation: Expectation = {}): string | undefined {
  const unknown = Object.keys(expectation).find((key) => !known.has(key))
  if (unknown !== undefined) return `the harness does not know the expectation ${unknown}`
  if (!expectation.any && !(error instanceof Error)) return `threw ${String(error)}, which is no error`
  const {name, message} = Object(error) as {name?: unknown; message?: unknown}
  if ('is' in expectation && error !== expectation.is) return `threw another error: ${String(error)}`
  if (expectation.instanceOf && !(error instanceof expectation.instanceOf))
    return `threw ${String(error)}, which is no ${expectation.instanceOf.name}`
  if (expectation.name !== undefined && name !== expectation.name) return `threw a ${String(name)}`
  if (expectation.message === undefined) return undefined
  const fits =
    expectation.message instanceof RegExp ? expectation.message.test(String(message)) : expectation.message === message
  return fits ? undefined : `threw with the message ${String(message)}`
}
