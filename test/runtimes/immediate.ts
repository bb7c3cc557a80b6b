/** Immediates for the tests' own waiting; the global ones, which the library would see, stay as they are. */
type Callback = (...args: unknown[]) => void

interface Immediates {
  readonly setImmediate?: (callback: Callback, ...args: unknown[]) => unknown
  readonly clearImmediate?: (handle: unknown) => void
}

const own = globalThis as Immediates
const start: Immediates['setImmediate'] = own.setImmediate ?? ((callback, ...args) => setTimeout(callback, 0, ...args))
const stop: Immediates['clearImmediate'] = own.clearImmediate ?? ((handle) => clearTimeout(handle as number))

export {start as setImmediate, stop as clearImmediate}
