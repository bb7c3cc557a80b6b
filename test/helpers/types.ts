// oxlint-disable typescript/no-unnecessary-type-parameters -- they are what is compared
/** Checks of types: they hold when the file compiles. */

/** `true` if the two types are the same, not merely assignable to one another. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `true`, and says so at run time, where AVA wants an assertion. */
export function holds<_Claim extends true>(): true {
  return true
}
