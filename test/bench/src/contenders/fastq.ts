import {promise as fastqPromise} from 'fastq'
import type {Task} from '../work.js'
import {type Contender, tallyPushed} from './contender.js'

export const fastQueue: Contender = {
  id: 'fastq',
  kind: 'peer',
  package: 'fastq',
  call: 'promise().push',
  takes: 'pushes',
  run: (source, limit) => {
    const queue = fastqPromise<unknown, Task, number>((task) => task(), limit)
    return tallyPushed(source, (task) => queue.push(task))
  },
}
