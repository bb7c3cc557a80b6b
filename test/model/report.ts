/** A failing scenario in a form to read. */
import * as fc from 'fast-check'

/** What fast-check gives of a property of a plan and a scheduler. */
interface Found {
  readonly counterexample: readonly [plan: object, ...rest: unknown[]] | null
  readonly errorInstance: unknown
}

/** The scenario, a line for each of its parts, and what was wrong. */
export function reportOf({counterexample, errorInstance}: Found): string {
  const parts = Object.entries(counterexample?.[0] ?? {}).map(([name, part]) => `  ${name}: ${fc.stringify(part)}`)
  const problem = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  return `Scenario:\n${parts.join('\n')}\n\n${problem}`
}
