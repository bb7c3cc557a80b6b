/** Starts a PostgreSQL for each test file that needs one. */
import ava from 'ava'
import type {PgBoss} from 'pg-boss'
import {PostgresServer, startBoss} from '../engines/postgres.js'

interface Teardown {
  teardown(fn: () => unknown): void
}

let count = 0

export function usePostgres(): {
  server: PostgresServer
  bossOf: (t: Teardown) => Promise<PgBoss>
  queueName: () => string
} {
  const server = new PostgresServer()
  ava.before('a PostgreSQL starts', () => server.up())
  ava.after.always('the PostgreSQL ends', () => server.end())
  return {
    server,
    /** An instance of pg-boss that ends with its test. */
    bossOf: async (t) => {
      const boss = await startBoss(server.url)
      t.teardown(() => boss.stop({graceful: false}))
      return boss
    },
    queueName: () => `queue-${count++}`,
  }
}
