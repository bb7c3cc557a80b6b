/** Checks the producer's options that all engines share, once, and fills in the defaults. */
import {checkOptionalFunction, checkOptions, checkString} from '../checks.js'
import {checkDelay} from './checks.js'
import type {RemoteOptions, RemoteProgress} from './types.js'

/** The names of a producer's options that all engines share. */
export const remoteOptions: readonly string[] = ['jobId', 'run', 'checkInterval', 'timeout', 'onProgress', 'onError']

/** A producer's options with every default filled in. */
export interface ResolvedRemote<D> {
  readonly jobId: (data: D, index: number) => string
  readonly checkInterval: number
  /** `undefined`: no limit on the time until a result. */
  readonly timeout: number | undefined
  readonly onProgress: ((progress: RemoteProgress<D>) => void) | undefined
  readonly onError: (error: Error) => void
}

/** Throws a `TypeError` or `RangeError` that names the option, the expected value and the given value. */
export function resolveRemote<D>(options: RemoteOptions<D>): ResolvedRemote<D> {
  checkOptions(options, remoteOptions)
  const {jobId, run, checkInterval = 5000, timeout = Infinity, onProgress, onError} = options
  checkOptionalFunction('onProgress', onProgress)
  checkOptionalFunction('onError', onError)
  return {
    jobId: idMaker(jobId, run) ?? (() => crypto.randomUUID()),
    checkInterval: checkDelay('checkInterval', checkInterval),
    timeout: timeout === Infinity ? undefined : checkDelay('timeout', timeout, ', or Infinity for none'),
    onProgress,
    onError: onError ?? console.error,
  }
}

/** The function that makes the ids of jobs, as `jobId` or `run` says; `undefined` if neither is given. */
export function idMaker<D>(
  jobId: ((data: D, index: number) => string) | undefined,
  run: string | undefined,
): ((data: D, index: number) => string) | undefined {
  checkOptionalFunction('jobId', jobId)
  if (run !== undefined) checkNotEmpty('run', run)
  if (run !== undefined && jobId !== undefined)
    throw new TypeError('run and jobId must not both be given: each says what the ids of the jobs are')
  if (jobId !== undefined) return (data, index) => checkNotEmpty('jobId must give an id: it', jobId(data, index))
  return run === undefined ? undefined : (_, index) => `${run}-${index}`
}

function checkNotEmpty(name: string, value: string): string {
  return checkString(name, value, 'a string that is not empty', () => value !== '')
}
