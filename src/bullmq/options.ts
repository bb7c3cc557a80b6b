/** Checks the options for BullMQ, once, and fills in the defaults. */

import type {ConnectionOptions, Telemetry} from 'bullmq'
import {
  checkFunction,
  checkObject,
  checkOptionalFunction,
  checkOptions,
  checkSignal,
  checkString,
  describe,
} from '../checks.js'
import {remoteOptions} from '../remote/options.js'
import type {
  QueueLocation,
  RemoteJobOptions,
  RemoteTasksOptions,
  RemoteWorkerOptions,
  WorkerTasksOptions,
} from './types.js'

/** The names of the options of both sides. */
const placeOptions = ['connection', 'prefix', 'eventsLength', 'onError']

/** The options of both sides, with the defaults filled in. */
interface Place {
  readonly queueName: string
  readonly connection: ConnectionOptions | string
  /** Empty for BullMQ's default. */
  readonly prefix: {readonly prefix?: string}
  readonly onError: ((error: Error) => void) | undefined
  /** `undefined`: keeps the length that the queue has. */
  readonly eventsLength: number | undefined
}

export interface ResolvedRemoteQueue<D> extends Place {
  readonly name: string
  readonly jobOptions: (data: D, index: number) => RemoteJobOptions
  readonly telemetry: Telemetry | undefined
}

export interface ResolvedWorker extends Place {
  readonly workerOptions: RemoteWorkerOptions
}

/** Results must be kept until the look at jobs without news, and must not fill Redis. Ages in seconds. */
const defaultRetention: RemoteJobOptions = {
  removeOnComplete: {age: 3600, count: 10_000},
  removeOnFail: {age: 86_400},
}

/** Throws a `TypeError` or `RangeError` that names the option, the expected value and the given value. */
export function resolveRemoteQueue<D>(options: RemoteTasksOptions<D>): ResolvedRemoteQueue<D> {
  checkOptions(options, [...placeOptions, ...remoteOptions, 'queue', 'name', 'jobOptions', 'telemetry'])
  const {name = 'task', jobOptions = {}, telemetry, queue} = options
  if (typeof jobOptions !== 'function') checkJobOptions(jobOptions)
  if (telemetry !== undefined) checkObject('telemetry', telemetry)
  return {
    ...resolvePlace(queue, options),
    name: checkString('name', name, 'a string that is not empty', (value) => value !== ''),
    jobOptions:
      typeof jobOptions === 'function'
        ? (data, index) => ({...defaultRetention, ...checkJobOptions(jobOptions(data, index))})
        : constant({...defaultRetention, ...jobOptions}),
    telemetry,
  }
}

/** Throws a `TypeError` or `RangeError` that names the option, the expected value and the given value. */
export function resolveWorker(queue: string, options: WorkerTasksOptions): ResolvedWorker {
  checkObject('options', options)
  const {workerOptions = {}, signal} = options
  checkOwn('workerOptions', workerOptions, {
    connection: 'give connection itself',
    concurrency: "it is the runner's limit",
    prefix: 'give prefix itself',
    autorun: 'the source starts the worker',
  })
  checkOwn('options', options, {concurrency: "it is the runner's limit"})
  checkOptions(options, [...placeOptions, 'signal', 'workerOptions'])
  checkSignal('signal', signal)
  return {...resolvePlace(queue, options), workerOptions}
}

/** The user's function `jobId`, or the function that makes the ids of a named run, with BullMQ's own rules checked. */
export function checkedJobId<D>(
  jobId: ((data: D, index: number) => string) | undefined,
): ((data: D, index: number) => string) | undefined {
  if (jobId === undefined) return undefined
  checkFunction('jobId', jobId)
  return (data, index) => checkJobId(jobId(data, index))
}

/** BullMQ takes no `:` in an id. */
export function checkRun(run: string | undefined): void {
  const isRun = (value: string): boolean => value !== '' && !value.includes(':')
  if (run !== undefined) checkString('run', run, "a string that is not empty and has no ':'", isRun)
}

function resolvePlace(queue: string, options: QueueLocation): Place {
  const {connection, prefix, onError, eventsLength} = options
  if (typeof connection !== 'string') checkObject('connection', connection)
  else if (!/^rediss?:\/\//.test(connection) || !URL.canParse(connection))
    throw new TypeError('connection must be an object or a URL that begins with redis:// or rediss://') // and may hold a password
  checkOptionalFunction('onError', onError)
  const isQueue = (value: string): boolean => value !== '' && !value.includes(':')
  return {
    queueName: checkString('queue', queue, "a string that is not empty and has no ':'", isQueue),
    connection,
    prefix: prefix === undefined ? {} : {prefix: checkString('prefix', prefix, 'a string', () => true)},
    onError,
    eventsLength: eventsLength === undefined ? undefined : checkEventsLength(eventsLength),
  }
}

function checkEventsLength(length: number): number {
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 1)
    throw new RangeError(`eventsLength must be an integer >= 1; got ${describe(length)}`)
  return length
}

function checkJobId(id: string): string {
  const isId = (value: string): boolean => value !== '' && !value.includes(':') && !/^(0|-?[1-9]\d*)$/.test(value)
  return checkString('jobId must give an id: it', id, "a string that is not empty, no integer, and has no ':'", isId)
}

function checkJobOptions(options: RemoteJobOptions): RemoteJobOptions {
  return checkOwn('jobOptions', options, {
    jobId: 'give jobId itself',
    deduplication: 'a job must run under its own id, which jobId gives',
    repeat: 'a job must run once',
    parent: 'a job must stand alone',
  })
}

/** Refuses options that the source sets itself: BullMQ would accept them, and the source would not work. */
function checkOwn<O extends object>(name: string, options: O, refused: Readonly<Record<string, string>>): O {
  checkObject(name, options)
  for (const [key, why] of Object.entries(refused))
    if ((options as Readonly<Record<string, unknown>>)[key] !== undefined)
      throw new TypeError(`${name} must have no ${key}: ${why}`)
  return options
}

function constant<V>(value: V): () => V {
  return () => value
}
