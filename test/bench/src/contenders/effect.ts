import {Effect, Stream} from 'effect'
import type {Task} from '../work.js'
import {type Contender, isAsync} from './contender.js'

export const effectStream: Contender = {
  id: 'effect',
  kind: 'peer',
  package: 'effect',
  call: 'Stream.mapEffect',
  streams: true,
  takes: 'any source',
  run: async (source, concurrency) => {
    let count = 0
    const tasks: Stream.Stream<Task, unknown> = isAsync(source)
      ? Stream.fromAsyncIterable(source, (error) => error)
      : Stream.fromIterable(source)
    const sum = await tasks.pipe(
      Stream.mapEffect((task) => Effect.promise(task), {concurrency, unordered: true}),
      Stream.runFold(
        () => 0,
        (total, result) => {
          count++
          return total + result
        },
      ),
      Effect.runPromise,
    )
    return {count, sum}
  },
}
