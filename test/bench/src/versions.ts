/** The versions of all that is measured, as installed. */
import {readFileSync} from 'node:fs'

export function version(name: string): string {
  if (name === 'node') return process.versions.node
  const place = name === 'aio-tasks' ? '../../../package.json' : `../node_modules/${name}/package.json`
  const text = readFileSync(new URL(place, import.meta.url), 'utf8')
  return (JSON.parse(text) as {version: string}).version
}
