/** A failing scenario in a form to read. */
import type {RunDetails, Scheduler} from 'fast-check'
import * as fc from 'fast-check'
import type {Scenario} from './scenario.js'

/** The scenario, a line for each of its parts, and what was wrong. */
export function reportOf({counterexample, errorInstance}: RunDetails<[Scenario, Scheduler]>): string {
  const parts = Object.entries(counterexample?.[0] ?? {}).map(([name, part]) => `  ${name}: ${fc.stringify(part)}`)
  const problem = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  return `Scenario:\n${parts.join('\n')}\n\n${problem}`
}
