import {PromisePool} from '@supercharge/promise-pool'
import {type Contender, tallyArray} from './contender.js'

export const promisePool: Contender = {
  id: 'promise-pool',
  kind: 'peer',
  package: '@supercharge/promise-pool',
  call: 'process',
  takes: 'any source',
  run: async (source, limit) => {
    const {results} = await PromisePool.for(source)
      .withConcurrency(limit)
      .process((task) => task())
    return tallyArray(results)
  },
}
