/** The work that every contender does, and the check that it was done. */

export type Task = () => Promise<number>

/** What a contender has got. A contender that keeps no results has no sum. */
export interface Tally {
  readonly count: number
  readonly sum?: number
}

// Results are small integers, so that no contender pays for boxing a sum.
const mask = 7

/** Tasks that do nothing, each a function of its own. */
export function* noops(count: number): Generator<Task, void, undefined> {
  for (let index = 0; index < count; index++) yield async () => index & mask
}

/** @throws Error if a contender has lost, doubled or mixed up a result. */
export function check(tally: Tally, count: number): void {
  const rest = count % (mask + 1)
  const sum = ((count - rest) * mask) / 2 + (rest * (rest - 1)) / 2
  if (tally.count !== count) throw new Error(`${tally.count} results of ${count} tasks`)
  if (tally.sum !== undefined && tally.sum !== sum) throw new Error(`The results add up to ${tally.sum}, not ${sum}`)
}

export async function tallyStream(results: AsyncIterable<number>): Promise<Tally> {
  let count = 0
  let sum = 0
  for await (const result of results) {
    count++
    sum += result
  }
  return {count, sum}
}

export function tallyArray(results: ReadonlyArray<number | undefined>): Tally {
  let sum = 0
  for (const result of results) sum += result ?? Number.NaN
  return {count: results.length, sum}
}

/** Pushes every task, so many at once, and waits for their results. */
export async function tallyPushed(
  tasks: Iterator<Task>,
  atOnce: number,
  push: (task: Task) => Promise<number>,
): Promise<Tally> {
  let count = 0
  let sum = 0
  for (;;) {
    const promises: Array<Promise<number>> = []
    for (let next = tasks.next(); !next.done; next = tasks.next()) {
      promises.push(push(next.value))
      if (promises.length === atOnce) break
    }
    if (promises.length === 0) return {count, sum}
    const tally = tallyArray(await Promise.all(promises))
    count += tally.count
    sum += tally.sum ?? 0
  }
}
