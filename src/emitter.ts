/** The only room that knows eventemitter3: keeps listeners, and reports what a listener throws. */

import {EventEmitter} from 'eventemitter3'
import {describe} from './checks.js'
import {reportUncaught} from './platform/runtime.js'
import type {Listener} from './types.js'

/** What eventemitter3 keeps for a listener: calls the listener, and reports what the listener throws. */
interface Guard {
  (...args: unknown[]): void
  readonly listener: Listener
  readonly context: unknown
  readonly isOnce: boolean
}

/** What to call at each event of the runner, in order; `undefined` if nobody listens. */
export interface Audience {
  start: readonly Listener[] | undefined
  retry: readonly Listener[] | undefined
  result: readonly Listener[] | undefined
  error: readonly Listener[] | undefined
  drain: readonly Listener[] | undefined
}

/** How a listener is added. */
export interface ListenerOptions {
  /** What `this` is for the listener. Default: the target of the emitter. */
  readonly context?: unknown
  /** Whether the listener hears one event only. */
  readonly isOnce?: boolean | undefined
  /** Whether the listener is called before those that were added earlier. */
  readonly isFirst?: boolean
}

/**
 * The listeners of one target. `emit` never throws: what a listener throws is reported once, as an uncaught
 * exception, and the others are still called.
 */
export class Emitter {
  /**
   * The listeners of the runner's own events as of now, so that an event as frequent as tasks needs no look-up
   * by name. An array never changes: a caller of its guards calls those that listened at that moment.
   */
  readonly audience: Audience = {
    start: undefined,
    retry: undefined,
    result: undefined,
    error: undefined,
    drain: undefined,
  }
  readonly #target: object
  readonly #guards = new EventEmitter<Record<PropertyKey, unknown[]>>()

  /** `target` is what `this` is for a listener that was added without a context. */
  constructor(target: object) {
    this.#target = target
  }

  /** Throws a TypeError if the listener is no function. */
  add(event: PropertyKey, listener: Listener, {context, isOnce = false, isFirst = false}: ListenerOptions = {}): void {
    if (typeof listener !== 'function') throw new TypeError(`listener must be a function; got ${describe(listener)}`)
    const guard = this.#guard(event, listener, context, isOnce)
    const later = isFirst ? this.#guardsOf(event) : []
    if (isFirst) this.#guards.removeAllListeners(event)
    for (const added of [guard, ...later]) this.#guards.on(event, added)
    this.#refresh(event)
  }

  /** Without a listener all of the event go; a context or `isOnce` narrows down which. */
  remove(event: PropertyKey, listener?: Listener, {context, isOnce = false}: ListenerOptions = {}): void {
    for (const guard of this.#guardsOf(event))
      if (
        listener === undefined ||
        (guard.listener === listener && (!isOnce || guard.isOnce) && (!context || guard.context === context))
      )
        this.#guards.removeListener(event, guard)
    this.#refresh(event)
  }

  removeAll(): void {
    for (const event of this.names()) this.remove(event)
  }

  /** Whether anybody listens. */
  emit(event: PropertyKey, args: unknown[]): boolean {
    return this.#guards.emit(event, ...args)
  }

  /** The listeners of an event, as they were added. */
  listeners(event: PropertyKey): Listener[] {
    return this.#guardsOf(event).map(({listener}) => listener)
  }

  count(event: PropertyKey): number {
    return this.#guards.listenerCount(event)
  }

  /** The events that have listeners. */
  names(): Array<string | symbol> {
    return this.#guards.eventNames() as Array<string | symbol> // numbers have become strings
  }

  #guard(event: PropertyKey, listener: Listener, context: unknown, isOnce: boolean): Guard {
    const target = context ?? this.#target
    const call = (...args: unknown[]): void => {
      try {
        listener.apply(target, args)
      } catch (error) {
        reportUncaught(error)
      }
    }
    if (!isOnce) return Object.assign(call, {listener, context, isOnce})
    // An event that is caused while this one is told may have called the listener already.
    let hasBeenCalled = false
    const callOnce = (...args: unknown[]): void => {
      if (hasBeenCalled) return
      hasBeenCalled = true
      this.#guards.removeListener(event, guard)
      this.#refresh(event)
      call(...args)
    }
    const guard = Object.assign(callOnce, {listener, context, isOnce})
    return guard
  }

  /** Only guards are ever added. */
  #guardsOf(event: PropertyKey): Guard[] {
    return this.#guards.listeners(event) as Guard[]
  }

  #refresh(event: PropertyKey): void {
    if (!isAudible(event, this.audience)) return
    const guards = this.#guardsOf(event)
    this.audience[event] = guards.length > 0 ? guards : undefined
  }
}

function isAudible(event: PropertyKey, audience: Audience): event is keyof Audience {
  return Object.hasOwn(audience, event)
}
