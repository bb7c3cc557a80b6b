/**
 * Runs the tests that need a PostgreSQL, by `npm run test:remote`. Without a PostgreSQL it runs no test, says so,
 * and exits with status 77, which by convention means skipped: neither passed nor failed.
 */
import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {postgresFolder} from '../engines/postgres.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

if (postgresFolder() === undefined) {
  console.error('SKIPPED: no test has run. They need PostgreSQL, as of Debian’s package postgresql.')
  process.exit(77)
}
const ava = ['node_modules/ava/entrypoints/cli.mjs', '--config', 'test/pg-boss/ava.config.js', ...process.argv.slice(2)]
const {status, signal} = spawnSync(process.execPath, ava, {cwd: root, stdio: 'inherit'})
process.exit(status ?? (signal === null ? 1 : 128))
