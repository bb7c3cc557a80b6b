/** The versions of all that is measured, as installed. */
import {readFileSync} from 'node:fs'
import type {Contender} from './contenders/index.js'

export function version(name: string): string {
  const place = name === 'aio-tasks' ? '../../../package.json' : `../node_modules/${name}/package.json`
  const text = readFileSync(new URL(place, import.meta.url), 'utf8')
  return (JSON.parse(text) as {version: string}).version
}

/** What stands before a contender's row. */
export function label(contender: Contender): string {
  if (contender.kind === 'floor') return contender.call
  if (contender.package === undefined) return `Node ${process.versions.node} ${contender.call}`
  return `${contender.package} ${version(contender.package)} ${contender.call}`
}
