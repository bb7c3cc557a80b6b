/** Publishes what happens to each attempt on the channels `tracing:aio-tasks:task:*` of Node's diagnostics. */
import {type Channel, diagnosticsChannel} from './platform/runtime.js'
import type {TaskTrace} from './types.js'

export interface Channels {
  readonly start: Channel
  readonly end: Channel
  readonly asyncStart: Channel
  readonly asyncEnd: Channel
  readonly error: Channel
}

let channels: Channels | null | undefined = null

/** The channels, or `undefined` where the runtime has none. Looked up once, and not at import, which has no effects. */
export function tracing(): Channels | undefined {
  if (channels !== null) return channels
  const diagnostics = diagnosticsChannel()
  if (typeof diagnostics?.channel !== 'function') return (channels = undefined)
  const channel = (name: keyof Channels): Channel => diagnostics.channel(`tracing:aio-tasks:task:${name}`)
  return (channels = {
    start: channel('start'),
    end: channel('end'),
    asyncStart: channel('asyncStart'),
    asyncEnd: channel('asyncEnd'),
    error: channel('error'),
  })
}

/** When a task is pushed, if `start` has a subscriber. */
export function queuedAt(): number | undefined {
  return tracing()?.start.hasSubscribers ? performance.now() : undefined
}

/** Calls a task inside of the `start` channel's stores, so that a subscriber's span is its parent. */
export function traceCall<A extends unknown[]>(trace: TaskTrace, call: (...args: A) => unknown, ...args: A): unknown {
  const own = channels
  if (!own) return call(...args)
  try {
    if (own.start.runStores) return own.start.runStores(trace, call, undefined, ...args)
    own.start.publish(trace)
    return call(...args)
  } catch (error) {
    traceError(trace, error)
    throw error
  } finally {
    own.end.publish(trace)
  }
}

/** Publishes that the outcome of an attempt is known. */
export function traceEnd(trace: TaskTrace): void {
  channels?.asyncStart.publish(trace)
  channels?.asyncEnd.publish(trace)
}

/** An attempt has failed. */
export function traceError(trace: TaskTrace, error: unknown): void {
  if ('error' in trace) return // told already, as it threw at once
  trace.error = error
  channels?.error.publish(trace)
}
