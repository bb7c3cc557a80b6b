/** Checks arguments, for every entry. Each error names the argument, what was expected and what came. */

/** The longest delay that timers can keep, in milliseconds; a longer one would fire at once. */
export const longestDelay: number = 2 ** 31 - 1

/** What other libraries call an option, by what it is called here. */
const synonyms: Readonly<Record<string, string>> = {
  concurrency: 'limit',
  concurrencyLimit: 'limit',
  maxConcurrency: 'limit',
  maxConcurrent: 'limit',
  parallelism: 'limit',
  abortSignal: 'signal',
  backpressure: 'highWaterMark',
  bufferSize: 'highWaterMark',
  preserveOrder: 'ordered',
  maxSize: 'capacity',
  stopOnError: 'yieldExceptions',
  attempts: 'retry',
  retries: 'retry',
  limit: 'amount',
  interval: 'per',
}

/**
 * Throws a `TypeError` for an option that does not exist, so that a slip does not run with a default.
 *
 * @param otherHint What to say of a name that resembles no known one. Default: which options there are.
 */
export function checkOptions(
  options: object,
  known: readonly string[],
  argument = 'options',
  otherHint?: (name: string) => string | undefined,
): void {
  checkObject(argument, options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue
    const nearest = nearestName(name, known)
    const otherwise = (): string => otherHint?.(name) ?? `there are ${known.join(', ')}`
    const hint = nearest === undefined ? otherwise() : `did you mean ${nearest}?`
    throw new TypeError(`There is no option ${name}: ${hint}`)
  }
}

export function nearestName(name: string, known: readonly string[]): string | undefined {
  const synonym = synonyms[name] ?? ''
  if (known.includes(synonym)) return synonym
  const [nearest] = known
    .map((candidate) => ({candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase())}))
    .filter(({candidate, distance}) => distance <= Math.max(2, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance)
  return nearest?.candidate
}

/** How many letters must be inserted, removed or replaced: Levenshtein's distance. */
function editDistance(from: string, to: string): number {
  let row = Array.from({length: to.length + 1}, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[line - 1] === to[column - 1]
      const replaced = (row[column - 1] ?? 0) + (isSame ? 0 : 1)
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${name} must be an object; got ${describe(value)}`)
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function; got ${describe(value)}`)
}

export function checkOptionalFunction(name: string, value: unknown): void {
  if (value !== undefined) checkFunction(name, value)
}

/** Throws unless the object has these methods. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  checkObject(name, value)
  for (const method of methods) checkFunction(`${name}.${method}`, (value as Record<string, unknown>)[method])
}

export function checkNumber(name: string, value: number, expected: string, fits: (value: number) => boolean): number {
  return check('number', name, value, expected, fits)
}

export function checkString(name: string, value: string, expected: string, fits: (value: string) => boolean): string {
  return check('string', name, value, expected, fits)
}

function check<V>(type: string, name: string, value: V, expected: string, fits: (value: V) => boolean): V {
  if (typeof value !== type) throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
  if (!fits(value)) throw new RangeError(`${name} must be ${expected}; got ${describe(value)}`)
  return value
}

export function isCount(value: number, least = 1): boolean {
  return Number.isSafeInteger(value) && value >= least
}

// By shape and not by class: signals come from other realms and polyfills too.
export function checkSignal(name: string, signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (
    typeof signal !== 'object' ||
    typeof signal?.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  )
    throw new TypeError(`${name} must be an AbortSignal; got ${describe(signal)}`)
  return signal
}

export function checkIterable(
  name: string,
  value: unknown,
  expected: string = 'an iterable or an async iterable',
): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (isAsyncIterable(value) || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
  if (!isIterable) throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
}

export function isAsyncIterable<I>(source: Iterable<I> | AsyncIterable<I> | object): source is AsyncIterable<I> {
  return typeof (source as Partial<AsyncIterable<I>>)[Symbol.asyncIterator] === 'function'
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as {then?: unknown}).then === 'function'
  )
}

/** What a value is, in a few words for a message. Never throws, whatever the value's own code does. */
export function describe(value: unknown): string {
  try {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value)
      case 'bigint':
        return `${value}n`
      case 'function':
        return value.name === '' ? 'a function' : `the function ${value.name}`
      case 'object':
        if (value === null) return 'null'
        if (isError(value)) return `${value.name}: ${value.message}`
        if (Array.isArray(value)) return `an array of length ${value.length}`
        return `an object of class ${value.constructor?.name ?? 'null'}`
      default:
        return String(value)
    }
  } catch {
    return `${typeof value === 'function' ? 'a function' : 'an object'} that cannot be described`
  }
}

/** By tag too: errors come from other realms. In Jest every DOMException does, the library's own among them. */
function isError(value: object): value is Error {
  if (value instanceof Error) return true
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Error]' || tag === '[object DOMException]'
}
