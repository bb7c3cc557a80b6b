/** Loaded into programs that tests start: switches the mutant on, or leaves behind which mutants they came by. */
import {appendFileSync} from 'node:fs'

const {__STRYKER_ACTIVE_MUTANT__: activeMutant, AIO_TASKS_HITS: hitsFile} = process.env
// oxlint-disable eslint/no-underscore-dangle -- Stryker's name
// Now: a program may load the library while `process` is hidden, where the switches look for the mutant.
if (activeMutant !== undefined) globalThis.__stryker__ = {activeMutant}
else
  process.on('exit', () => {
    const hits = globalThis.__stryker__?.mutantCoverage?.static ?? {}
    appendFileSync(hitsFile, `${JSON.stringify(hits)}\n`)
  })
