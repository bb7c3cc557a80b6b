/** The settings of the programs, and the short times that let a test see a stalled job within a second or two. */

export interface Settings {
  readonly queue: string
  readonly port: number
  readonly limit?: number
  /** How long a job takes, in milliseconds. */
  readonly ms?: number
  /** How many jobs there are. */
  readonly count?: number
  /** What SIGTERM does. */
  readonly ending?: 'stop' | 'abort' | 'return'
}

/** In milliseconds. */
export const short = {lockDuration: 1000, stalledInterval: 500, runRetryDelay: 500} as const

/** Data of harmful jobs. */
export const faults = {kills: -1, blocks: -2} as const
