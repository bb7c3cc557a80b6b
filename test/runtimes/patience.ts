export interface Waiting {
  /** Rejects when it has run out. */
  readonly end: Promise<never>
  /** Lasts so long from now on. */
  last(ms: number): void
  stop(): void
}

/** Waits so long for something, and no longer. */
export class Patience implements Waiting {
  readonly end: Promise<never>
  #reject: (error: Error) => void = () => {}
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number) {
    this.end = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.last(ms)
  }

  last(ms: number): void {
    this.stop()
    this.#timer = setTimeout(() => this.#reject(new Error(`has not ended after ${ms} ms`)), ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
