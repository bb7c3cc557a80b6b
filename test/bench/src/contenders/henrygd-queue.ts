import {newQueue} from '@henrygd/queue'
import {type Contender, tallyPushed} from './contender.js'

export const henrygdQueue: Contender = {
  id: '@henrygd/queue',
  kind: 'peer',
  package: '@henrygd/queue',
  call: 'add',
  takes: 'pushes',
  run: (source, limit) => {
    const queue = newQueue(limit)
    return tallyPushed(source, (task) => queue.add(task))
  },
}
