import {equal} from './equal.js'
import {type Expectation, mismatch} from './expectation.js'
import {show} from './show.js'

type Thrower = () => unknown

/**
 * AVA's assertions, those that the tests use. As with AVA a failed one throws, and fails the test also if
 * something catches that; and a test fails that asserts nothing, or other than it planned.
 */
export class Assertions {
  readonly title: string
  #count = 0
  #pending = 0
  #planned: number | undefined
  #failure: unknown
  readonly #teardowns: Array<() => unknown> = []

  constructor(title: string) {
    this.title = title
  }

  /** The runner of the tests has a bound of its own for each. */
  readonly timeout = (_ms: number): void => {}

  readonly pass = (): true => this.#assert(true, () => '')
  readonly fail = (message = 'failed by t.fail()'): true => this.#assert(false, () => message)
  readonly true = (value: unknown): boolean => this.is(value, true)
  readonly false = (value: unknown): boolean => this.is(value, false)
  readonly truthy = (value: unknown): boolean => this.#assert(Boolean(value), () => `${show(value)} is not truthy`)
  readonly falsy = (value: unknown): boolean => this.#assert(!value, () => `${show(value)} is not falsy`)
  readonly is = (actual: unknown, expected: unknown, message = ''): boolean =>
    this.#assert(Object.is(actual, expected), () => `${show(actual)} is not ${show(expected)} ${message}`)
  readonly not = (actual: unknown, expected: unknown): boolean =>
    this.#assert(!Object.is(actual, expected), () => `${show(actual)} is the same`)
  readonly deepEqual = (actual: unknown, expected: unknown, message = ''): boolean =>
    this.#assert(equal(actual, expected), () => `${show(actual)} does not equal ${show(expected)} ${message}`)
  readonly notDeepEqual = (actual: unknown, expected: unknown): boolean =>
    this.#assert(!equal(actual, expected), () => `${show(actual)} is equal`)
  readonly like = (actual: unknown, expected: object): boolean => this.deepEqual(part(actual, expected), expected)
  readonly regex = (text: string, pattern: RegExp): boolean =>
    this.#assert(pattern.test(text), () => `${show(text)} does not match ${String(pattern)}`)
  readonly notRegex = (text: string, pattern: RegExp): boolean =>
    this.#assert(!pattern.test(text), () => `${show(text)} matches ${String(pattern)}`)

  readonly throws = (body: Thrower, expectation?: Expectation | null): unknown => {
    let result: unknown
    try {
      result = body()
    } catch (error) {
      return this.#expected(error, expectation)
    }
    return this.#assert(false, () => `did not throw, but gave ${show(result)}`)
  }

  readonly throwsAsync = (body: PromiseLike<unknown> | Thrower, expectation?: Expectation | null): Promise<unknown> =>
    this.#later(
      body,
      (result) => this.#assert(false, () => `did not reject, but gave ${show(result)}`),
      (error) => this.#expected(error, expectation),
    )

  readonly notThrows = (body: Thrower): boolean => {
    try {
      body()
    } catch (error) {
      return this.#assert(false, () => `threw ${show(error)}`)
    }
    return this.pass()
  }

  readonly notThrowsAsync = (body: PromiseLike<unknown> | Thrower): Promise<unknown> =>
    this.#later(
      body,
      () => this.pass(),
      (error) => this.#assert(false, () => `rejected with ${show(error)}`),
    )

  readonly plan = (count: number): void => {
    this.#planned = count
  }

  readonly teardown = (body: () => unknown): void => {
    this.#teardowns.unshift(body)
  }

  readonly log = (...values: unknown[]): void => console.log(this.title, ...values)

  /** Called when the test is over. Throws if the test has failed. */
  async finish(): Promise<void> {
    for (const body of this.#teardowns) await body()
    if (this.#failure !== undefined) throw this.#failure
    if (this.#pending > 0) throw new Error('ended before an assertion that it did not await')
    if (this.#planned === undefined && this.#count === 0) throw new Error('asserted nothing')
    if (this.#planned !== undefined && this.#planned !== this.#count)
      throw new Error(`planned ${this.#planned} assertions, but made ${this.#count}`)
  }

  #assert(holds: boolean, explain: () => string): true {
    this.#count++
    if (holds) return true
    const error = new Error(explain())
    this.#failure ??= error
    throw error
  }

  #expected(error: unknown, expectation: Expectation | null | undefined): unknown {
    const wrong = mismatch(error, expectation ?? {})
    this.#assert(wrong === undefined, () => wrong ?? '')
    return error
  }

  async #later(
    body: PromiseLike<unknown> | Thrower,
    fulfilled: (result: unknown) => unknown,
    rejected: (error: unknown) => unknown,
  ): Promise<unknown> {
    this.#pending++
    const promise = typeof body === 'function' ? Promise.resolve(body()) : body
    try {
      return await promise.then(fulfilled, rejected)
    } finally {
      this.#pending--
    }
  }
}

/** What a value has of the properties that are expected, at any depth. */
function part(actual: unknown, expected: unknown): unknown {
  if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) return actual
  const entries = Object.entries(expected).map(([name, value]) => [
    name,
    part((actual as Readonly<Record<string, unknown>>)[name], value),
  ])
  return Array.isArray(expected) ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}
