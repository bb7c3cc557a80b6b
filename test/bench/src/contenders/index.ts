/** Everybody who takes part: two floors, aio-tasks, and its peers. */
import {asyncMapLimit} from './async.js'
import type {Contender} from './contender.js'
import {effectStream} from './effect.js'
import {fastQueue} from './fastq.js'
import {floors} from './floors.js'
import {henrygdQueue} from './henrygd-queue.js'
import {itParallel} from './it-parallel.js'
import {readableMap} from './node.js'
import {variants} from './ours.js'
import {limited} from './p-limit.js'
import {map, mapIterable} from './p-map.js'
import {pQueue} from './p-queue.js'
import {promisePool} from './promise-pool.js'
import {rxMergeMap} from './rxjs.js'
import {streamingIterables} from './streaming-iterables.js'

export {type Contender, obstacle} from './contender.js'

export const contenders: readonly Contender[] = [
  ...floors,
  ...variants,
  map,
  mapIterable,
  pQueue,
  limited,
  promisePool,
  asyncMapLimit,
  fastQueue,
  streamingIterables,
  itParallel,
  henrygdQueue,
  rxMergeMap,
  effectStream,
  readableMap,
]

export function contender(id: string): Contender {
  const found = contenders.find((other) => other.id === id)
  if (found === undefined) throw new Error(`There is no contender ${id}`)
  return found
}
