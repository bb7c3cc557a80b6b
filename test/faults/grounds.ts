/** A server with an engine, and the faults that can be caused in it. */
import {Redis} from 'ioredis'
import {Client} from 'pg'
import {Proxy} from '../bullmq/helpers/proxy.js'
import {PostgresServer} from '../engines/postgres.js'
import {RedisServer} from '../engines/redis.js'

export interface Ground {
  readonly engine: 'bullmq' | 'pg-boss'
  readonly port: number
  up(): Promise<void>
  end(): Promise<void>
  /** Kills the server, and starts it again. */
  restart(ms: number): Promise<void>
  /** Refuses writes, until it is called with `false`. */
  refuse(isRefusing: boolean): Promise<void>
  /** Deletes the events that would tell producers about results. */
  loseNews(queue: string): Promise<void>
  /** Kills the server, deletes the end of the data that it has written, and starts it again. */
  cut?(bytes: number): Promise<void>
  /** How many jobs of the queue wait. */
  waiting(queue: string): Promise<number>
}

export class RedisGround implements Ground {
  readonly engine = 'bullmq'
  readonly #server = new RedisServer()
  #client: Redis | undefined

  get port(): number {
    return this.#server.port
  }

  async up(): Promise<void> {
    await this.#server.up()
    this.#client = new Redis({...this.#server.connection, maxRetriesPerRequest: null})
    this.#client.on('error', () => {})
  }

  async end(): Promise<void> {
    this.#client?.disconnect()
    await this.#server.end()
  }

  restart(ms: number): Promise<void> {
    return this.#server.restart(ms)
  }

  async refuse(isRefusing: boolean): Promise<void> {
    await this.#client?.config('SET', 'maxmemory', isRefusing ? '1' : '0')
  }

  async loseNews(queue: string): Promise<void> {
    for (let each = 0; each < 200; each++) await this.#client?.xtrim(`bull:${queue}:events`, 'MAXLEN', 0)
  }

  async cut(bytes: number): Promise<void> {
    await this.#server.kill()
    this.#server.cut(bytes)
    await this.#server.up()
  }

  async waiting(queue: string): Promise<number> {
    return (await this.#client?.llen(`bull:${queue}:wait`)) ?? 0
  }
}

export class PostgresGround implements Ground {
  readonly engine = 'pg-boss'
  readonly #server = new PostgresServer()

  get port(): number {
    return this.#server.port
  }

  up(): Promise<void> {
    return this.#server.up()
  }

  end(): Promise<void> {
    return this.#server.end()
  }

  restart(ms: number): Promise<void> {
    return this.#server.restart(ms)
  }

  async refuse(isRefusing: boolean): Promise<void> {
    await this.#ask(`ALTER SYSTEM SET default_transaction_read_only = ${isRefusing ? 'on' : 'off'}`)
    await this.#ask('SELECT pg_reload_conf()')
  }

  async loseNews(): Promise<void> {
    const mine = "query LIKE 'LISTEN%' OR query LIKE '%pg_listening_channels%'"
    await this.#ask(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (${mine}) AND pid <> pg_backend_pid()`,
    )
  }

  async waiting(queue: string): Promise<number> {
    const text = "SELECT count(*)::int FROM pgboss.job WHERE name = $1 AND state IN ('created', 'retry')"
    return Number((await this.#ask(text, [queue]))[0]?.['count'])
  }

  async #ask(text: string, values: unknown[] = []): Promise<Array<Record<string, unknown>>> {
    const client = new Client({connectionString: this.#server.url})
    client.on('error', () => {})
    await client.connect()
    await client.query('SET default_transaction_read_only = off')
    const {rows} = await client.query(text, values)
    await client.end()
    return rows
  }
}

/** A proxy in front of a ground, and the function that ends it. */
export async function proxyBefore({port}: Ground): Promise<{proxy: Proxy; port: number; end(): void}> {
  const ends: Array<() => unknown> = []
  const proxy = new Proxy({teardown: (end) => void ends.push(end)}, {host: '127.0.0.1', port})
  const connection = await proxy.listening()
  return {proxy, port: connection.port, end: () => ends.forEach((end) => void end())}
}
