/** Counts the primes below four million on all cores: run it with `npx tsx examples/threads.ts [--threads N]`. */
import {availableParallelism} from 'node:os'
import {ConcurrentRunner, type RunnerOptions, type TaskContext} from 'aio-tasks'
import {Piscina} from 'piscina'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'

type Inputs<I> = Iterable<I> | AsyncIterable<I>

interface ThreadOptions<Yields extends boolean> extends RunnerOptions<Yields> {
  /** The URL of a module whose default export makes a result of an input. */
  readonly module: string
  readonly threads: number
}

/** Feeds inputs to threads, which start with the run. One more input waits at the pool, so that no thread waits. */
export class ThreadRunner<I, T, Yields extends boolean = false> extends ConcurrentRunner<T, Yields> {
  #pool: Piscina<I, T> | undefined

  constructor(inputs: Inputs<I>, {module, threads, ...options}: ThreadOptions<Yields>) {
    super(() => this.#jobs(inputs, module, threads), {limit: threads + 1, ...options})
  }

  async *#jobs(inputs: Inputs<I>, filename: string, threads: number) {
    const pool = new Piscina<I, T>({filename, minThreads: threads, maxThreads: threads})
    this.#pool = pool
    // An abort kills the thread in the midst of its job.
    for await (const input of inputs) yield ({signal}: TaskContext) => pool.run(input, {signal})
  }

  protected override cleanup(): PromiseLike<void> | void {
    return this.#pool?.destroy()
  }
}

function* ranges(size: number, end: number) {
  for (let from = 0; from < end; from += size) yield {from, to: from + size}
}

const help = `Usage: npx tsx examples/threads.ts [--threads N]

Counts the primes below four million, with N threads (default: ${availableParallelism()}, one for each core).
Exit status: 0 done, 2 wrong arguments, 130 or 143 interrupted.
`

if (process.argv[1] === import.meta.filename) {
  const threads = readArguments(help, {threads: `${availableParallelism()}`}, (values, positionals) => {
    checkPositionals(positionals, 0, 'options alone')
    return readCount('threads', values.threads)
  })
  const module = new URL('count-primes.js', import.meta.url).href
  await untilEnded(async (signal) => {
    const options = {module, threads, signal}
    await using runner = new ThreadRunner<{from: number; to: number}, number>(ranges(100_000, 4e6), options)
    let most = 0
    runner.on('start', () => (most = Math.max(most, runner.stats.running)))

    let primes = 0
    for await (const count of runner) primes += count
    console.log(
      `${primes} primes in ${runner.stats.succeeded} ranges, at most ${most} under way for ${threads} threads`,
    )
  })
}
