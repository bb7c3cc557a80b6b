/** The ratios that are wanted of aio-tasks: what is measured, and the goal beside it. */
import type {State} from './job.js'

export interface RowPlan {
  readonly what: string
  readonly state: State
  /** The contender above the line. */
  readonly of: string
  /** The contenders below it: the cheapest counts. None where the figure itself is the row. */
  readonly over: readonly string[]
  readonly atMost: number
  /** The row is what the contender costs more, in microseconds a task, and not how many times as much. */
  readonly isDifference?: true
}

/** @param streaming The peers that give results while they run. */
export function rowPlans(streaming: readonly string[]): RowPlan[] {
  const row = (what: string, state: State, of: string, over: readonly string[], atMost: number): RowPlan => {
    return {what, state, of, over, atMost}
  }
  const more = (what: string, of: string, over: string, atMost: number): RowPlan => {
    return {what: `${what}, µs a task`, state: 'hot', of, over: [over], atMost, isDifference: true}
  }
  return [
    row('hot: run() ÷ loop', 'hot', 'run', ['loop'], 1.25),
    row('hot: for await ÷ loop', 'hot', 'for await', ['loop'], 2.2),
    row('hot: for await ÷ fastest streaming peer', 'hot', 'for await', streaming, 0.68),
    row('hot: four listeners ÷ none', 'hot', 'run heard', ['run'], 1.3),
    row('hot: ordered ÷ not', 'hot', 'ordered', ['for await'], 1.15),
    row('hot: timeout ÷ none', 'hot', 'timeout', ['for await'], 1.15),
    row('hot: batches(64) ÷ loop', 'hot', 'batches', ['loop'], 1.5),
    row('hot: nobody traces ÷ no module to trace with', 'hot', 'run', ['run untraced'], 1.02),
    more('hot: a subscriber that does nothing − none', 'run traced', 'run', 0.3),
    more('hot: a store bound to start − a store around the run', 'run bound', 'run in a store', 0.3),
    row('after a collection: run() ÷ loop', 'collected', 'run', ['loop'], 1.4),
    row('after a collection: for await ÷ fastest streaming peer', 'collected', 'for await', streaming, 0.65),
    row('short runs, hot: map().toArray() ÷ p-map', 'short', 'toArray', ['p-map'], 1),
    row('short runs, after a collection: the same', 'short collected', 'toArray', ['p-map'], 0.8),
    row('TaskQueue.push, hot ÷ @henrygd/queue', 'hot', 'TaskQueue', ['@henrygd/queue'], 1.15),
    row('TaskQueue.push, after a collection: the same', 'collected', 'TaskQueue', ['@henrygd/queue'], 1.3),
    row('bytes for each waiting push', 'bytes', 'TaskQueue', [], 250),
    row('import ÷ p-queue, newest', 'import', 'run', ['p-queue'], 0.7),
    row('import ÷ p-queue, newest that declares Node 20', 'import', 'run', ['p-queue-9'], 0.7),
  ]
}
