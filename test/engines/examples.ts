/** Runs the examples of an engine's doc comments against a real server. */
import {ConcurrentRunner, type Source} from 'aio-tasks'
import type {ExecutionContext} from 'ava'
import {assumed, removeFolder, runExamples, type Snippet, snippetFolder} from '../helpers/snippets.js'

/** The ways in which the runners of the examples are left. */
export const endings = ['none', 'break', 'abort', 'a failing task'] as const

interface Engine {
  /** The Redis that the examples assume. */
  readonly connection?: object
  readonly isWorker: (example: Snippet) => boolean
  /** A worker for the examples that hand jobs in. */
  readonly work: (handler: () => number) => Source<unknown>
  /** Jobs for the examples that are workers, a source for each of their queues. */
  readonly handIn: (jobs: ReadonlyArray<{path: string}>) => ReadonlyArray<Source<unknown>>
}

/** Every example runs to its end and says nothing, its runners being left in the given way. */
export async function tryExamples(
  t: ExecutionContext,
  examples: readonly Snippet[],
  ending: (typeof endings)[number],
  {connection, isWorker, work, handIn}: Engine,
): Promise<void> {
  t.log(`${examples.length}`)
  const folder = await snippetFolder(examples, assumed)
  t.teardown(() => removeFolder(folder))
  const told = async (own: readonly Snippet[]): Promise<void> => {
    t.true(own.some(({code}) => code.includes('new ConcurrentRunner')))
    const {status, stdout, stderr} = await runExamples(folder, own, ending, connection)
    t.deepEqual({status, output: `${stdout}${stderr}`}, {status: 0, output: `ran ${own.length}\n`})
  }

  const handler = (): number => {
    if (ending === 'a failing task') throw new Error('the job fails')
    return 1
  }
  const worker = new ConcurrentRunner(work(handler), {yieldExceptions: true})
  const working = worker.run()
  await told(examples.filter((example) => !isWorker(example)))
  await worker.stop()
  await working
  const jobs = Array.from({length: 5}, (_, index) => ({path: `${index}`}))
  const producers = handIn(jobs).map((tasks) => new ConcurrentRunner(tasks, {yieldExceptions: true}))
  const handingIn = producers.map((producer) => producer.run().catch(() => {}))
  await told(examples.filter(isWorker))
  for (const producer of producers) producer.abort()
  await Promise.all(handingIn)
}
