/** Sources of every kind, and what was done to each. */
import {Readable} from 'node:stream'
import {ReadableStream} from 'node:stream/web'
import type {Arbitrary} from 'fast-check'
import * as fc from 'fast-check'
import {type Source, type Task, type TaskFunction, TaskQueue} from '../../src/index.js'
import type {DirectIterator} from '../../src/source.js'
import {record} from './arbitraries.js'
import type {Inside} from './places.js'
import type {Item, Items, Value} from './tasks.js'
import type {World} from './world.js'

export const sourceKinds = [
  'array',
  'set',
  'generator',
  'async generator',
  'iterator',
  'iterator without return',
  'async iterator',
  'async iterator without return',
  'interruptible iterator',
  'stream',
  'web stream',
  'bare stream',
  'bare web stream',
  'queue',
] as const

export type SourceKind = (typeof sourceKinds)[number]

export interface SourcePlan {
  readonly kind: SourceKind
  /** Behind a function that is called when the run starts. */
  readonly isFactory: boolean
  /** A queue is read as it is, and not by an iterator around it. */
  readonly isDirect: boolean
  /** What an async source does before each item. */
  readonly latency: 'none' | 'tick' | 'step'
  /** At this item it throws; at -1 its function does. */
  readonly failsAt: number | undefined
  /** At this item an async source waits for ever, or until the signal of its function aborts. */
  readonly stallsAt: number | undefined
  readonly closes: 'at once' | 'later' | 'throws' | 'rejects' | 'hangs' | 'oddly'
}

export function sourcePlan(kind: SourceKind): Arbitrary<SourcePlan> {
  const place = fc.oneof({weight: 5, arbitrary: fc.constant(undefined)}, {weight: 1, arbitrary: fc.nat(5)})
  return record({
    kind: fc.constant(kind),
    isFactory: kind === 'queue' ? fc.constant(false) : fc.oneof(fc.constant(false), fc.boolean()),
    isDirect: kind === 'queue' ? fc.boolean() : fc.constant(false),
    latency: fc.constantFrom('none', 'tick', 'step'),
    failsAt: fc.oneof({weight: 8, arbitrary: place}, {weight: kind === 'queue' ? 0 : 1, arbitrary: fc.constant(-1)}),
    stallsAt: place,
    closes: fc.oneof(
      {weight: 3, arbitrary: fc.constantFrom('at once' as const, 'later')},
      {weight: 1, arbitrary: fc.constantFrom('throws' as const, 'rejects', 'hangs', 'oddly')},
    ),
  })
}

/** What was done to a source. */
export class Probe {
  isOpened = false
  isPulling = false
  returns = 0
  over: 'exhausted' | 'failed' | undefined
  isCleaning = false
  /** It was producing an item when the run's end was decided. */
  wasPulling = false
  /** It has produced an item, of which the runner is about to hear. */
  isHandingOver = false
  /** The runner knows that there is nothing more. */
  onExhausted: () => void = () => {}
  mayPull: () => boolean = () => true
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  pull(): void {
    this.#world.say('pull')
    if (this.isPulling) this.#world.problem('two next() of the source at once')
    if (this.returns > 0) this.#world.problem('next() of the source after return()')
    if (this.over !== undefined) this.#world.problem(`next() of the source after it has ${this.over}`)
    if (!this.mayPull()) this.#world.problem('a pull after the end, or when no task may start')
    this.isPulling = true
  }

  pulled({done}: {readonly done?: boolean | undefined}): void {
    this.isPulling = false
    if (!done || this.returns > 0) return
    this.#world.say('the source is exhausted')
    this.over = 'exhausted'
    this.onExhausted()
  }

  /** What it gives goes through promises of the runner first. */
  async handsOver(): Promise<void> {
    this.isHandingOver = true
    for (let ticks = 0; ticks < 3; ticks++) await Promise.resolve()
    this.isHandingOver = false
  }

  failed(): void {
    this.isPulling = false
    this.over ??= 'failed'
    this.#world.say('the source has failed')
  }

  close(isAsync: boolean): void {
    this.#world.say('return() of the source')
    if (this.isPulling && !isAsync) this.#world.problem('return() of the source inside of its next()')
    this.returns++
    if (this.returns > 1) this.#world.problem('return() of the source twice')
    if (this.over !== undefined) this.#world.problem(`return() of the source after it has ${this.over}`)
    this.wasPulling ||= this.isPulling || this.isHandingOver
    this.isCleaning = true
  }

  closed(): void {
    this.#world.say('the source is closed')
    this.isCleaning = false
  }
}

export interface Built {
  readonly source: Source<Value>
  readonly probe: Probe
  /** `return()` is to be called once it has been opened, or even before. */
  readonly closing: 'never' | 'once opened' | 'always'
  /** What it has made and that has not started is disposed of: none gets lost in the source itself. */
  readonly isLossless: boolean
  readonly queue: TaskQueue<Value> | undefined
  /** Whether a stream that the runner reads itself is neither at its end nor destroyed. */
  isOpen(): boolean
}

interface Tools {
  readonly items: Items
  readonly world: World
  readonly inside: Inside
  readonly hand: (label: string, promise: PromiseLike<unknown>) => void
}

export function buildSource(plan: SourcePlan, tools: Tools): Built {
  return new SourceBuilder(plan, tools).build()
}

type AnyIterable = Iterable<Task<Value>> | AsyncIterable<Task<Value>>
type AnyIterator = Iterator<Task<Value>> | AsyncIterator<Task<Value>>

class SourceBuilder {
  readonly #plan: SourcePlan
  readonly #tools: Tools
  readonly #probe: Probe
  #signal: AbortSignal | undefined
  #queue: TaskQueue<Value> | undefined
  #stream: Readable | undefined

  constructor(plan: SourcePlan, tools: Tools) {
    this.#plan = plan
    this.#tools = tools
    this.#probe = new Probe(tools.world)
  }

  build(): Built {
    const {kind, isFactory} = this.#plan
    const isCollection = kind === 'array' || kind === 'set'
    const isGenerator = kind === 'generator' || kind === 'async generator'
    const hasReturn = !isCollection && !kind.endsWith('without return') && kind !== 'bare stream'
    const isOwn = isGenerator || kind === 'bare web stream'
    return {
      source: isFactory ? (signal) => this.#open(signal) : this.#iterable(),
      probe: this.#probe,
      closing: hasReturn ? (isOwn && !isFactory ? 'always' : 'once opened') : 'never',
      isLossless: !kind.includes('stream') && kind !== 'interruptible iterator' && kind !== 'queue',
      queue: this.#queue,
      isOpen: () => this.#stream?.destroyed === false,
    }
  }

  #open(signal: AbortSignal): AnyIterable {
    this.#signal = signal
    this.#tools.inside.reach('factory')
    if (this.#plan.failsAt === -1) {
      this.#probe.failed()
      throw new Error('the function failed')
    }
    this.#probe.isOpened = true
    return this.#iterable()
  }

  #iterable(): AnyIterable {
    switch (this.#plan.kind) {
      case 'array':
        return this.#everything()
      case 'set':
        return new Set(this.#everything())
      case 'generator':
        return this.#watch(this.#generator())
      case 'async generator':
        return this.#watch(this.#asyncGenerator())
      case 'iterator':
      case 'iterator without return':
        return {[Symbol.iterator]: () => this.#opened(this.#iterator())}
      case 'stream':
        return this.#watched(Readable.from(this.#asyncGenerator()))
      case 'web stream':
        return this.#watched(this.#webStream())
      case 'bare stream':
        return this.#bareStream()
      case 'bare web stream':
        return this.#bareWebStream()
      case 'queue':
        return this.#watched(this.#filled())
      default:
        return {[Symbol.asyncIterator]: () => this.#opened(this.#asyncIterator())}
    }
  }

  #everything(): Array<Task<Value>> {
    return this.#tools.items.all.map(({index}) => this.#tools.items.make(index, false))
  }

  #filled(): TaskQueue<Value> {
    const queue = (this.#queue = new TaskQueue<Value>())
    const {items, hand} = this.#tools
    const push = ({index}: Item): void => hand('push()', queue.push(items.make(index, true)))
    if (this.#plan.isDirect && this.#plan.latency === 'step') hand('the pushes', this.#pushOneByOne(queue, push))
    else {
      for (const item of items.all) push(item)
      queue.close()
    }
    return queue
  }

  async #pushOneByOne(queue: TaskQueue<Value>, push: (item: Item) => void): Promise<void> {
    const {items, world} = this.#tools
    for (const item of items.all) {
      await world.step(`push ${item.index}`)
      push(item)
    }
    queue.close()
  }

  /** What happens before the item of this index comes; it may throw. */
  #produce(index: number): void {
    this.#tools.inside.reach('pull')
    if (index === this.#plan.failsAt) throw new Error(`the source failed at ${index}`)
  }

  async #wait(index: number): Promise<void> {
    const {latency, stallsAt} = this.#plan
    const {world} = this.#tools
    if (latency === 'tick') await Promise.resolve()
    else if (latency === 'step') await world.step(`item ${index}`)
    if (index !== stallsAt) return
    const signal = this.#signal
    if (signal === undefined) await world.never()
    else if (!signal.aborted)
      await Promise.race([world.never(), new Promise((resolve) => signal.addEventListener('abort', resolve))])
    signal?.throwIfAborted()
  }

  *#generator(): Generator<Task<Value>> {
    const {items} = this.#tools
    try {
      for (let index = 0; index < items.all.length; index++) {
        this.#produce(index)
        yield items.make(index, false)
      }
      this.#produce(items.all.length)
    } finally {
      if (this.#probe.returns > 0) this.#closeNow()
    }
  }

  #closeNow(): void {
    this.#tools.inside.reach('return')
    if (this.#plan.closes === 'throws') throw new Error('the cleanup failed')
  }

  async *#asyncGenerator(): AsyncGenerator<TaskFunction<Value>> {
    const {items} = this.#tools
    try {
      for (let index = 0; index < items.all.length; index++) {
        await this.#wait(index)
        this.#produce(index)
        yield items.make(index, true) as TaskFunction<Value>
      }
      this.#produce(items.all.length)
    } finally {
      if (this.#probe.returns > 0) await this.#close()
    }
  }

  #iterator(): Iterator<Task<Value>> {
    const {items, inside, world} = this.#tools
    const {kind, closes} = this.#plan
    let index = 0
    const iterator: Iterator<Task<Value>> = {
      next: () => {
        this.#produce(index)
        return index < items.all.length
          ? {done: false, value: items.make(index++, false)}
          : {done: true, value: undefined}
      },
    }
    if (kind === 'iterator without return') return iterator
    iterator.return = (): IteratorResult<Task<Value>> => {
      inside.reach('return')
      if (closes === 'throws') throw new Error('the cleanup failed')
      if (closes === 'oddly') return undefined as unknown as IteratorResult<Task<Value>>
      if (closes === 'at once') return {done: true, value: undefined}
      return (closes === 'hangs' ? world.never() : this.#close()) as unknown as IteratorResult<Task<Value>>
    }
    return iterator
  }

  #asyncIterator(): AsyncIterator<Task<Value>> {
    const {items} = this.#tools
    const {kind, closes} = this.#plan
    let index = 0
    let interrupt: (() => void) | undefined
    const next = async (): Promise<IteratorResult<Task<Value>>> => {
      await this.#wait(index)
      this.#produce(index)
      return index < items.all.length
        ? {done: false, value: items.make(index++, kind === 'interruptible iterator')}
        : {done: true, value: undefined}
    }
    const interrupted = (): Promise<IteratorResult<Task<Value>>> =>
      new Promise((resolve) => {
        interrupt = () => resolve({done: true, value: undefined})
      })
    const iterator: AsyncIterator<Task<Value>> = {
      next: kind === 'interruptible iterator' ? () => Promise.race([next(), interrupted()]) : next,
    }
    if (kind === 'async iterator without return') return iterator
    iterator.return = (): Promise<IteratorResult<Task<Value>>> => {
      interrupt?.()
      if (closes !== 'throws' && closes !== 'oddly') return this.#close().then(() => ({done: true, value: undefined}))
      this.#tools.inside.reach('return')
      if (closes === 'throws') throw new Error('the cleanup failed')
      return undefined as unknown as Promise<IteratorResult<Task<Value>>>
    }
    return iterator
  }

  async #close(): Promise<void> {
    const {inside, world} = this.#tools
    const {closes} = this.#plan
    inside.reach('return')
    if (closes === 'later') await world.step('the source cleans up')
    if (closes === 'hangs') await world.never()
    if (closes === 'rejects' || closes === 'throws') throw new Error('the cleanup failed')
  }

  /** Nobody sees how it cleans up, but whether it has been destroyed. */
  #bareStream(): Readable {
    const stream = (this.#stream = Readable.from(this.#asyncGenerator()))
    const open = stream[Symbol.asyncIterator].bind(stream)
    return Object.assign(stream, {
      [Symbol.asyncIterator]: () => {
        const iterator = open()
        const close = iterator.return?.bind(iterator)
        return Object.assign(this.#opened(iterator), {return: close}) // it may be destroyed in place of that
      },
    })
  }

  /** The runner reads it by a reader, which is watched. */
  #bareWebStream(): ReadableStream<Task<Value>> {
    const stream = this.#webStream()
    const getReader = stream.getReader.bind(stream)
    const watchedReader = (): object => {
      const reader = getReader()
      const iterator = this.#opened<AnyIterator>({
        next: () => {
          const result = reader.read() as Promise<IteratorResult<Task<Value>>>
          const handsOver = (): void => void this.#probe.handsOver()
          result.then(handsOver, handsOver)
          return result
        },
        return: async () => {
          await reader.cancel()
          return {done: true, value: undefined}
        },
      })
      return {
        read: () => iterator.next(),
        // The runner hears a few microtasks later than the reader that there is nothing more.
        cancel: () => (this.#probe.over === undefined ? iterator.return?.() : reader.cancel()),
        releaseLock: () => reader.releaseLock(),
      }
    }
    return Object.assign(stream, {getReader: watchedReader as typeof stream.getReader})
  }

  #webStream(): ReadableStream<Task<Value>> {
    const {items} = this.#tools
    let index = 0
    return new ReadableStream<Task<Value>>(
      {
        pull: async (controller) => {
          await this.#wait(index)
          this.#produce(index)
          if (index < items.all.length) controller.enqueue(items.make(index++, true))
          else controller.close()
        },
        cancel: () => this.#close(),
      },
      {highWaterMark: 0},
    )
  }

  /** Only its iterator is ours to watch. */
  #watched(iterable: AsyncIterable<Task<Value>>): AsyncIterable<Task<Value>> {
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = iterable[Symbol.asyncIterator]()
        if (this.#plan.isDirect) return this.#openedDirectly(iterator)
        const watched: AsyncIterator<Task<Value>> = {next: () => iterator.next()}
        watched.return = () => iterator.return?.() ?? Promise.resolve({done: true, value: undefined})
        return this.#opened(watched)
      },
    }
  }

  /** A queue's iterator that the runner reads without promises. */
  #openedDirectly(iterator: AsyncIterator<Task<Value>>): AsyncIterator<Task<Value>> {
    const probe = this.#probe
    const direct = iterator as unknown as DirectIterator
    const prototype: DirectIterator = Object.getPrototypeOf(iterator)
    const giveBack = iterator.return?.bind(iterator)
    probe.isOpened = true
    Object.defineProperties(iterator, {
      tryTake: {
        value: () => {
          const task = prototype.tryTake.call(direct)
          if (task !== undefined) {
            probe.pull()
            probe.pulled({done: false})
          }
          return task
        },
      },
      isOver: {
        get: () => {
          const isOver: boolean = Reflect.get(prototype, 'isOver', direct)
          if (isOver && probe.over === undefined) probe.pulled({done: true})
          return isOver
        },
      },
      return: {
        value: async () => {
          probe.close(true)
          const result = await giveBack?.()
          probe.closed()
          return result
        },
      },
    })
    return iterator
  }

  #opened<I extends AnyIterator>(iterator: I): I {
    this.#probe.isOpened = true
    return this.#watch(iterator)
  }

  /** Watches an iterator without being in the way of what it gives. */
  #watch<I extends AnyIterator>(iterator: I): I {
    const probe = this.#probe
    const {kind} = this.#plan
    const isAsync = kind !== 'generator' && !kind.startsWith('iterator')
    const next = iterator.next.bind(iterator) as () =>
      | IteratorResult<Task<Value>>
      | Promise<IteratorResult<Task<Value>>>
    const giveBack = iterator.return?.bind(iterator) as (() => unknown) | undefined
    const watchedNext = (): unknown => {
      probe.pull()
      try {
        const result = next()
        if (result instanceof Promise)
          result.then(
            (answer) => probe.pulled(answer),
            () => probe.failed(),
          )
        else probe.pulled(result)
        return result
      } catch (error) {
        probe.failed()
        throw error
      }
    }
    const watchedReturn = (): unknown => {
      probe.close(isAsync)
      try {
        const result = giveBack?.()
        const closed = (): void => probe.closed()
        if (result instanceof Promise) result.then(closed, closed)
        else probe.closed()
        return result
      } catch (error) {
        probe.closed()
        throw error
      }
    }
    Object.assign(iterator, {next: watchedNext}, giveBack && {return: watchedReturn})
    return iterator
  }
}
