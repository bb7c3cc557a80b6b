/** Replaces a property, such as a global, while a synchronous body runs: no other test can see it. */
export function withProperty<R>(object: object, name: PropertyKey, value: unknown, body: () => R): R {
  const before = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, {value, configurable: true, enumerable: true, writable: true})
  try {
    return body()
  } finally {
    if (before) Object.defineProperty(object, name, before)
    else Reflect.deleteProperty(object, name)
  }
}

/** What `report` was given while a synchronous body ran. */
export function reported(body: () => void): unknown[] {
  const errors: unknown[] = []
  withProperty(globalThis, 'reportError', (error: unknown) => errors.push(error), body)
  return errors
}
