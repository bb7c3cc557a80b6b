/** Stands in for what a runtime lacks: a test that comes to use it is left out, and says for what. */

export class Missing extends Error {}

type Notice = (missing: Missing) => void

let notice: Notice | undefined

/** Hears of each use from now on, also of one whose error somebody catches. */
export function onMissing(listener: Notice | undefined): void {
  notice = listener
}

/** Anything that `what` may be: it can be named and made outside of tests, but not used. */
export function missing(what: string): object {
  const use = (): never => {
    const error = new Missing(`needs ${what}`)
    notice?.(error)
    throw error
  }
  return new Proxy(function () {}, {
    apply: use,
    get: (_target, name) => (notice || typeof name === 'symbol' ? use() : missing(what)),
    construct: () => (notice ? use() : missing(what)),
  })
}
