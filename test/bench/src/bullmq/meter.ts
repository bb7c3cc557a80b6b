/** What doing all jobs costs. */

/** Milliseconds from the first job to the last, and of processor time of this process meanwhile. */
export interface Cost {
  readonly ms: number
  readonly cpu: number
}

/** Does all jobs in one way. */
export type Attempt = () => Promise<Cost>

/** Begins to measure; called again, tells what it has cost. */
export function meter(): () => Cost {
  const [start, used] = [performance.now(), process.cpuUsage()]
  return () => {
    const {user, system} = process.cpuUsage(used)
    return {ms: performance.now() - start, cpu: (user + system) / 1000}
  }
}
