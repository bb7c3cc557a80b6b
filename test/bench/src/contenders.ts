/** Everybody who takes part: floors, aio-tasks and its peers. */
import {readFileSync} from 'node:fs'
import type {Contender, MapAll, Run} from './contender.js'
import {ours} from './ours.js'
import {peers} from './peers.js'

const nothing: Run = async (tasks) => {
  let count = 0
  for (const task of tasks) if (typeof task === 'function') count++
  return {count}
}

const sequential: Run = async (tasks) => {
  let [count, sum] = [0, 0]
  for (const task of tasks) {
    sum += await task()
    count++
  }
  return {count, sum}
}

/** The pool that everybody writes by hand: workers that share one iterator. */
const loop: Run = async (tasks, limit) => {
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

const loopMap: MapAll = async (items, mapper, limit) => {
  const results: number[] = []
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await mapper(item)
  }
  await Promise.all(Array.from({length: limit}, worker))
  return results
}

export const contenders: readonly Contender[] = [
  {id: 'nothing', kind: 'floor', call: 'nothing: pulls the tasks, calls none', run: async () => nothing},
  {id: 'sequential', kind: 'floor', call: 'one by one: await task()', run: async () => sequential},
  {id: 'loop', kind: 'floor', call: 'loop: workers share an iterator', run: async () => loop, map: async () => loopMap},
  ...ours,
  ...peers,
]

/** @throws Error that names all contenders, if there is none with that id. */
export function contender(id: string): Contender {
  const found = contenders.find((other) => other.id === id)
  if (found) return found
  throw new Error(`There is no contender '${id}', but ${contenders.map((each) => each.id).join(', ')}`)
}

/** What stands before a contender's figures. */
export function label({package: name, call}: Contender): string {
  return name === undefined ? call : `${name.replace('p-queue-9', 'p-queue')} ${version(name)} ${call}`
}

/** The version of a package, as installed. */
export function version(name: string): string {
  if (name === 'node') return process.versions.node
  const place = name === 'aio-tasks' ? '../../../package.json' : `../node_modules/${name}/package.json`
  return (JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {version: string}).version
}
