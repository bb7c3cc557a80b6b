/**
 * Bull Board for the queue of this folder, on http://127.0.0.1:3000: `npx tsx examples/cluster/board.ts`. It finds Redis
 * as the other programs do, by REDIS_HOST and REDIS_PORT; another PORT is for the board itself.
 */
import type {AddressInfo} from 'node:net'
import {createBullBoard} from '@bull-board/api'
import {BullMQAdapter} from '@bull-board/api/bullMQAdapter'
import {ExpressAdapter} from '@bull-board/express'
import {Queue} from 'bullmq'
import express from 'express'
import {connection, onError} from './redis.js'

const port = Number(process.env['PORT'] ?? 3000)
const queue = new Queue('checksums', {connection})
queue.on('error', onError)
const adapter = new ExpressAdapter()
createBullBoard({queues: [new BullMQAdapter(queue)], serverAdapter: adapter})
const server = express()
  .use(adapter.getRouter())
  .listen(port, '127.0.0.1', () =>
    console.error(`Bull Board is on http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  )
const stop = (): void => void server.close(() => void queue.close())
process.once('SIGINT', stop).once('SIGTERM', stop)
