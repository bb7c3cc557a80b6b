export interface Patience {
  /** Rejects when it has run out. */
  readonly end: Promise<never>
  stop(): void
}

/** Waits so long, and no longer. */
export function patience(ms: number): Patience {
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`has not ended after ${ms} ms`)), ms)
  })
  return {end, stop: () => clearTimeout(timer)}
}
