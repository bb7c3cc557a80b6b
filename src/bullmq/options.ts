/** Checks what the caller gave, once, and fills in the defaults. */
import type {ConnectionOptions} from 'bullmq'
import {describe} from '../errors.js'
import {checkFunction, checkNumber, checkObject, checkSignal, defaultLimit, isCount, longestDelay} from '../options.js'
import type {
  PlaceOptions,
  RemoteJobOptions,
  RemoteTasksOptions,
  RemoteWorkerOptions,
  WorkerTasksOptions,
} from './types.js'

/** Of both sides, with the defaults filled in. */
interface Place {
  readonly queue: string
  readonly connection: ConnectionOptions
  /** Empty for BullMQ's default. */
  readonly prefix: {readonly prefix?: string}
  readonly onError: ((error: Error) => void) | undefined
}

export interface ResolvedRemote<D> extends Place {
  readonly name: string
  readonly jobOptions: (data: D, index: number) => RemoteJobOptions
  readonly jobId: (data: D, index: number) => string
  readonly checkInterval: number
  /** `undefined`: a result may take as long as it likes. */
  readonly timeout: number | undefined
}

export interface ResolvedWorker extends Place {
  readonly concurrency: number
  readonly signal: AbortSignal | undefined
  readonly workerOptions: RemoteWorkerOptions
}

/** Results outlive the looks at jobs that no event has told of, and do not fill Redis. Ages in seconds. */
const kept: RemoteJobOptions = {removeOnComplete: {age: 3600, count: 10_000}, removeOnFail: {age: 86_400}}

/** Throws a `TypeError` or `RangeError` that names the option, what was expected and what came. */
export function resolveRemote<D>(options: RemoteTasksOptions<D>): ResolvedRemote<D> {
  checkObject('options', options)
  const {name = 'task', jobOptions = {}, checkInterval = 5000, timeout = Infinity, jobId, queue} = options
  if (jobId !== undefined) checkFunction('jobId', jobId)
  if (typeof jobOptions !== 'function') checkJobOptions(jobOptions)
  return {
    ...resolvePlace(queue, options),
    name: checkString('name', name, 'a string that is not empty', (value) => value !== ''),
    jobOptions:
      typeof jobOptions === 'function'
        ? (data, index) => ({...kept, ...checkJobOptions(jobOptions(data, index))})
        : constant({...kept, ...jobOptions}),
    jobId: jobId === undefined ? () => crypto.randomUUID() : (data, index) => checkJobId(jobId(data, index)),
    checkInterval: checkDelay('checkInterval', checkInterval),
    timeout: timeout === Infinity ? undefined : checkDelay('timeout', timeout, ', or Infinity for none'),
  }
}

/** Throws a `TypeError` or `RangeError` that names the option, what was expected and what came. */
export function resolveWorker(queue: string, options: WorkerTasksOptions): ResolvedWorker {
  checkObject('options', options)
  const {concurrency = defaultLimit(), workerOptions = {}, signal} = options
  checkOwn('workerOptions', workerOptions, {
    connection: 'give connection itself',
    concurrency: 'give concurrency itself',
    prefix: 'give prefix itself',
    autorun: 'the source starts the worker',
  })
  return {
    ...resolvePlace(queue, options),
    concurrency: checkNumber('concurrency', concurrency, 'an integer ≥ 1', (value) => isCount(value, 1)),
    signal: checkSignal('signal', signal),
    workerOptions,
  }
}

function resolvePlace(queue: string, options: PlaceOptions): Place {
  const {connection, prefix, onError} = options
  checkObject('connection', connection)
  if (onError !== undefined) checkFunction('onError', onError)
  const isQueue = (value: string): boolean => value !== '' && !value.includes(':')
  return {
    queue: checkString('queue', queue, "a string that is not empty and has no ':'", isQueue),
    connection,
    prefix: prefix === undefined ? {} : {prefix: checkString('prefix', prefix, 'a string', () => true)},
    onError,
  }
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

/** Refuses what would be another's: BullMQ would take it, and something here would not work. */
function checkOwn<O extends object>(name: string, options: O, refused: Readonly<Record<string, string>>): O {
  checkObject(name, options)
  for (const [key, why] of Object.entries(refused))
    if ((options as Readonly<Record<string, unknown>>)[key] !== undefined)
      throw new TypeError(`${name} must have no ${key}: ${why}`)
  return options
}

function checkDelay(name: string, ms: number, orElse = ''): number {
  const expected = `a number of milliseconds > 0 and ≤ ${longestDelay}${orElse}`
  return checkNumber(name, ms, expected, (value) => value > 0 && value <= longestDelay)
}

function checkString(name: string, value: string, expected: string, fits: (value: string) => boolean): string {
  if (typeof value !== 'string') throw new TypeError(`${name} must be ${expected}; got ${describe(value)}`)
  if (!fits(value)) throw new RangeError(`${name} must be ${expected}; got ${describe(value)}`)
  return value
}

function constant<V>(value: V): () => V {
  return () => value
}
