import pLimit from 'p-limit'
import {type Contender, tallyPushed} from './contender.js'

export const limited: Contender = {
  id: 'p-limit',
  kind: 'peer',
  package: 'p-limit',
  call: 'limit',
  takes: 'pushes',
  run: (source, concurrency) => tallyPushed(source, pLimit(concurrency)),
}
