/** What the tests say of a mutant. */
import type {Baseline} from './baseline.js'
import type {Mutant} from './mutants.js'
import {attempt} from './trial.js'
import type {Workshop} from './workshop.js'

export type Status = 'killed' | 'timed out' | 'survived' | 'not reached'

export interface Verdict extends Mutant {
  readonly status: Status
  /** The test that noticed. */
  readonly by: string | undefined
  readonly why: string | undefined
  readonly ms: number
}

/** Judges mutants, at most `processes` at once, and reports each as soon as it is judged. */
export async function judge(
  mutants: readonly Mutant[],
  {shop, tests, processes}: {readonly shop: Workshop; readonly tests: Baseline; readonly processes: number},
  onVerdict: (verdict: Verdict) => void,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  const waiting = mutants.values()
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const verdict = await judgeOne(mutant, shop, tests)
      verdicts.push(verdict)
      onVerdict(verdict)
    }
  }
  await Promise.all(Array.from({length: processes}, work))
  return verdicts
}

/** As the tests' harness has it. */
const overdue = /has not ended after \d+ ms/

async function judgeOne(mutant: Mutant, shop: Workshop, tests: Baseline): Promise<Verdict> {
  const startedAt = performance.now()
  const order = tests.orderFor(mutant)
  if (order === undefined) return {...mutant, status: 'not reached', by: undefined, why: undefined, ms: 0}
  const {code, ended, last, isEndless, errors} = await attempt(shop, order, mutant.id)
  const ms = performance.now() - startedAt
  if (code === 0) return {...mutant, status: 'survived', by: undefined, why: undefined, ms}
  const failure = ended.at(-1)?.failure ?? (errors.trim() || 'waits for what never comes')
  const by = last === undefined ? 'the tests do not load' : `${last.file} › ${last.title}`
  return {
    ...mutant,
    status: isEndless || overdue.test(failure) ? 'timed out' : 'killed',
    by,
    why: failure.slice(0, 300),
    ms,
  }
}
