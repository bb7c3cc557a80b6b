import {type IterableCollection, mapLimit} from 'async'
import type {Task, TaskSource} from '../work.js'
import {type Contender, tallyArray} from './contender.js'

/** Its types do not know of asynchronous sources yet, and not that it returns a promise for them. */
const collection = (source: TaskSource): IterableCollection<Task> => source as IterableCollection<Task>

export const asyncMapLimit: Contender = {
  id: 'async',
  kind: 'peer',
  package: 'async',
  call: 'mapLimit',
  takes: 'any source',
  // It tells an async function from one with a callback by its kind, so it must be one.
  run: async (source, limit) =>
    tallyArray(await mapLimit<Task, number>(collection(source), limit, async (task: Task) => task())),
}
