/** Makes UUIDs, which pg-boss needs as ids. */

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

/** The id itself if it is a UUID; otherwise a UUID made from its SHA-256: the same for the same queue and id. */
export function toUuid(queue: string, id: string): string {
  if (uuid.test(id)) return id
  const {createHash} = process.getBuiltinModule('node:crypto')
  const hex = createHash('sha256').update(`${queue}\n${id}`).digest('hex')
  // Version 8 of RFC 9562: a custom UUID.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
