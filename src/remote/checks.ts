/** Checks what goes past one machine: delays, the data and results of jobs, and errors. */
import {checkNumber, describe, isThenable, longestDelay} from '../checks.js'

export function checkDelay(name: string, ms: number, orElse = ''): number {
  const expected = `a number of milliseconds > 0 and <= ${longestDelay}${orElse}`
  return checkNumber(name, ms, expected, () => ms > 0 && ms <= longestDelay)
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
