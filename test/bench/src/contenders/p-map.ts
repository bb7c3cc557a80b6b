import pMap, {pMapIterable} from 'p-map'
import {type Contender, tallyArray, tallyStream} from './contender.js'

export const map: Contender = {
  id: 'p-map',
  kind: 'peer',
  package: 'p-map',
  call: 'pMap',
  takes: 'any source',
  run: async (source, concurrency) => tallyArray(await pMap(source, (task) => task(), {concurrency})),
}

export const mapIterable: Contender = {
  id: 'pMapIterable',
  kind: 'peer',
  package: 'p-map',
  call: 'pMapIterable',
  streams: true,
  takes: 'any source',
  run: (source, concurrency) => tallyStream(pMapIterable(source, (task) => task(), {concurrency})),
}
