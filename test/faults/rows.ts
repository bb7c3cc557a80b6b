/** The faults: what happens to a run once a part of its results is there. */
import {setTimeout as sleep} from 'node:timers/promises'
import type {Row} from './round.js'

export const rows: readonly Row[] = [
  {
    name: 'kill -9 of a worker',
    strike: async (round) => {
      await round.workers[0]?.kill('SIGKILL')
    },
  },
  {
    name: 'SIGTERM to a worker, and a new one',
    strike: async (round) => {
      await Promise.all([round.workers[0]?.kill('SIGTERM'), round.addWorker()])
    },
  },
  {
    name: 'kill -9 of the server, and a restart',
    strike: async ({ground, random}) => ground.restart(random.integer(0, 500)),
  },
  {
    name: 'kill -9 of the server, three times',
    strike: async ({ground, random}) => {
      for (let each = 0; each < 3; each++) {
        await ground.restart(random.integer(0, 300))
        await sleep(random.integer(0, 700))
      }
    },
  },
  {
    name: 'kill -9 of the producer, started again under the same name',
    strike: async (round) => {
      await round.producer.kill('SIGKILL')
      await round.addProducer()
    },
  },
  {
    name: 'kill -9 of a worker and of the producer at once',
    strike: async (round) => {
      await Promise.all([round.workers[0]?.kill('SIGKILL'), round.producer.kill('SIGKILL')])
      await round.addProducer()
    },
  },
  {
    name: 'writes refused for two seconds',
    strike: async ({ground}) => {
      await ground.refuse(true)
      await sleep(2000)
      await ground.refuse(false)
    },
  },
  {name: 'notifications and events lost', strike: async ({ground, queue}) => ground.loseNews(queue)},
  {
    name: 'connections that die without a word',
    hasProxy: true,
    strike: async ({proxy}) => void proxy?.goSilent(),
  },
  {name: 'a worker that is blocked', hasBlockingJob: true, strike: async () => {}},
  {
    name: 'abort of the producer',
    isAborted: true,
    strike: async (round) => {
      await round.producer.kill('SIGTERM')
    },
  },
  {
    name: 'the end of what the server has written is lost',
    only: 'bullmq',
    strike: async ({ground, random}) => ground.cut?.(random.integer(20_000, 120_000)),
  },
]
