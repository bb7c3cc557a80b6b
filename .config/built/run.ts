/**
 * Runs the tests against what is built, by `npm run test:built`: all but those of the parts that no entry exports, and
 * of the sources' text. Arguments go to AVA.
 */
import {spawnSync} from 'node:child_process'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const preload = new URL('preload.js', import.meta.url).href
const args = process.argv.slice(2)
const all = ['test/**/*.test.ts', '!test/unit/**', '!test/architecture.test.ts', '!test/docs.test.ts']
const files = args.some((arg) => !arg.startsWith('-')) ? [] : all
const {status, signal} = spawnSync(
  process.execPath,
  [join(root, 'node_modules/ava/entrypoints/cli.mjs'), ...files, ...args],
  {
    cwd: root,
    env: {...process.env, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}`.trim()},
    stdio: 'inherit',
  },
)
process.exit(status ?? (signal === null ? 1 : 128))
