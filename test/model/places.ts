/** The places from which control calls are made that come from inside. */

export const places = [
  'start',
  'result',
  'error',
  'drain',
  'task',
  'abort listener',
  'pull',
  'return',
  'factory',
  'dispose',
  'body',
  'ready',
  'execute',
  'shouldRaise',
  'cleanup',
] as const

export type Place = (typeof places)[number]

/** Called when a place is reached, from which calls may be made. */
export interface Inside {
  reach(place: Place): void
}
