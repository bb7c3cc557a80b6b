/** A TCP proxy whose connections can die silently, as behind a NAT or a load balancer that has forgotten them. */
import {once} from 'node:events'
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net'

export class Proxy {
  readonly #server: Server
  readonly #links = new Set<Socket>()

  /** Ends with its test. It is ready after `listening()`. */
  constructor(t: {teardown(fn: () => unknown): void}, target: {readonly host: string; readonly port: number}) {
    this.#server = createServer((client) => {
      const upstream = connect(target)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#links.add(from)
        from.on('data', (chunk) => this.#links.has(from) && to.write(chunk))
        from.on('error', () => to.destroy())
        from.on('close', () => this.#links.has(from) && to.destroy())
      }
    })
    t.teardown(() => {
      this.#server.close()
      for (const link of this.#all) link.destroy()
    })
    this.#server.on('connection', (socket) => this.#all.add(socket))
  }

  readonly #all = new Set<Socket>()

  /** The value for the option `connection`. */
  async listening(): Promise<{host: string; port: number; retryStrategy: () => number}> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return {host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, retryStrategy: () => 100}
  }

  /** From now on, the existing connections pass nothing on, and are not closed. New connections work. */
  goSilent(): number {
    const {size} = this.#links
    this.#links.clear()
    return size / 2
  }
}
