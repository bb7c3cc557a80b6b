/** BullMQ as the built library finds it: both sides of a comparison are to run the same code. */
import {createRequire} from 'node:module'
import type * as BullMQ from 'bullmq'

const require = createRequire(new URL('../../../../dist/bullmq/index.js', import.meta.url))

export const {Queue, QueueEvents, Worker} = require('bullmq') as typeof BullMQ
export const {version} = require('bullmq/package.json') as {version: string}
