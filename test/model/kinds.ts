/** What there are random runs of, and how each of them is made and judged. */
import * as fc from 'fast-check'
import {check} from './check.js'
import {checkPolicies, policies} from './policies.js'
import {checkRestarts, restarts} from './restarts.js'
import {scenario} from './scenario.js'
import {type SourceKind, sourceKinds} from './sources.js'

/** A run over a source of some kind; or retries and governors; or one queue whose runners come and go. */
export type Kind = SourceKind | 'policies' | 'restarts'

/** Each kind with its share of all runs: `policies` and `restarts` have as many as all kinds of sources together. */
export const shares: ReadonlyMap<Kind, number> = new Map<Kind, number>([
  ...sourceKinds.map((kind) => [kind, 1 / (3 * sourceKinds.length)] as const),
  ['policies', 1 / 3],
  ['restarts', 1 / 3],
])

/** Which runs to make: with `path`, the one that was found there. */
export interface Runs {
  readonly numRuns: number
  readonly seed: number
  readonly path?: string
  /** Whether to give up at the first that fails, without looking for a simpler one. */
  readonly endOnFailure?: boolean
}

/** What came of them: a report with the command that makes the failing run again, or no report. */
export interface Judged {
  readonly made: number
  readonly report?: string
}

/** Makes random runs of a kind until one is found that breaks the contract, and shrinks that one. */
export async function judge(kind: Kind, runs: Runs): Promise<Judged> {
  const details = await fc.check(propertyOf(kind), {endOnFailure: runs.path !== undefined, ...runs})
  if (!details.failed) return {made: details.numRuns}
  const scenarioParts = Object.entries(details.counterexample?.[0] ?? {})
  const parts = scenarioParts.map(([name, part]) => `  ${name}: ${fc.stringify(part)}`)
  const {errorInstance: error} = details
  const report = [
    `Found in run ${details.numRuns}, shrunk ${details.numShrinks} times:`,
    ...parts,
    '',
    error instanceof Error ? error.message : String(error),
    `Again: npm run fuzz -- --kind '${kind}' --seed ${runs.seed} --path ${details.counterexamplePath}`,
  ]
  return {made: details.numRuns, report: report.join('\n')}
}

function propertyOf(kind: Kind): fc.IAsyncPropertyWithHooks<[plan: object, scheduler: fc.Scheduler]> {
  if (kind === 'policies') return fc.asyncProperty(policies, fc.scheduler(), checkPolicies)
  if (kind === 'restarts') return fc.asyncProperty(restarts, fc.scheduler(), checkRestarts)
  return fc.asyncProperty(scenario(kind), fc.scheduler(), check)
}
