/** Runners over a queue, and what has become of pushes: for the tests of queues. */
import {
  ConcurrentRunner,
  type Permit,
  type PermitRequest,
  type Task,
  type TaskContext,
  type TaskQueue,
} from '../../src/index.js'
import {isSettled, turn} from '../helpers/index.js'

export type Runner = ConcurrentRunner<unknown, boolean>
export type Options = ConstructorParameters<typeof ConcurrentRunner<unknown, boolean>>[1]

/** A runner that goes on when a task fails, as a service's does. */
export function serve(queue: TaskQueue, options: Options = {}): ConcurrentRunner<unknown, boolean> {
  const runner = new ConcurrentRunner<unknown, boolean>(queue, {yieldExceptions: true, ...options})
  void runner.run().catch(() => {})
  return runner
}

/** Runs what waits and what is pushed meanwhile, until the queue is idle. */
export async function finish(queue: TaskQueue, options?: Options): Promise<void> {
  queue.closeWhenIdle()
  await serve(queue, options).drained
}

/** How a promise stands by now, in a word. */
export async function standing(promise: Promise<unknown>): Promise<string> {
  if (!(await isSettled(promise))) return 'pending'
  return promise.then(String, (reason) => `rejected: ${reason instanceof Error ? reason.name : String(reason)}`)
}

export const standings = (promises: ReadonlyArray<Promise<unknown>>): Promise<string[]> =>
  Promise.all(promises.map(standing))

/** Pushes a task for each letter that writes it down. */
export function pushAll(queue: TaskQueue, letters: string, log: string[]): Array<Promise<unknown>> {
  return letters.split('').map((letter) => queue.push(() => void log.push(letter)))
}

/** Tries each task again at once, as often as given. */
export class Retrying extends ConcurrentRunner<unknown, boolean> {
  readonly #attempts: number

  constructor(queue: TaskQueue, attempts: number) {
    super(queue, {yieldExceptions: true, limit: 2})
    this.#attempts = attempts
  }

  protected override async execute(task: Task<unknown>, context: TaskContext): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await super.execute(task, context)
      } catch (error) {
        if (attempt === this.#attempts) throw error
      }
    }
  }
}

/** A governor that never has a permit, and keeps the signals of those who wait. */
export class Refusing {
  readonly signals: AbortSignal[] = []
  readonly isIdle = true
  readonly onAsked: () => void

  constructor(onAsked: () => void = () => {}) {
    this.onAsked = onAsked
  }

  get waiting(): number {
    return this.signals.filter(({aborted}) => !aborted).length
  }

  tryAcquire(): undefined {
    this.onAsked()
  }

  acquire({signal}: PermitRequest = {}): PromiseLike<Permit> {
    if (signal !== undefined) this.signals.push(signal)
    return new Promise(() => {})
  }
}

export interface Tracked {
  /** The tasks that were started. */
  readonly log: string[]
  readonly push: (group: unknown, name: string, priority?: number) => Promise<unknown>
  readonly end: (name: string) => Promise<void>
  readonly ends: Map<string, () => void>
}

/** Tasks that run until they are told to end, and what runs of each group. */
export function tracked(queue: TaskQueue): Tracked {
  const log: string[] = []
  const ends = new Map<string, () => void>()
  const push = (group: unknown, name: string, priority = 0): Promise<unknown> =>
    queue.push(
      () => {
        log.push(name)
        return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
      },
      {group, priority, item: name},
    )
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.()
    ends.delete(name)
    await turn()
  }
  return {log, push, end, ends}
}
