/** The event of the queue's stream that carries a line of a job's log to its producer: BullMQ has none. */
export const logEvent = 'aio-tasks:log' as const
