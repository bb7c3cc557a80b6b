/** Deep equality as AVA's `t.deepEqual` has it, for the kinds of values that tests compare. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime())
  if (a instanceof Map && b instanceof Map) return equal([...a], [...b])
  if (a instanceof Set && b instanceof Set) return equal([...a], [...b])
  if (a instanceof Promise || a instanceof WeakMap || a instanceof WeakSet) return false
  if (a instanceof Error && b instanceof Error && (a.name !== b.name || a.message !== b.message)) return false
  const keys = keysOf(a)
  return keys.length === keysOf(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(at(a, key), at(b, key)))
}

function keysOf(object: object): PropertyKey[] {
  const length = Array.isArray(object) ? ['length'] : []
  const symbols = Object.getOwnPropertySymbols(object)
  return [...length, ...Object.keys(object), ...symbols.filter((key) => Object.hasOwn(object, key))]
}

function at(object: object, key: PropertyKey): unknown {
  return Reflect.get(object, key)
}
