/** What the figures were taken on. */
import {cpus, loadavg, release, totalmem, type} from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  /** The load of the minute before, which should be near 0. */
  readonly load: number
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${type()} ${release()} ${process.arch}`,
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}
