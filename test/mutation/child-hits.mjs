/** Loaded into programs that tests start: leaves behind which mutants they came by. */
import {appendFileSync} from 'node:fs'

// oxlint-disable eslint/no-underscore-dangle -- Stryker's name
process.on('exit', () => {
  const hits = globalThis.__stryker__?.mutantCoverage?.static ?? {}
  appendFileSync(process.env.AIO_TASKS_HITS, `${JSON.stringify(hits)}\n`)
})
