/** The tests without any mutant: which mutants each of them reaches. Those that do not pass here are left out. */
import type {Mutant} from './mutants.js'
import type {Chosen, Order} from './protocol.js'
import {attempt, type Ended, type Trial} from './trial.js'
import type {Workshop} from './workshop.js'

export interface Baseline {
  readonly tests: number
  readonly seconds: number
  /** Tests that pass in a process of their file's own, and not in one process with all others. */
  readonly leftOut: readonly string[]
  /** Which tests to run for a mutant: none if no test reaches it. */
  orderFor(mutant: Mutant): Order | undefined
}

const mostLeftOut = 10

/** @param files The files of tests to run; all if there are none. */
export async function baseline(shop: Workshop, files: readonly string[] = []): Promise<Baseline> {
  const {loading, ...trial} = await attempt(shop, {files})
  const leftOut = trial.ended.filter(({failure}) => failure !== null)
  if (leftOut.length === 0) assertPassed(trial)
  let ended = trial.ended.filter(({failure}) => failure === null)
  // Backwards as well: a test that passes only behind another one says nothing of a mutant.
  for (let isRight = false; !isRight; ) {
    const backwards = await attempt(shop, {tests: ended.map(chosen).toReversed()})
    const failed = backwards.ended.filter(({failure}) => failure !== null)
    if (failed.length === 0) assertPassed(backwards)
    leftOut.push(...failed)
    if (leftOut.length > mostLeftOut)
      throw new Error(`Too many tests fail without a mutant:\n${leftOut.map(described).join('\n')}`)
    ended = ended.filter(({test}) => !failed.some((one) => one.test.file === test.file && one.test.at === test.at))
    isRight = failed.length === 0
  }
  const seconds = ended.reduce((sum, {ms}) => sum + ms, 0) / 1000
  const hitsOf = (id: string): number => (loading[id] ?? 0) + ended.reduce((sum, {hits}) => sum + (hits[id] ?? 0), 0)
  return {
    tests: ended.length,
    seconds,
    leftOut: leftOut.map(described),
    orderFor: ({id, file}) => {
      const isStatic = (loading[id] ?? 0) > 0
      const isReached = ended.some(({hits}) => (hits[id] ?? 0) > 0)
      if (!isStatic && !isReached) return undefined
      // The unit tests of the file always: one test may run what is done once in a process, and another one notice it.
      const covering = ended.filter(
        ({test, hits}) => isStatic || (hits[id] ?? 0) > 0 || test.file === unitTestsOf(file),
      )
      const tests = covering.toSorted((a, b) => rank(a, file, id) - rank(b, file, id)).map(chosen)
      return {tests, hitLimit: hitsOf(id) * 100 + 10_000}
    },
  }
}

/** The unit tests of the mutant's own file come first; otherwise what is quick, and the model last. */
function rank({test, ms, hits}: Ended, file: string, id: string): number {
  const isModel = test.file.endsWith('model-runs.ts')
  return ms + ((hits[id] ?? 0) > 0 ? 0 : 1e8) + (isModel ? 1e7 : test.file === unitTestsOf(file) && ms < 300 ? 0 : 1e4)
}

function unitTestsOf(file: string): string {
  return file.replace(/^src\/(.*)\.ts$/, 'test/unit/$1.test.ts')
}

/** A test may take many times as long as without a mutant, and some time more on a busy machine. */
function chosen({test, ms}: Ended): Chosen {
  return {...test, patience: Math.ceil(2000 + ms + Math.min(ms * 20, 10_000))}
}

function described({test, title, failure}: Ended): string {
  return `${test.file} › ${title}: ${failure?.split('\n')[0]}`
}

function assertPassed({code, ended, last, errors}: Omit<Trial, 'loading'>): void {
  if (code !== 0)
    throw new Error(`Without a mutant the tests end with ${code}, after ${last?.file} › ${last?.title}\n${errors}`)
  if (ended.length === 0) throw new Error('There are no tests')
}
