/**
 * Shows how a subclass uses the hook `execute`: tries a failed task again within its slot, with p-retry. Run it with
 * `npx tsx examples/retrying.ts`.
 *
 * To retry tasks, you need no subclass: use the option `retry`, as in `retry: {attempts: 3}`. It waits without a slot.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import {ConcurrentRunner, type RunnerOptions, type Source, type Task, type TaskContext} from 'aio-tasks'
import pRetry, {type Options, type RetryContext} from 'p-retry'
import {checkPositionals, exitWhenUnread, readArguments} from './program.js'

/** `again` comes before each further attempt, with its number and the error of the last attempt. */
type RetryEvents = {again: [context: TaskContext, attempt: number, error: Error]}
type Retrying = Omit<Options, 'signal' | 'onFailedAttempt'>

export class RetryingRunner<T, Yields extends boolean = false> extends ConcurrentRunner<T, Yields, RetryEvents> {
  readonly #retrying: Retrying | undefined

  constructor(
    source: Source<T>,
    {retrying, ...options}: RunnerOptions<Yields> & {readonly retrying?: Retrying | undefined} = {},
  ) {
    super(source, options)
    this.#retrying = retrying
  }

  protected override execute(task: Task<T>, context: TaskContext): T | PromiseLike<T> {
    if (typeof task !== 'function') return super.execute(task, context) // a promise cannot be run again
    let failure: RetryContext | undefined
    const attempt = (number: number): T | PromiseLike<T> => {
      if (failure !== undefined) this.emit('again', context, number, failure.error)
      return super.execute(task, context)
    }
    return pRetry(attempt, {
      ...this.#retrying,
      signal: context.signal,
      onFailedAttempt: (last) => void (failure = last),
    })
  }
}

let running = 0
let most = 0

/** Jobs for a service that is too busy for the first call of every third job, and the first two of the one after. */
function* jobs() {
  for (let job = 0; job < 9; job++) {
    let busy = job % 3
    yield async ({signal}: TaskContext) => {
      most = Math.max(most, ++running)
      await sleep(20, undefined, {signal}).finally(() => running--)
      if (busy-- > 0) throw new Error('busy')
      return `job ${job} done`
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  readArguments(
    'Usage: npx tsx examples/retrying.ts\n\nRuns nine jobs, some of which fail at first.\n',
    {},
    (_, given) => checkPositionals(given, 0, 'no arguments'),
  )
  exitWhenUnread()
  const runner = new RetryingRunner(jobs(), {limit: 3, retrying: {retries: 2, minTimeout: 50}})
  runner.on('again', ({index}, attempt, {message}) => console.log(`job ${index} ${message}: attempt ${attempt}`))
  for await (const result of runner) console.log(result)
  console.log(`at most ${most} attempts at once`)
}
