import PQueue from 'p-queue'
import {type Contender, tallyPushed} from './contender.js'

export const pQueue: Contender = {
  id: 'p-queue',
  kind: 'peer',
  package: 'p-queue',
  call: 'add',
  takes: 'pushes',
  run: (source, concurrency) => {
    const queue = new PQueue({concurrency})
    return tallyPushed(source, (task) => queue.add(task))
  },
}
