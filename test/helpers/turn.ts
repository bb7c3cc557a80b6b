/** Lets the event loop turn, so that everything that is due has happened. */
export async function turn(times = 3): Promise<void> {
  for (let count = 0; count < times; count++) await new Promise((resolve) => setImmediate(resolve))
}
