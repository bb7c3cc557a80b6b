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
  /** The place in the source, counted from 0, at which it happened; -1 where no item is concerned. */
  readonly index: number
  /** What the task was about, if it is known. */
  readonly item?: unknown
}

/**
 * The base of the library's errors. Itself it stands for wrong input, such as an item of the source
 * that is no task, for a hook of a subclass that threw, and for a push when no runner of its queue is left.
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
  /** The place in the source, counted from 0, at which it happened; -1 where no item is concerned. */
  readonly index: number
  /** What the task was about: what `map` or `push({item})` had in hand. Not enumerable, since it may hold secrets. */
  declare readonly item: unknown

  /**
   * For code that wraps errors of its own: the library makes the ones that it gives out. The `stack` is the message and
   * the frames of the cause, since the user's lines are there; it is made when it is first read.
   */
  constructor(message: string, {cause, index, item}: ConcurrentErrorDetails) {
    const {stackTraceLimit} = errors
    errors.stackTraceLimit = 0 // frames of the library would help nobody, and cost microseconds
    super(message, {cause})
    errors.stackTraceLimit = stackTraceLimit
    this.index = index
    Object.defineProperties(this, {item: {value: item}, stack: stackOfCause})
  }

  static {
    nameClass(this, 'ConcurrentError')
  }
}

/** V8 alone has this property; elsewhere it does nothing. */
const errors: ErrorConstructor & {stackTraceLimit?: number | undefined} = Error

const stackOfCause: PropertyDescriptor & ThisType<ConcurrentError> = {
  configurable: true,
  get() {
    const frames = framesOf(this.cause)
    return frames === '' ? `${this.name}: ${this.message}` : `${this.name}: ${this.message}\n${frames}`
  },
  set(value: unknown) {
    Object.defineProperty(this, 'stack', {configurable: true, writable: true, value})
  },
}

/** The stack of an error without its message. Engines other than V8 give no message there. */
function framesOf(cause: unknown): string {
  try {
    const {stack} = cause as {readonly stack: string}
    const first = stack.search(/^ {4}at /m)
    return first > 0 ? stack.slice(first) : stack
  } catch {
    return '' // no error, or one whose stack is no text
  }
}

/** Gives a class's errors their name as built-in errors have it: on the prototype. */
function nameClass({prototype}: {readonly prototype: Error}, value: string): void {
  Object.defineProperty(prototype, 'name', {configurable: true, writable: true, value})
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
  static {
    nameClass(this, 'ConcurrentIteratorError')
  }
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
  static {
    nameClass(this, 'ConcurrentExecutionError')
  }
}
