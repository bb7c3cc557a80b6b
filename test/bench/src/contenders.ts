/** Everybody who takes part: floors, aio-tasks and its peers. */
import {readFileSync} from 'node:fs'
import type {Contender} from './contender.js'
import {ours} from './ours.js'
import {peers} from './peers.js'
import type {Tally, Task} from './work.js'

/** The pool that everybody writes by hand: workers that share one iterator. */
async function loop(tasks: IterableIterator<Task>, limit: number): Promise<Tally> {
  let count = 0
  let sum = 0
  const worker = async (): Promise<void> => {
    for (let next = tasks.next(); !next.done; next = tasks.next()) {
      const result = await next.value()
      count++
      sum += result
    }
  }
  await Promise.all(Array.from({length: limit}, worker))
  return {count, sum}
}

async function loopMap(
  items: number[],
  mapper: (item: number) => Promise<number>,
  limit: number,
): Promise<readonly number[]> {
  const results: number[] = []
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await mapper(item)
  }
  await Promise.all(Array.from({length: limit}, worker))
  return results
}

const floors: readonly Contender[] = [
  {
    id: 'nothing',
    kind: 'floor',
    call: 'nothing: pulls the tasks, calls none',
    run: async () => async (tasks) => {
      let count = 0
      for (const task of tasks) if (typeof task === 'function') count++
      return {count}
    },
  },
  {
    id: 'sequential',
    kind: 'floor',
    call: 'one by one: await task()',
    run: async () => async (tasks) => {
      let [count, sum] = [0, 0]
      for (const task of tasks) {
        sum += await task()
        count++
      }
      return {count, sum}
    },
  },
  {
    id: 'loop',
    kind: 'floor',
    call: 'loop: workers share an iterator',
    run: async () => loop,
    map: async () => loopMap,
  },
]

export const contenders: readonly Contender[] = [
  ...floors,
  ...Array.from(ours, (each) => ({...each, kind: 'ours' as const, package: 'aio-tasks'})),
  ...Array.from(peers, (each) => ({package: each.id, ...each, kind: 'peer' as const})),
]

/** @throws Error that names all contenders, if there is none with that id. */
export function contender(id: string): Contender {
  const found = contenders.find((other) => other.id === id)
  if (found === undefined)
    throw new Error(`There is no contender '${id}', but ${contenders.map((each) => each.id).join(', ')}`)
  return found
}

/** What stands before a contender's figures. */
export function label({package: name, call}: Contender): string {
  return name === undefined ? call : `${name} ${version(name)} ${call}`
}

/** The version of a package, as installed. */
export function version(name: string): string {
  if (name === 'node') return process.versions.node
  const place = name === 'aio-tasks' ? '../../../package.json' : `../node_modules/${name}/package.json`
  return (JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {version: string}).version
}
