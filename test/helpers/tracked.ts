/** Sources that count what is done to them. */

export interface Counts {
  /** Times an iterator was asked for. */
  opened: number
  /** Calls of `next()`. */
  nexts: number
  /** Calls of `return()`. */
  returns: number
  /** The most calls of `next()` that ever were unanswered at once. */
  mostOutstanding: number
}

export interface TrackedOptions<I> {
  /** Called at each `next()`, with its number from 0; what it gives is waited for by an async source. */
  readonly onNext?: (call: number) => unknown
  /** What `return()` gives. */
  readonly onReturn?: () => unknown
  /** Items that are given after those of the list, for ever. */
  readonly forever?: () => I
}

export function tracked<I>(items: Iterable<I>, options: TrackedOptions<I> = {}): Iterable<I> & Counts {
  const counts = {opened: 0, nexts: 0, returns: 0, mostOutstanding: 0}
  const rest = items[Symbol.iterator]()
  return Object.assign(counts, {
    [Symbol.iterator]: () => {
      counts.opened++
      return {
        next: () => {
          const call = counts.nexts++
          counts.mostOutstanding = 1
          options.onNext?.(call)
          return proceed(rest, options)
        },
        return: () => {
          counts.returns++
          return options.onReturn ? options.onReturn() : {done: true, value: undefined}
        },
      } as Iterator<I>
    },
  })
}

export function trackedAsync<I>(items: Iterable<I>, options: TrackedOptions<I> = {}): AsyncIterable<I> & Counts {
  const counts = {opened: 0, nexts: 0, returns: 0, mostOutstanding: 0}
  const rest = items[Symbol.iterator]()
  let outstanding = 0
  return Object.assign(counts, {
    [Symbol.asyncIterator]: () => {
      counts.opened++
      return {
        next: async () => {
          const call = counts.nexts++
          counts.mostOutstanding = Math.max(counts.mostOutstanding, ++outstanding)
          try {
            await options.onNext?.(call)
            return proceed(rest, options)
          } finally {
            outstanding--
          }
        },
        return: () => {
          counts.returns++
          return options.onReturn ? options.onReturn() : Promise.resolve({done: true, value: undefined})
        },
      } as AsyncIterator<I>
    },
  })
}

function proceed<I>(rest: Iterator<I>, {forever}: TrackedOptions<I>): IteratorResult<I> {
  const result = rest.next()
  return result.done && forever ? {done: false, value: forever()} : result
}
