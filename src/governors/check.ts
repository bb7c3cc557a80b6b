/** Checks arguments. Each error names the option, the expected value and the given value. */
import type {Request} from './governor.js'

/** The longest delay that timers accept, in milliseconds; a timer with a longer delay would fire at once. */
export const longestDelay: number = 2 ** 31 - 1

export function checkNumber(name: string, value: number, expected: string, fits: (value: number) => boolean): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
  if (!fits(value)) throw new RangeError(`${name} must be ${expected}; got ${describe(value)}`)
  return value
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function; got ${describe(value)}`)
}

/** Throws a `TypeError` if the value is no options object, or if an option is set that does not exist. */
export function checkOptions(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`options must be an object; got ${describe(options)}`)
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !known.includes(name))
      throw new TypeError(`There is no option ${name}: there are ${known.join(', ')}`)
}

/** The cost of a request. */
export function costOf(request: Request | undefined): number {
  const cost = request?.cost
  return cost === undefined ? 1 : checkCost(cost)
}

/** Returns the cost if it is a valid number. Called for each request, so the valid case comes first. */
export function checkCost(cost: number): number {
  if (typeof cost === 'number' && cost >= 0 && cost < Infinity) return cost
  return checkNumber('cost', cost, 'a finite number ≥ 0', () => false)
}

export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}

/** Describes a value in a few words, for a message. */
export function describe(value: unknown): string {
  try {
    if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
    if (typeof value !== 'object' || value === null) return String(value)
    if (Array.isArray(value)) return `an array of length ${value.length}`
    return `an object of class ${value.constructor?.name ?? 'null'}`
  } catch {
    return 'an object that cannot be described'
  }
}
