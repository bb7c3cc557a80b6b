import {transform} from 'streaming-iterables'
import type {Task} from '../work.js'
import {type Contender, tallyStream} from './contender.js'

export const streamingIterables: Contender = {
  id: 'streaming-iterables',
  kind: 'peer',
  package: 'streaming-iterables',
  call: 'transform',
  streams: true,
  takes: 'any source',
  run: (source, limit) => tallyStream(transform(limit, (task: Task) => task(), source)),
}
