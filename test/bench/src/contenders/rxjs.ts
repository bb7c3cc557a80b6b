import {from, mergeMap} from 'rxjs'
import type {Contender} from './contender.js'

export const rxMergeMap: Contender = {
  id: 'rxjs',
  kind: 'peer',
  package: 'rxjs',
  call: 'mergeMap',
  streams: true,
  takes: 'any source',
  run: (source, limit) =>
    new Promise((resolve, reject) => {
      let count = 0
      let sum = 0
      from(source)
        .pipe(mergeMap((task) => task(), limit))
        .subscribe({
          next: (result) => {
            count++
            sum += result
          },
          error: reject,
          complete: () => resolve({count, sum}),
        })
    }),
}
