/** How one reader takes tasks from a queue: a runner directly, all other readers by `next`. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {Fifo} from '../fifo.js'
import type {DirectIterator} from '../source.js'
import type {TaskFunction} from '../types.js'
import type {QueuedTask} from './queued-task.js'
import type {Reader} from './uncalled-tasks.js'

/** The queue, as an iterator over it sees it. */
export interface Reading<T> {
  tryTake(): QueuedTask | undefined
  tryHandOut(): TaskFunction<T> | undefined
  isOver(): boolean
  whenAvailable(callback: () => void): void
  whenEmpty(callback: () => void): void
  /** The iterator takes no more tasks: the queue is over for it, or the iterator is closed. Called once. */
  ended(): void
  /** The tasks that the iterator has handed out will not be called by its reader. */
  closed(): void
}

export class QueueIterator<T> implements AsyncIterator<TaskFunction<T>, undefined>, DirectIterator, Reader {
  /** How many tasks it has handed out that were neither called nor put back. Kept by the queue. */
  held = 0
  readonly #reading: Reading<T>
  readonly #waiters = new Fifo<DeferredPromise<IteratorResult<TaskFunction<T>, undefined>>>()
  #hasEnded = false

  constructor(reading: Reading<T>) {
    this.#reading = reading
  }

  // For a runner that reads the queue directly

  tryTake(): QueuedTask | undefined {
    const task = this.#reading.tryTake()
    if (task === undefined && this.#reading.isOver()) this.#end()
    return task
  }

  get isOver(): boolean {
    return this.#hasEnded
  }

  whenAvailable(callback: () => void): void {
    this.#reading.whenAvailable(callback)
  }

  whenEmpty(callback: () => void): void {
    this.#reading.whenEmpty(callback)
  }

  // For all other readers

  next(): Promise<IteratorResult<TaskFunction<T>, undefined>> {
    const waiter = pDefer<IteratorResult<TaskFunction<T>, undefined>>()
    this.#waiters.push(waiter)
    this.#serve()
    return waiter.promise
  }

  /** Works also while `next` waits: an empty queue keeps no runner from ending. */
  return(): Promise<IteratorResult<TaskFunction<T>, undefined>> {
    this.#end()
    this.#reading.closed()
    this.#serve()
    return Promise.resolve({done: true, value: undefined})
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#reading.ended()
  }

  readonly #serve = (): void => {
    while (this.#waiters.size > 0) {
      const task = this.#hasEnded ? undefined : this.#reading.tryHandOut()
      if (task === undefined && this.#reading.isOver()) this.#end()
      if (task !== undefined) this.#waiters.shift()?.resolve({done: false, value: task})
      else if (this.#hasEnded) this.#waiters.shift()?.resolve({done: true, value: undefined})
      else {
        this.#reading.whenAvailable(this.#serve)
        return
      }
    }
  }
}
