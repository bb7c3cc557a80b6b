/** Gathers the items of a turn of the event loop into one call, and items that come while calls are under way. */
import pDefer, {type DeferredPromise} from 'p-defer'
import {nextTurn} from '../platform/runtime.js'

/**
 * How many calls are under way at once at most. With one call, a stuck call would delay all others; with many calls,
 * each would have few items, and a call costs a server much more than an item.
 */
const callsAtOnce = 2

/**
 * For engines whose server takes many items at once. All calls of `add` in a turn of the event loop share one call of
 * `send`, as do all calls of `add` while two calls of `send` are under way.
 *
 * @example
 * ```ts
 * const touches = new Batch<string>(async (ids) => console.log(`${ids.length} jobs are alive`))
 * await Promise.all([touches.add('one'), touches.add('two')]) // 2 jobs are alive
 * ```
 */
export class Batch<I> {
  readonly #send: (items: readonly I[]) => Promise<void>
  #items: I[] = []
  #sent: DeferredPromise<void> | undefined
  #isTurnDue = false
  readonly #under = new Set<Promise<void>>()

  /** @param send Called with all items of a turn; calls may overlap. Its outcome is the outcome of each item. */
  constructor(send: (items: readonly I[]) => Promise<void>) {
    this.#send = send
  }

  /** Resolves or rejects like the call that sends the item. */
  add(item: I): Promise<void> {
    this.#items.push(item)
    this.#sent ??= pDefer()
    if (this.#under.size < callsAtOnce) this.#flushSoon()
    return this.#sent.promise
  }

  /** Waits until no call is under way. Never rejects. */
  async settled(): Promise<void> {
    while (this.#sent !== undefined || this.#under.size > 0)
      await Promise.allSettled([this.#sent?.promise, ...this.#under])
  }

  #flushSoon(): void {
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    nextTurn(() => {
      this.#isTurnDue = false
      this.#flush()
    })
  }

  #flush(): void {
    const items = this.#items
    const sent = this.#sent
    this.#items = []
    this.#sent = undefined
    const call = this.#call(items, sent)
    this.#under.add(call)
    void call.finally(() => {
      this.#under.delete(call)
      if (this.#sent !== undefined) this.#flushSoon()
    })
  }

  async #call(items: readonly I[], sent: DeferredPromise<void> | undefined): Promise<void> {
    try {
      await this.#send(items)
      sent?.resolve()
    } catch (error) {
      sent?.reject(error)
    }
  }
}
