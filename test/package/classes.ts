/** No class exists twice: an entry imports it from the one that exports it, or `instanceof` would fail between them. */
import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {entries} from '../../.config/entries.js'
import type {Check} from './project.js'

export const classes: Check = ({folder}) => {
  const owners = new Map<string, string>()
  for (const {name, output} of entries) {
    const code = readFileSync(join(folder, 'node_modules/aio-tasks/dist', output, 'index.js'), 'utf8')
    for (const [, own = ''] of code.matchAll(/^(?:var|const|let) (\w+) = class\b/gm)) {
      assert(!owners.has(own), `${own} is in ${name}, and in ${owners.get(own)}`)
      owners.set(own, name)
    }
  }
  for (const own of ['ConcurrentRunner', 'ConcurrentError', 'TaskQueue']) assert.equal(owners.get(own), 'aio-tasks')
  return [`${owners.size} classes, each in one entry`]
}
