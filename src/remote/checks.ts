/** Checks arguments. Each error names the option, the expected value and the given value. */

/** The longest delay that timers accept, in milliseconds; a timer with a longer delay would fire at once. */
export const longestDelay: number = 2 ** 31 - 1

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

export function checkDelay(name: string, ms: number, orElse = ''): number {
  const expected = `a number of milliseconds > 0 and ≤ ${longestDelay}${orElse}`
  if (typeof ms !== 'number') throw new TypeError(`${name} must be ${expected}; got ${describe(ms)}`)
  if (!(ms > 0 && ms <= longestDelay)) throw new RangeError(`${name} must be ${expected}; got ${describe(ms)}`)
  return ms
}

export function checkString(name: string, value: string, expected: string, fits: (value: string) => boolean): string {
  if (typeof value !== 'string') throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
  if (!fits(value)) throw new RangeError(`${name} must be ${expected}; got ${describe(value)}`)
  return value
}

// Checked by shape and not by class: signals come from other realms and polyfills too.
export function checkSignal(name: string, signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  if (
    typeof signal !== 'object' ||
    typeof signal?.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  )
    throw new TypeError(`${name} must be an AbortSignal; got ${describe(signal)}`)
}

export function checkIterable(name: string, value: unknown): void {
  const isIterable =
    typeof value === 'object' &&
    value !== null &&
    (isAsyncIterable(value) || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function')
  if (!isIterable) throw new TypeError(`${name} must be an iterable or an async iterable; got ${describe(value)}`)
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

/** Throws a `TypeError` for a result that JSON cannot carry: it would succeed here and fail or vanish elsewhere. */
export function checkResult(result: unknown): void {
  if (result === undefined || result === null || ['string', 'boolean', 'number'].includes(typeof result)) return
  let json: string | undefined
  try {
    json = JSON.stringify(result)
  } catch (cause) {
    throw new TypeError(`The result must be JSON; got ${describe(result)}: ${(cause as Error).message}`, {cause})
  }
  if (json === undefined) throw new TypeError(`The result must be JSON; got ${describe(result)}`)
}

/**
 * Throws a `TypeError` for data of which JSON would send nothing. Other data that is no JSON is found when it is sent.
 */
export function checkData(data: unknown): void {
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol' || isThenable(data))
    throw new TypeError(`The data of a job must be JSON; got ${describe(data)}`)
}

/** Converts a thrown value to an error that every engine can keep. */
export function toError(thrown: unknown): Error {
  if (isKeepable(thrown)) return thrown
  return new Error(`The handler threw ${describe(thrown)}, which is no error`, {cause: thrown})
}

// Checked by shape and not by class: errors come from other realms too.
function isKeepable(thrown: unknown): thrown is Error {
  try {
    const {message, stack} = thrown as Error
    return typeof thrown === 'object' && typeof message === 'string' && ['string', 'undefined'].includes(typeof stack)
  } catch {
    return false
  }
}

/** Describes a value in a few words, for a message. Never throws, even if the value's own code throws. */
export function describe(value: unknown): string {
  try {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
      case 'bigint':
        return `${value}n`
      case 'function':
        return value.name === '' ? 'a function' : `the function ${value.name}`
      case 'object':
        if (value === null) return 'null'
        if (value instanceof Error) return `${value.name}: ${value.message}`
        if (Array.isArray(value)) return `an array of length ${value.length}`
        return `an object of class ${value.constructor?.name ?? 'null'}`
      default:
        return String(value)
    }
  } catch {
    return `${typeof value === 'function' ? 'a function' : 'an object'} that cannot be described`
  }
}
