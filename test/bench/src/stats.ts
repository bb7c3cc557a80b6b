/** What a handful of samples says. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
  /** The distance between the quartiles, as a part of the median. */
  readonly spread: number
}

export function median(samples: readonly number[]): number {
  return quantile(sorted(samples), 0.5)
}

export function summarise(samples: readonly number[]): Summary {
  const ordered = sorted(samples)
  const middle = quantile(ordered, 0.5)
  return {
    median: round(middle),
    low: round(quantile(ordered, 0)),
    high: round(quantile(ordered, 1)),
    spread: round((quantile(ordered, 0.75) - quantile(ordered, 0.25)) / middle),
  }
}

/** To four significant digits: more would be noise. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}

function sorted(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b)
}

function quantile(ordered: readonly number[], part: number): number {
  const at = (ordered.length - 1) * part
  const below = ordered[Math.floor(at)] ?? Number.NaN
  const above = ordered[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}
