/** Checks the options for pg-boss, once, and fills in the defaults. */

import type {PgBoss, QueueOptions} from 'pg-boss'
import {checkMethods, checkObject, checkString, describe} from '../checks.js'
import {checkDelay} from '../remote/checks.js'
import type {QueueLocation} from './types.js'

/** A queue's options with every default filled in. */
export interface ResolvedQueue {
  readonly boss: PgBoss
  readonly queue: string
  readonly schema: string
  readonly queueOptions: QueueOptions
  readonly pollInterval: number
  readonly notify: boolean
}

/** A job whose worker has died is found within a minute or two, and results are kept for a day. */
const defaultQueueOptions: QueueOptions = {heartbeatSeconds: 30, deleteAfterSeconds: 86_400}

/** The names of the options of both sides. */
export const placeOptions: readonly string[] = ['boss', 'schema', 'queueOptions', 'pollInterval', 'notify']

/** Throws a `TypeError` or `RangeError` that names the option, the expected value and the given value. */
export function resolveQueue(queue: string, options: QueueLocation): ResolvedQueue {
  checkObject('options', options)
  const {boss, schema = 'pgboss', queueOptions = {}, pollInterval = 1000, notify = true} = options
  checkMethods('boss', boss, ['fetch', 'insert', 'getDb'])
  checkObject('queueOptions', queueOptions)
  if (typeof notify !== 'boolean') throw new TypeError(`notify must be true or false; got ${describe(notify)}`)
  return {
    boss,
    queue: checkString('queue', queue, 'a string that is not empty', (value) => value !== ''),
    schema: checkString('schema', schema, 'a name of letters, digits and _', (value) => /^[a-z_]\w*$/i.test(value)),
    queueOptions: {...defaultQueueOptions, ...queueOptions},
    pollInterval: checkDelay('pollInterval', pollInterval),
    notify,
  }
}
