/** Guards the event loop: tells when tasks that never wait have kept timers and I/O waiting, for all runs of the process. */
import {nextTurn} from './platform/runtime.js'

/** Milliseconds without a turn of the event loop after which runs yield to it. */
const budget = 4
/** A run reads the clock at most every 64 units of work, and at every unit where a unit takes 1 ms or more. */
const longestStride = 64

/** How many units of work a run may do before it asks {@link isOverdue} again. */
export let stride = 1
/** When the clock was read last, in `performance.now()` milliseconds. */
let readAt = 0
/** When a turn of the event loop was asked for; `undefined` when none is awaited. */
let askedAt: number | undefined
let callbacks: Array<() => void> = []

/** The time of this turn of the event loop, in milliseconds. Exact to a few units of work, and cheaper than the clock. */
export function turnTime(): number {
  if (askedAt === undefined) isOverdue()
  return readAt
}

/** Calls back once the event loop has turned. */
export function yieldToEventLoop(callback: () => void): void {
  callbacks.push(callback)
  if (askedAt === undefined) isOverdue()
}

/** Whether the event loop must turn before the next unit of work. Sets the stride anew. */
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
  if (ready.length === 0) return
  callbacks = []
  for (const callback of ready) callback()
}
