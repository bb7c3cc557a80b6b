import {Readable} from 'node:stream'
import type {Task} from '../work.js'
import {type Contender, tallyStream} from './contender.js'

export const readableMap: Contender = {
  id: 'Readable.map',
  kind: 'peer',
  call: 'Readable.map',
  streams: true,
  takes: 'any source',
  run: (source, concurrency) => tallyStream(Readable.from(source).map((task: Task) => task(), {concurrency})),
}
