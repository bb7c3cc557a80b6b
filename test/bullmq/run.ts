/**
 * Runs the tests that need a Redis, by `npm run test:remote`. Without a `redis-server` it runs no test, says
 * so, and exits with status 77, which by convention means skipped: neither passed nor failed.
 */
import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

if (spawnSync('redis-server', ['--version']).error !== undefined) {
  console.error('SKIPPED: no test has run. They need redis-server on the PATH, as of Debian’s package redis-server.')
  process.exit(77)
}
const ava = ['node_modules/ava/entrypoints/cli.mjs', '--config', 'test/bullmq/ava.config.js', ...process.argv.slice(2)]
const {status, signal} = spawnSync(process.execPath, ava, {cwd: root, stdio: 'inherit'})
process.exit(status ?? (signal === null ? 1 : 128))
