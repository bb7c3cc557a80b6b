/** Hands results over in arrays: for bulk inserts, and as the cheapest way to consume. */

/** What is read in batches. */
export interface BatchSource<R> {
  next(): Promise<IteratorResult<R, undefined>>
  /** Takes up to `most` results that are ready, without waiting. */
  takeReady(most: number): R[]
  return(): Promise<unknown>
}

/** A batch that ended in something else than a result, which comes at the next call. */
type End = {readonly error: unknown} | 'done'

export class Batches<R> implements AsyncIterableIterator<R[]> {
  readonly #source: BatchSource<R>
  readonly #max: number
  readonly #maxWait: number
  /** A result that was asked for and had not come when a batch was handed over. */
  #pending: Promise<IteratorResult<R, undefined>> | undefined
  #end: End | undefined
  /** The batch that is being gathered: several calls are answered in order. */
  #last: Promise<unknown> | undefined

  constructor(source: BatchSource<R>, max: number, maxWait: number) {
    this.#source = source
    this.#max = max
    this.#maxWait = maxWait
  }

  next(): Promise<IteratorResult<R[], undefined>> {
    const previous = this.#last
    if (previous === undefined && this.#maxWait === 0) {
      // Nobody is before this call, and a batch that waits for nothing needs one promise only.
      const ready = this.#source.takeReady(this.#max)
      if (ready.length > 0) return Promise.resolve({done: false, value: ready})
    }
    const batch = previous === undefined ? this.#gather() : previous.then(() => this.#gather())
    const settled = (): void => {
      if (this.#last === last) this.#last = undefined
    }
    const last: Promise<void> = batch.then(settled, settled)
    this.#last = last
    return batch
  }

  async return(): Promise<IteratorResult<R[], undefined>> {
    await this.#source.return()
    return {done: true, value: undefined}
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #gather(): Promise<IteratorResult<R[], undefined>> {
    if (this.#end !== undefined) return this.#finish(this.#end)
    const batch = await this.#first()
    if (batch === undefined) return {done: true, value: undefined}
    if (this.#maxWait > 0 && batch.length < this.#max) await this.#wait(batch)
    return {done: false, value: batch}
  }

  /** The first result of a batch, and what is ready behind it; `undefined` at the end. */
  async #first(): Promise<R[] | undefined> {
    const next = this.#pending ?? this.#source.next()
    this.#pending = undefined
    const result = await next
    if (result.done) return undefined
    const rest = this.#source.takeReady(this.#max - 1)
    rest.unshift(result.value)
    return rest
  }

  /** Fills a batch until it is full or its time is over. What ends the run meanwhile comes at the next call. */
  async #wait(batch: R[]): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const timedOut = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.#maxWait, undefined)
    })
    try {
      for (;;) {
        batch.push(...this.#source.takeReady(this.#max - batch.length))
        if (batch.length === this.#max) return
        this.#pending = this.#source.next()
        const result = await Promise.race([this.#pending, timedOut])
        if (result === undefined) return // what is pending is the first of the next batch
        this.#pending = undefined
        if (result.done) {
          this.#end = 'done'
          return
        }
        batch.push(result.value)
      }
    } catch (error) {
      this.#pending = undefined
      this.#end = {error}
    } finally {
      clearTimeout(timer)
    }
  }

  #finish(end: End): IteratorResult<R[], undefined> {
    this.#end = 'done'
    if (end !== 'done') throw end.error
    return {done: true, value: undefined}
  }
}
