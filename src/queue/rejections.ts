/** Rejects the pushes of tasks that will not run: a bounded number in each turn of the event loop. */
import {Fifo} from '../fifo.js'
import {nextTurn} from '../platform/runtime.js'
import {rejectedSilently} from '../task.js'
import type {QueuedTask} from './queued-task.js'

/**
 * How many pushes are rejected in one turn of the event loop at most, so that clearing a million tasks does not block
 * it.
 */
const mostInATurn = 4096

/** Tasks whose pushes reject with the same reason. */
interface Batch {
  readonly tasks: {shift(): QueuedTask | undefined; readonly size: number}
  readonly reason: unknown
  /**
   * A promise rejected with the reason. The pushes share it: a promise for each would cost as much as the push itself.
   */
  readonly rejection: Promise<never>
}

export class Rejections {
  readonly #onRejected: () => void
  readonly #batches = new Fifo<Batch>()
  /** The newest batch, if single tasks can be added to it. Kept for this turn, even if it is empty meanwhile. */
  #open: (Batch & {readonly tasks: Fifo<QueuedTask>}) | undefined
  #size = 0
  #inThisTurn = 0

  /** @param onRejected Called after each rejection. */
  constructor(onRejected: () => void) {
    this.#onRejected = onRejected
  }

  /** How many pushes still have to be rejected. */
  get size(): number {
    return this.#size
  }

  /** Rejects a push: at once, or in a later turn of the event loop if there are many. */
  add(task: QueuedTask, reason: unknown): void {
    let batch = this.#open
    if (batch === undefined || batch.reason !== reason)
      batch = this.#open = {tasks: new Fifo(), reason, rejection: rejectedSilently(reason)}
    if (batch.tasks.size === 0) this.#batches.push(batch)
    batch.tasks.push(task)
    this.#size++
    this.#work()
  }

  /** The same for all tasks of lines that nothing else reads any more. */
  addAll(lines: ReadonlyArray<Batch['tasks']>, reason: unknown): void {
    this.#open = undefined
    const rejection = rejectedSilently(reason)
    for (const tasks of lines) {
      this.#batches.push({tasks, reason, rejection})
      this.#size += tasks.size
    }
    this.#work()
  }

  /** Tasks that a disposal adds meanwhile come after the others. */
  #work(): void {
    for (let batch = this.#batches.peek(); batch !== undefined; batch = this.#batches.peek()) {
      if (batch.tasks.size === 0) {
        this.#batches.shift()
        continue
      }
      if (this.#inThisTurn === mostInATurn) return
      if (this.#inThisTurn++ === 0) nextTurn(this.#continue)
      const task = batch.tasks.shift()
      this.#size--
      task?.cancel(batch.rejection)
      this.#onRejected()
    }
  }

  readonly #continue = (): void => {
    this.#inThisTurn = 0
    if (this.#size === 0) this.#open = undefined
    this.#work()
  }
}
