/** What the figures were taken on. */
import {cpus, loadavg, release, totalmem, type} from 'node:os'
import type {Report} from './report.js'

export function machine(): Report['machine'] {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${type()} ${release()} ${process.arch}`,
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}
