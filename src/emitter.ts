/** eventemitter3 with one promise more: a listener that throws is reported, and disturbs nobody. */
import {EventEmitter} from 'eventemitter3'
import {describe} from './errors.js'
import {report} from './runtime.js'

type Listener = (...args: unknown[]) => void

/** What is registered for a listener: calls it, and reports what it throws. */
interface Guard extends Listener {
  readonly listener: object
  readonly context: unknown
  readonly isOnce: boolean
}

/** The listeners of an event, guarded, as they are to be called. */
type Audience<Events extends object> = {[E in keyof Events]?: readonly Listener[] | undefined}

/**
 * An event emitter whose `emit` never throws: what a listener throws is reported once, as an uncaught exception,
 * and the others are still called.
 */
export class Emitter<Events extends object> extends EventEmitter<Events> {
  /**
   * Whom each event reaches; `undefined` where nobody listens. Kept up to date here, so that an event as
   * frequent as tasks are can be told to its audience without a look-up by name.
   */
  protected readonly audience: Audience<Events> = {}

  /**
   * Calls a listener at each event of that name from now on, in the order in which listeners were added.
   *
   * @param event The event's name: `start`, `result`, `error` or `drain`, or one of a subclass.
   * @param listener Gets the event's arguments. What it throws is reported, and changes nothing.
   * @param context What `this` is for the listener. Default: the emitter.
   * @throws TypeError if the listener is no function.
   * @example
   * ```ts
   * runner.on('result', (value, {index}) => console.log(index, value)).on('error', (error) => console.error(error))
   * ```
   */
  override on<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.#add(event, listener, context, false)
  }

  /** The same as {@link on}. */
  override addListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.#add(event, listener, context, false)
  }

  /**
   * Calls a listener at the next event of that name, and no more.
   *
   * @param event The event's name.
   * @param listener Gets the event's arguments.
   * @param context What `this` is for the listener. Default: the emitter.
   * @throws TypeError if the listener is no function.
   */
  override once<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context?: unknown,
  ): this {
    return this.#add(event, listener, context, true)
  }

  /** The same as {@link removeListener}. */
  override off<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.removeListener(event, listener, context, once)
  }

  /**
   * Takes a listener out wherever it was added.
   *
   * @param event The event's name.
   * @param listener The one that was added. Default: all of that event.
   * @param context Only where it was added with that context. Default: any.
   * @param once Only where it was added by {@link once}. Default: anywhere.
   */
  override removeListener<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener?: EventEmitter.EventListener<Events, E>,
    context?: unknown,
    once?: boolean,
  ): this {
    if (listener === undefined) super.removeListener(event)
    for (const guard of super.listeners(event)) {
      const {listener: guarded, context: bound, isOnce} = guard as unknown as Guard
      if (guarded === listener && (!once || isOnce) && (!context || bound === context))
        super.removeListener(event, guard)
    }
    return this.#refresh(event)
  }

  /**
   * Takes out all listeners.
   *
   * @param event Only those of this event. Default: of every one.
   */
  override removeAllListeners(event?: EventEmitter.EventNames<Events>): this {
    const events = event === undefined ? this.eventNames() : [event]
    super.removeAllListeners(event)
    for (const name of events) this.#refresh(name)
    return this
  }

  /** The listeners of an event, as they were added. */
  override listeners<E extends EventEmitter.EventNames<Events>>(
    event: E,
  ): Array<EventEmitter.EventListener<Events, E>> {
    return super.listeners(event).map((guard) => (guard as unknown as Guard).listener as typeof guard)
  }

  #add<E extends EventEmitter.EventNames<Events>>(
    event: E,
    listener: EventEmitter.EventListener<Events, E>,
    context: unknown,
    isOnce: boolean,
  ): this {
    if (typeof listener !== 'function') throw new TypeError(`listener must be a function; got ${describe(listener)}`)
    const guard = (...args: unknown[]): void => {
      if (isOnce) {
        super.removeListener(event, registered)
        this.#refresh(event)
      }
      try {
        ;(listener as Listener).apply(context ?? this, args)
      } catch (error) {
        report(error)
      }
    }
    const registered = Object.assign(guard, {listener, context, isOnce}) as unknown as typeof listener
    super.on(event, registered)
    return this.#refresh(event)
  }

  #refresh(event: EventEmitter.EventNames<Events>): this {
    const guards: unknown[] = super.listeners(event)
    const audience: Partial<Record<EventEmitter.EventNames<Events>, unknown>> = this.audience
    audience[event] = guards.length > 0 ? guards : undefined
    return this
  }
}
