/** Guards the event loop: a run rests when its tasks, which may never wait, have kept timers and I/O waiting. */
import {nextTurn} from './platform/runtime.js'

/** Milliseconds without a turn of the event loop after which a run yields to the event loop. */
const budget = 4
/** A run reads the clock at most every 64 units of work, and at every unit where a unit takes 1 ms or more. */
const longestStride = 64

/**
 * How many strides of tasks start in one batch. The next batch comes a microtask later, so that tasks that finish at
 * once free their slots first: otherwise a high limit would fill the memory with finished tasks.
 */
const mostStrides = 7

// The clock, for all runs of the process

/** How many units of work a run may do before it calls {@link isOverdue} again. */
export let stride = 1
/** When the clock was last read, in `performance.now()` milliseconds. */
let readAt = 0
/** When a turn of the event loop was requested; `undefined` when none is awaited. */
let askedAt: number | undefined
let callbacks: Array<() => void> = []

/**
 * The time of this turn of the event loop, in milliseconds. Exact to a few units of work, and cheaper than the clock.
 */
export function turnTime(): number {
  if (askedAt === undefined) isOverdue()
  return readAt
}

/** Calls back after the event loop has turned. */
export function yieldToEventLoop(callback: () => void): void {
  callbacks.push(callback)
  if (askedAt === undefined) isOverdue()
}

/** Whether the event loop must turn before the next unit of work. Computes a new stride. */
export function isOverdue(): boolean {
  const now = performance.now()
  stride = now - readAt < 1 ? Math.min(stride * 2, longestStride) : 1
  readAt = now
  if (askedAt !== undefined) return now - askedAt >= budget
  askedAt = now
  nextTurn(turned)
  return false
}

function turned(): void {
  askedAt = undefined
  const ready = callbacks
  callbacks = []
  for (const callback of ready) callback()
}

/**
 * The guard of one run. It counts units of work, which are starts, results and calls of listeners, and yields when due.
 */
export class EventLoopGuard {
  /** Whether the run rests: no task starts until the next microtask, or the next turn of the event loop. */
  isResting = false
  /** Whether the run waits for a turn of the event loop. Tasks that settle meanwhile are deferred. */
  isYielding = false
  /** Units of work until the clock is read again. */
  #unitsLeft = 0
  #callsLeft = 0
  #strides = 0
  #deferred: Array<() => void> = []
  readonly #onChange: () => void

  /** @param onChange Called when a rest begins or ends. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Counts a unit of work. If the event loop is due, a rest begins. Returns whether a rest is due or under way. */
  spend(): boolean {
    return --this.#unitsLeft < 0 && this.#mustYield()
  }

  /** Counts a call of listeners, apart from other work: listeners may be slow where all other work was fast. */
  spendOnListeners(): void {
    if (--this.#callsLeft >= 0) return
    this.#mustYield()
    this.#callsLeft = stride
  }

  /** Tasks are about to be started. */
  beginBatch(): void {
    this.#strides = 0
  }

  /** Counts a start. Returns whether the start must wait for the end of the rest. */
  spendOnStart(): boolean {
    return --this.#unitsLeft < 0 && (this.#mustYield() || this.#isBatchFull())
  }

  /** Defers the handling of a settled task to the end of the turn. */
  defer(settle: () => void): void {
    this.#deferred.push(settle)
  }

  settleDeferred(): void {
    if (!this.isYielding) return
    this.isYielding = false
    this.#onChange()
    const deferred = this.#deferred
    this.#deferred = []
    let done = 0
    while (done < deferred.length && !this.isYielding) deferred[done++]?.()
    this.#deferred = deferred.slice(done).concat(this.#deferred)
  }

  #mustYield(): boolean {
    const isDue = !this.isYielding && isOverdue()
    this.#unitsLeft = stride
    if (isDue) {
      this.isResting = this.isYielding = true
      this.#onChange()
      yieldToEventLoop(() => {
        this.settleDeferred()
        this.#wake()
      })
    }
    return this.isResting
  }

  #isBatchFull(): boolean {
    if (++this.#strides === mostStrides) {
      this.isResting = true
      this.#onChange()
      void Promise.resolve().then(() => this.#wake())
    }
    return this.isResting
  }

  #wake(): void {
    if (this.isYielding) return // the deferred work took long
    this.isResting = false
    this.#onChange()
  }
}
