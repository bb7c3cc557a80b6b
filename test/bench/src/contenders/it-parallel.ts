import parallel from 'it-parallel'
import {type Contender, tallyStream} from './contender.js'

export const itParallel: Contender = {
  id: 'it-parallel',
  kind: 'peer',
  package: 'it-parallel',
  call: 'parallel',
  streams: true,
  takes: 'any source',
  run: (source, concurrency) => tallyStream(parallel(source, {concurrency})),
}
