/** The settings of the programs of a round. */
export interface Settings {
  readonly engine: 'bullmq' | 'pg-boss'
  readonly queue: string
  /** The port of the server, or of a proxy in front of it. */
  readonly port: number
  readonly limit: number
  /** How long a job takes, in milliseconds. */
  readonly ms: number
  /** How many jobs the producer has: the numbers from 0. */
  readonly count: number
  /** Whether the first job is the one that blocks its worker. */
  readonly blocks: boolean
}

/** The number of the job that, at its first run, blocks its worker for longer than its lock lasts. */
export const blocking = -1
/** For how long it blocks, in milliseconds. */
export const blockingTime = 4000

/** Short times, so that a round sees a lost job within seconds. In milliseconds and in seconds. */
export const locks = {lockDuration: 1000, stalledInterval: 500, runRetryDelay: 500, maxStalledCount: 10} as const
export const queueOptions = {expireInSeconds: 3, retryLimit: 10} as const
