/** Watches one run: each start must be reported once, and no more tasks run than the limit allows. */
import type {ConcurrentRunner, TaskContext} from 'aio-tasks'
import type {Random} from '../helpers/random.js'
import type {Ledger} from './ledger.js'

export class Watch {
  /** Tasks that have been called and are not over. */
  #running = 0
  readonly #runner: ConcurrentRunner<number, boolean>
  readonly #ledger: Ledger
  readonly #mayExceed: boolean
  /** The highest limit that was set: lowering it ends no task. */
  #highest: number
  /** Contexts that were told to start, and have not been told to end. */
  readonly #begun = new Set<TaskContext>()
  /** Places of tasks of which a result or an error was told. */
  readonly reported: Set<number> = new Set()

  /** @param mayExceed - whether timeouts free slots of tasks that go on */
  constructor(runner: ConcurrentRunner<number, boolean>, ledger: Ledger, random: Random, mayExceed: boolean) {
    this.#runner = runner
    this.#ledger = ledger
    this.#mayExceed = mayExceed
    this.#highest = runner.limit
    const throws = random.chance(0.05)
    runner.on('start', (context) => this.#begun.add(context))
    runner.on('result', (_, context) => {
      this.#report(context)
      if (throws && random.chance(0.01)) throw ledger.deliberate()
    })
    runner.on('error', (error, context) => {
      if (context) this.#report(context)
      else ledger.sin('wrong outcome', `the source is not to blame: ${error.message}`)
    })
    runner.on('drain', () => {
      ledger.runs++
      for (const {index} of this.#begun) ledger.sin('lost', `task ${index} of a run began and was never reported`)
      if (runner.state !== 'drained') ledger.sin('wrong outcome', `drain in the state ${runner.state}`)
    })
  }

  /** Called as a task begins; gives what to call when it is over. */
  readonly begin = (): (() => void) => {
    this.#highest = Math.max(this.#highest, this.#runner.limit)
    if (++this.#running > this.#highest && !this.#mayExceed)
      this.#ledger.sin('over the limit', `${this.#running} run, the limit is ${this.#highest}`)
    return () => {
      this.#running--
    }
  }

  #report(context: TaskContext): void {
    if (!this.#begun.delete(context)) this.#ledger.sin('reported twice', `task ${context.index} of a run`)
    this.reported.add(context.index)
  }
}
