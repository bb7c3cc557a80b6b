/**
 * Shows how a subclass uses the hook `ready`: starts at most RATE tasks a second with a limiter from npm. Run it with
 * `npx tsx examples/rate-limited.ts [RATE]`.
 *
 * To limit a rate, you need no subclass: use `governor: new RateLimit({amount: 10, per: 1000})` from
 * `aio-tasks/governors`, as `llm.ts` does.
 */
import {ConcurrentRunner, type RunnerOptions, type Source} from 'aio-tasks'
// limiter: released this year, needs nothing else, waits by promises in turn, and its clock never goes back.
import {RateLimiter} from 'limiter'
import {checkPositionals, exitWhenUnread, readArguments} from './program.js'

const help = `Usage: npx tsx examples/rate-limited.ts [RATE]

Runs 25 requests, of which at most RATE start in a second (an integer ≥ 1, default: 10).
`

interface RateLimitedOptions<Yields extends boolean> extends RunnerOptions<Yields> {
  /** Asked for a token before each pull, also for the pull that finds the end. Runners may share one, and its rate. */
  readonly limiter: Pick<RateLimiter, 'removeTokens'>
}

export class RateLimitedRunner<T, Yields extends boolean = false> extends ConcurrentRunner<T, Yields> {
  readonly #limiter: RateLimitedOptions<Yields>['limiter']

  constructor(source: Source<T>, {limiter, ...options}: RateLimitedOptions<Yields>) {
    super(source, options)
    this.#limiter = limiter
  }

  protected override async ready(): Promise<void> {
    await this.#limiter.removeTokens(1)
  }
}

function* requests() {
  for (let request = 1; request <= 25; request++) yield () => `request ${request}`
}

if (process.argv[1] === import.meta.filename) {
  const rate = readArguments(help, {}, (_, given) => {
    checkPositionals(given, 1, 'one rate')
    if (!/^[1-9]\d{0,5}$/.test(given[0] ?? '10')) throw new Error(`RATE must be an integer ≥ 1; got '${given[0]}'`)
    return Number(given[0] ?? 10)
  })
  exitWhenUnread()
  const began = performance.now() // it is not after the start of the limiter's first second
  const limiter = new RateLimiter({tokensPerInterval: rate, interval: 'second'})
  const runner = new RateLimitedRunner(requests(), {limit: 4, limiter})

  const starts = new Map<number, number>()
  runner.on('start', () => {
    const second = Math.floor((performance.now() - began) / 1000)
    starts.set(second, (starts.get(second) ?? 0) + 1)
  })
  for await (const result of runner) console.log(result)
  for (const [second, count] of starts) console.log(`second ${second + 1}: ${count} starts`)
}
