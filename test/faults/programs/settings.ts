/** What the programs of a round are told. */
export interface Settings {
  readonly engine: 'bullmq' | 'pg-boss'
  readonly queue: string
  /** Of the server, or of a proxy before it. */
  readonly port: number
  readonly limit: number
  /** How long a job takes, in milliseconds. */
  readonly ms: number
  /** How many jobs the producer has: the numbers from 0. */
  readonly count: number
  /** Whether the first job is the one that blocks its worker. */
  readonly blocks: boolean
}

/** The number of the job that blocks its worker for longer than it may, the first time that it is run. */
export const blocking = -1
/** For how long, in milliseconds. */
export const blockingTime = 4000

/** Short times, so that a round sees a lost job within seconds. In milliseconds and in seconds. */
export const locks = {lockDuration: 1000, stalledInterval: 500, runRetryDelay: 500, maxStalledCount: 10} as const
export const queueOptions = {expireInSeconds: 3, retryLimit: 10} as const
