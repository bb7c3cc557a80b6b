/**
 * Stops the clock by which the runner tells that it has kept the event loop waiting. Without that, tests
 * that run side by side delay one another, and a runner yields to the event loop at points that no test can foresee.
 */
const realNow: () => number = performance.now.bind(performance)

export function freezeClock(): void {
  performance.now = () => 0
}

/** Calls `body` while the clock goes on; for serial tests only. */
export async function withRealClock<T>(body: () => Promise<T>): Promise<T> {
  performance.now = realNow
  try {
    return await body()
  } finally {
    freezeClock()
  }
}

freezeClock()
