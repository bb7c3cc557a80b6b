/** The engine of `examples/engine.ts` passes the suite. */
import {MemoryQueue} from '../../examples/engine.js'
import {testEngine} from '../engine.js'

testEngine('in memory', () => {
  const queue = new MemoryQueue()
  queue.lease = 300
  return {
    producer: () => queue.producer(),
    worker: () => queue.worker(),
    lose: () => new Promise((resolve) => setTimeout(resolve, 400)), // no worker of the suite sends a sign of life
  }
})
