/** The errors of the library, wrapped by where they came from, and how their messages name values. */

/**
 * What an error of the library is made of, beside its message.
 *
 * @example
 * ```ts
 * const details: ConcurrentErrorDetails = {cause: new Error('no answer'), index: 7}
 * const error = new ConcurrentError(`Line ${details.index} of the list was not understood`, details)
 * ```
 */
export interface ConcurrentErrorDetails {
  /** The very value that was thrown, falsy ones included. */
  readonly cause: unknown
  /** The place in the source, counted from 0, at which it happened. */
  readonly index: number
}

/**
 * The base of the library's errors. Itself it stands for wrong input, such as an item of the source
 * that is no task, and for a hook of a subclass that threw.
 *
 * The three classes and what they stand for come from Python's `aio.tasks`.
 *
 * @example
 * ```ts
 * for await (const body of concurrent(tasks, {yieldExceptions: true}))
 *   if (body instanceof ConcurrentError) console.error(`${urls[body.index]}: ${body.cause}`)
 *   else console.log(body)
 * ```
 */
export class ConcurrentError extends Error {
  /** The name of the class, as for every built-in error. */
  override name = 'ConcurrentError'
  /** The place in the source, counted from 0, at which it happened. */
  readonly index: number

  /** For those who wrap errors of their own: the library makes the ones that it gives out. */
  constructor(message: string, {cause, index}: ConcurrentErrorDetails) {
    super(message, {cause})
    this.index = index
  }
}

/**
 * The source failed. `cause` is what it threw, `index` the place of the item it was producing. Raised at once,
 * also with `yieldExceptions`.
 *
 * @example
 * ```ts
 * try {
 *   await runner.run()
 * } catch (error) {
 *   if (error instanceof ConcurrentIteratorError) console.error(`no more tasks after ${error.index}`, error.cause)
 * }
 * ```
 */
export class ConcurrentIteratorError extends ConcurrentError {
  /** The name of the class. */
  override name = 'ConcurrentIteratorError'
}

/**
 * A task failed. `cause` is what it threw or rejected with, `index` its place in the source. One that took too
 * long has a `DOMException` named `TimeoutError` for its cause.
 *
 * @example
 * ```ts
 * runner.on('error', (error) => {
 *   if (error instanceof ConcurrentExecutionError) console.error(`task ${error.index} failed`, error.cause)
 * })
 * ```
 */
export class ConcurrentExecutionError extends ConcurrentError {
  /** The name of the class. */
  override name = 'ConcurrentExecutionError'
}

/** What a value is, in a few words for a message. Never throws, whatever the value's own code does. */
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
