/**
 * What the program of the tests is asked for, on file descriptor 4 as JSON, and what it answers, on file descriptor 3 as
 * lines of JSON. The order names thousands of tests, which is too long for a variable of the environment.
 */

/** A test by its file and its place in it. */
export interface TestId {
  readonly file: string
  readonly at: number
}

export interface Chosen extends TestId {
  /** Milliseconds that it may take. */
  readonly patience: number
}

export interface Order {
  /** In this order, until one fails; otherwise all there are. */
  readonly tests?: readonly Chosen[]
  /** The files of tests that are looked at where `tests` does not say which; all if there are none. */
  readonly files?: readonly string[]
  /** More hits of the mutant than this are taken for an endless loop. */
  readonly hitLimit?: number
}

export type Line =
  | {readonly kind: 'begins'; readonly test: TestId; readonly title: string}
  | {
      readonly kind: 'ended'
      readonly test: TestId
      readonly ms: number
      readonly failure: string | null
      /** How often the test reached each mutant. */
      readonly hits: Readonly<Record<string, number>>
    }
  | {
      readonly kind: 'over'
      /** Mutants that are reached outside of any test: when a module is loaded. */
      readonly loading: Readonly<Record<string, number>>
      readonly isEndless: boolean
    }
