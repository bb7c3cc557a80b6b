/** What a file of tests tells when it has run, whatever it ran on. */
export interface Report {
  readonly passed: string[]
  readonly failed: Failure[]
  /** Tests that called what only Node has. */
  readonly leftOut: LeftOut[]
  /** As for those, if the file uses it before its first test, so that none of them ran. */
  readonly needs?: string
}

export interface Failure {
  readonly title: string
  readonly error: string
}

export interface LeftOut {
  readonly title: string
  /** Why, as in `needs node:fs`. */
  readonly needs: string
}
