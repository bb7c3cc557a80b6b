import type {Waiting} from '../runtimes/patience.js'

/** A patience that no test can stretch, and that keeps no process alive which has nothing else to do. */
export class Limit implements Waiting {
  readonly end: Promise<never>
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.end = new Promise((_, reject) => {
      this.#timer = setTimeout(() => reject(new Error(`has not ended after ${ms} ms`)), ms).unref()
    })
  }

  last(): void {}

  stop(): void {
    clearTimeout(this.#timer)
  }
}
