/** eventemitter3 with one promise more: a listener that throws is reported, and disturbs nobody. */
import {EventEmitter} from 'eventemitter3'
import {describe} from './errors.js'
import {report} from './runtime.js'

type Listener = (...args: unknown[]) => void

/** Each listener's guarded form, and the way back; shared, so that `off` finds what `on` added. */
const guards = new WeakMap<object, unknown>()
const originals = new WeakMap<object, unknown>()

function guarded<L extends object>(listener: L): L {
  if (typeof listener !== 'function') throw new TypeError(`listener must be a function; got ${describe(listener)}`)
  const known = guards.get(listener) as L | undefined
  if (known !== undefined) return known
  const guard: Listener = function (this: unknown, ...args) {
    try {
      ;(listener as Listener).apply(this, args)
    } catch (error) {
      report(error)
    }
  }
  guards.set(listener, guard)
  originals.set(guard, listener)
  return guard as unknown as L
}

/** An event emitter whose `emit` never throws: what a listener throws is reported once, and the others are still called. */
export class Emitter<Events extends object> extends EventEmitter<Events> {
  override on<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return super.on(event, guarded(listener), context)
  }

  override addListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context)
  }

  override once<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return super.once(event, guarded(listener), context)
  }

  override off<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.removeListener(event, listener, context, once)
  }

  // eventemitter3 itself comes here with the guard when it drops a `once` listener.
  override removeListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return super.removeListener(
      event,
      listener && ((guards.get(listener) ?? listener) as typeof listener),
      context,
      once,
    )
  }

  override listeners<E extends EventEmitter.EventNames<Events>>(
    event: E,
  ): Array<EventEmitter.EventListener<Events, E>> {
    return super.listeners(event).map((guard) => (originals.get(guard) ?? guard) as typeof guard)
  }
}
