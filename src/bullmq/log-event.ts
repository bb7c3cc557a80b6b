/**
 * The name of the event that carries a line of a job's log to its producer in the queue's stream: BullMQ has no such
 * event.
 */
export const logEvent = 'aio-tasks:log' as const
