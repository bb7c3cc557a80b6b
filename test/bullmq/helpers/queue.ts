/** A queue of the test's own, seen from outside by BullMQ itself. */
import {Queue} from 'bullmq'
import type {RedisServer} from './redis.js'

let count = 0

export function queueOf(t: {teardown(fn: () => unknown): void}, redis: RedisServer): Queue {
  // It writes no settings of a queue, which would come before or after those of the sides that are tested.
  const queue = new Queue(`queue-${process.pid}-${count++}`, {connection: redis.connection, skipMetasUpdate: true})
  queue.on('error', () => {})
  t.teardown(() => queue.close())
  return queue
}

/** The jobs in each state, without empty states. */
export async function countsOf(queue: Queue): Promise<Record<string, number>> {
  const counts = await queue.getJobCounts()
  return Object.fromEntries(Object.entries(counts).filter(([, number]) => number > 0))
}

/** Waits until a condition holds; the test's timeout ends the wait. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** The numbers from 0. */
export function range(length: number): number[] {
  return Array.from({length}, (_, index) => index)
}
