/** CommonJS with types: the compiler makes a `require()` of the import. */
import aio = require('aio-tasks')

async function main(): Promise<void> {
  const lengths: number[] = await aio.ConcurrentRunner.map(['all', 'is'], (word) => word.length).toArray()
  const queue: aio.TaskQueue = new aio.TaskQueue()
  if (lengths.length === 2 && queue.size === 0) console.log('all is well')
}

void main()
