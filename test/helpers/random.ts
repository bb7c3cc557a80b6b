/** Choices that are the same for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** From 0 to below 1, by the generator that is known as mulberry32. */
  fraction(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from `least` to `most`. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  /** Whether a thing happens whose probability is this. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<V>(choices: readonly [V, ...V[]]): V {
    return choices[this.integer(0, choices.length - 1)] ?? choices[0]
  }
}
