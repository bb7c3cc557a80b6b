/** What each entry adds to a web page, minified and compressed, without its dependencies, is within its budget. */
import assert from 'node:assert/strict'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {transform} from 'esbuild'
import {entries} from '../../.config/entries.js'
import type {Check} from './project.js'

/** In bytes. A budget that is exceeded is raised in the commit that exceeds it, which says what for. */
const budgets: Readonly<Record<string, number>> = {
  'aio-tasks': 24_100,
  'aio-tasks/bullmq': 6000,
  'aio-tasks/governors': 6100,
  'aio-tasks/pg-boss': 4700,
  'aio-tasks/remote': 7600,
}

export const sizes: Check = ({folder}) =>
  Promise.all(
    entries.map(async ({name, output}) => {
      const code = readFileSync(join(folder, 'node_modules/aio-tasks/dist', output, 'index.js'), 'utf8')
      const {code: minified} = await transform(code, {minify: true, format: 'esm'})
      const size = gzipSync(minified, {level: 9}).length
      const budget = budgets[name]
      assert(budget !== undefined, `${name} has a budget`)
      assert(size <= budget, `${name} has ${size} bytes, and its budget is ${budget}`)
      return `${name}: ${size} bytes minified and compressed, of ${budget}`
    }),
  )
