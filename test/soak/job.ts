/** One task of the soak test: it knows how it behaved, and so what may be told of it. */
import {setTimeout as sleep, setImmediate as turn} from 'node:timers/promises'
import type {TaskContext, TaskFunction} from 'aio-tasks'
import type {Random} from '../helpers/random.js'
import type {Ledger} from './ledger.js'

/** How a task behaves. */
const kinds = [
  'value',
  'value later',
  'value after a while',
  'throws',
  'rejects',
  'rejects after a while',
  'thenable',
  'thenable that settles thrice',
  'thenable that throws in the end',
  'thenable that cannot be looked at',
  'waits for its signal',
] as const
type Kind = (typeof kinds)[number]

export class Job {
  readonly id: number
  readonly kind: Kind
  /** Times its function was called. */
  calls = 0
  disposals = 0
  /** What it threw or rejected with. */
  error: unknown
  hasFailed = false
  /** What its push's own signal aborted with. */
  withdrawal: unknown
  readonly #ledger: Ledger
  readonly #ms: number

  constructor(id: number, random: Random, ledger: Ledger) {
    this.id = id
    this.kind = kinds[random.integer(0, kinds.length - 1)] ?? 'value'
    this.#ms = random.chance(0.02) ? random.integer(20, 80) : random.integer(0, 4)
    this.#ledger = ledger
  }

  /** @param onCalled - gets the context of each call, and gives what to call when the task is over */
  task(onCalled: (context: TaskContext) => () => void): TaskFunction<number> & Disposable {
    const run = (context: TaskContext): number | PromiseLike<number> => {
      if (++this.calls > 1) this.#ledger.sin('run twice', `task ${this.id}, ${this.kind}`)
      const over = onCalled(context)
      let result: number | PromiseLike<number>
      try {
        result = this.#behave(context)
      } catch (error) {
        over()
        throw error
      }
      if (typeof result === 'number') over()
      else if (result instanceof Promise) void result.then(over, over)
      else over() // a thenable of ours is over as soon as it is asked
      return result
    }
    return Object.assign(run, {
      [Symbol.dispose]: () => {
        this.disposals++
      },
    })
  }

  /** Whether what its push told is what became of it. */
  checkValue(value: unknown): void {
    if (value !== this.id || this.calls === 0 || this.hasFailed)
      this.#ledger.sin(
        'wrong outcome',
        `task ${this.id}, ${this.kind}, called ${this.calls} times, gave ${String(value)}`,
      )
  }

  checkError(error: unknown, mayEnd: (error: unknown) => boolean): void {
    const isOwn = this.hasFailed && error === this.error
    const isWithdrawn = this.withdrawal !== undefined && error === this.withdrawal
    if (!isOwn && !isWithdrawn && !mayEnd(error))
      this.#ledger.sin(
        'wrong outcome',
        `task ${this.id}, ${this.kind}, called ${this.calls} times, failed with ${String(error)}`,
      )
  }

  // oxlint-disable-next-line typescript/consistent-return -- the types see that no kind is left out
  #behave({signal}: TaskContext): number | PromiseLike<number> {
    const {id} = this
    switch (this.kind) {
      case 'value':
        return id
      case 'value later':
        return turn(id)
      case 'value after a while':
        return sleep(this.#ms, id)
      case 'throws':
        throw this.#failure()
      case 'rejects':
        return Promise.reject(this.#failure())
      case 'rejects after a while':
        return sleep(this.#ms).then(() => Promise.reject(this.#failure()))
      case 'thenable':
        return thenable((resolve) => resolve(id))
      case 'thenable that settles thrice':
        return thenable((resolve, reject) => {
          resolve(id)
          reject(new Error('a second time'))
          resolve(-1)
        })
      case 'thenable that throws in the end':
        return thenable((resolve) => {
          resolve(id)
          throw new Error('after it has settled')
        })
      case 'thenable that cannot be looked at':
        return this.#unspeakable()
      case 'waits for its signal':
        return this.#untilAborted(signal)
    }
  }

  #failure(reason: unknown = new Error(`task ${this.id} fails`)): unknown {
    this.hasFailed = true
    this.error = reason
    return reason
  }

  #unspeakable(): PromiseLike<number> {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it pretends to be
    return Object.defineProperty({}, 'then', {
      get: () => {
        throw this.#failure(this.error)
      },
    }) as PromiseLike<number>
  }

  async #untilAborted(signal: AbortSignal): Promise<number> {
    try {
      return await sleep(this.#ms * 10, this.id, {signal})
    } catch {
      throw this.#failure(signal.reason)
    }
  }
}

type Executor = (resolve: (value: number) => void, reject: (reason: unknown) => void) => void

function thenable(execute: Executor): PromiseLike<number> {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  return {then: execute} as unknown as PromiseLike<number>
}
