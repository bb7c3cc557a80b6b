/** Checks what the caller gave, once, and fills in the defaults. */
import {
  checkFunction,
  checkNumber,
  checkObject,
  checkOptions,
  checkSignal,
  describe,
  isCount,
  isThenable,
  longestDelay,
  nearestName,
} from './checks.js'
import {availableCores} from './platform/runtime.js'
import type {
  BatchOptions,
  Budget,
  Governor,
  GroupOptions,
  MapOptions,
  PushOptions,
  QueueOptions,
  QueueRunOptions,
  RetryFailure,
  RetryOptions,
  RoomOptions,
  RunnerOptions,
  StopOptions,
} from './types.js'

/** A run's options with every default filled in. */
export interface ResolvedOptions {
  readonly limit: number
  readonly yieldExceptions: boolean
  readonly ordered: boolean
  /** `undefined`: follow the limit. */
  readonly highWaterMark: number | undefined
  /** `undefined`: tasks may take as long as they like. */
  readonly timeout: number | undefined
  readonly releaseOnTimeout: boolean
  readonly signal: AbortSignal | undefined
  readonly governor: Governor | undefined
  readonly retry: RetryPolicy | undefined
  /** `undefined`: what the source says, or else 0. */
  readonly readAhead: number | undefined
}

/** The `retry` option with every default filled in. */
export interface RetryPolicy {
  readonly attempts: number
  readonly delay: number | ((failure: RetryFailure) => number | undefined) | undefined
  readonly when: ((failure: RetryFailure) => boolean) | undefined
  readonly budget: Budget | undefined
  /** `undefined`: the larger of the limit and 100. */
  readonly waiting: number | undefined
}

/**
 * The limit where none is given: `min(32, cores + 4)`, as in Python's `ThreadPoolExecutor` and
 * `aio.tasks`. For network work a lower one is often kinder, for waiting a higher one faster.
 *
 * @returns An integer from 5 to 32. Where the runtime does not tell its cores, they count as one.
 * @example
 * ```ts
 * const runner = concurrent(tasks, {limit: 2 * defaultLimit()})
 * ```
 */
export function defaultLimit(): number {
  return Math.min(32, availableCores() + 4)
}

/** The options of a runner. */
const runnerOptions = [
  'limit',
  'yieldExceptions',
  'ordered',
  'highWaterMark',
  'timeout',
  'releaseOnTimeout',
  'signal',
  'governor',
  'retry',
  'readAhead',
]

/** Says of an option that is given to the wrong call, which call takes it. */
function belongsTo(call: string, options: readonly string[]): (name: string) => string | undefined {
  return (name) => {
    const nearest = nearestName(name, options)
    return nearest && `${call} takes ${nearest}`
  }
}

/** Throws a `TypeError` or `RangeError` that names the option, what was expected and what came. */
export function resolveOptions(options: RunnerOptions<boolean | undefined> = {}): ResolvedOptions {
  checkPrototype()
  checkOptions(options, runnerOptions, 'options', belongsTo('map()', ['group', 'groups']))
  const governor = checkGovernor(options.governor)
  const usualLimit = governor === undefined ? defaultLimit() : Infinity
  return {
    limit: options.limit === undefined ? usualLimit : checkLimit(options.limit),
    yieldExceptions: checkBoolean('yieldExceptions', options.yieldExceptions),
    ordered: checkBoolean('ordered', options.ordered),
    highWaterMark:
      options.highWaterMark === undefined ? undefined : checkBound('highWaterMark', options.highWaterMark, 0),
    timeout: checkTimeout(options.timeout),
    releaseOnTimeout: checkBoolean('releaseOnTimeout', options.releaseOnTimeout),
    signal: checkSignal('signal', options.signal),
    governor,
    retry: options.retry === undefined ? undefined : resolveRetry(options.retry),
    readAhead: options.readAhead === undefined ? undefined : checkBound('readAhead', options.readAhead, 0),
  }
}

function checkGovernor(governor: Governor | undefined): Governor | undefined {
  if (governor !== undefined && typeof (governor as Partial<Governor> | null)?.acquire !== 'function')
    throw new TypeError(`governor must be an object with a method acquire; got ${describe(governor)}`)
  return governor
}

function resolveRetry(retry: RetryOptions): RetryPolicy {
  checkOptions(retry, ['attempts', 'delay', 'when', 'budget', 'waiting'], 'retry')
  const {attempts = 3, delay, when, budget, waiting} = retry
  checkBound('retry.attempts', attempts, 1)
  if (waiting !== undefined) checkBound('retry.waiting', waiting, 1)
  if (delay !== undefined && typeof delay !== 'function') checkDelay(delay)
  if (when !== undefined) checkFunction('retry.when', when)
  if (budget !== undefined && (typeof budget?.take !== 'function' || typeof budget.give !== 'function'))
    throw new TypeError(`retry.budget must be an object with methods take and give; got ${describe(budget)}`)
  return {attempts, delay, when, budget, waiting}
}

/** Milliseconds between two attempts, or of another wait. */
export function checkDelay(delay: number, name = 'retry.delay', otherwise = ''): number {
  const expected = `a number of milliseconds from 0 to ${longestDelay}${otherwise}`
  return checkNumber(name, delay, expected, (ms) => ms >= 0 && ms <= longestDelay)
}

/** With a `then` there, no promise of an object would ever settle. */
function checkPrototype(): void {
  if ('then' in Object.prototype)
    throw new TypeError('Object.prototype has a property then: a promise of an object may never settle')
}

/** The deadline of a `stop`, in milliseconds, or `undefined` for none. */
export function resolveStop(options: StopOptions = {}): number | undefined {
  checkOptions(options, ['timeout'])
  const {timeout} = options
  if (timeout === undefined || timeout === Infinity) return undefined
  return checkDelay(timeout, 'timeout', ', or Infinity for no bound')
}

/** The limit as a number that counts can be compared with: `Infinity` for none. */
export function checkLimit(limit: number, name = 'limit'): number {
  checkNumber(
    name,
    limit,
    'an integer >= 1, or -1 or Infinity for no limit',
    (value) => value === -1 || value === Infinity || isCount(value),
  )
  return limit === -1 ? Infinity : limit
}

/** How many results may wait where that is not given. */
export function highWaterMarkFor(limit: number): number {
  return limit === Infinity ? defaultLimit() : limit
}

/** The arguments of `batches`. */
export function resolveBatches(max: number, options: BatchOptions = {}): {most: number; maxWait: number} {
  checkOptions(options, ['maxWait'])
  const {maxWait = 0} = options
  return {
    most: checkNumber('max', max, 'an integer >= 1', (value) => isCount(value)),
    maxWait: checkDelay(maxWait, 'maxWait'),
  }
}

/** A queue's options with every default filled in. */
export function resolveQueue(options: QueueOptions = {}): {
  readonly capacity: number
  readonly groups: GroupRules | undefined
} {
  checkOptions(options, ['capacity', 'groups'], 'options', belongsTo('run()', runnerOptions))
  const {capacity = Infinity, groups} = options
  checkBound('capacity', capacity, 1)
  return {capacity, groups: groups === undefined ? undefined : resolveGroups(groups)}
}

/** A governor that can be asked without waiting. */
export type GroupGovernor = Governor & Required<Pick<Governor, 'tryAcquire'>>

/** The `groups` option with every default filled in. Its functions check what the caller's functions give. */
export interface GroupRules {
  readonly limitOf: (group: unknown) => number
  readonly capacity: number
  readonly governorOf: ((group: unknown) => GroupGovernor) | undefined
}

/** The `groups` option of a queue or of `map`. */
export function resolveGroups<Group>(groups: GroupOptions<Group> = {}): GroupRules {
  checkOptions(groups, ['limit', 'capacity', 'governor'], 'groups')
  const {limit = Infinity, capacity = Infinity, governor} = groups
  if (typeof limit !== 'function') checkLimit(limit, 'groups.limit')
  checkBound('groups.capacity', capacity, 1)
  if (governor !== undefined) checkFunction('groups.governor', governor)
  return {
    limitOf: (group) => checkLimit(typeof limit === 'function' ? limit(group as Group) : limit, 'groups.limit'),
    capacity,
    governorOf: governor === undefined ? undefined : (group) => checkGroupGovernor(governor(group as Group)),
  }
}

function checkGroupGovernor(governor: GroupGovernor): GroupGovernor {
  const {acquire, tryAcquire} = (governor ?? {}) as Partial<GroupGovernor>
  if (typeof acquire !== 'function' || typeof tryAcquire !== 'function')
    throw new TypeError(
      `groups.governor must give an object with methods acquire and tryAcquire; got ${describe(governor)}`,
    )
  return governor
}

/** What a mapped source is grouped by, and how far it is read ahead, with every default filled in. */
export interface Grouping {
  readonly groupOf: ((item: unknown) => unknown) | undefined
  readonly rules: GroupRules
  /** `undefined`: what the runner says. */
  readonly readAhead: number | undefined
}

/** The options of a mapped source. */
export function resolveMapping<Item, Group>(options: MapOptions<Item, Group> = {}): Grouping {
  checkOptions(options, ['group', 'groups', 'readAhead'], 'options', belongsTo('the runner', runnerOptions))
  const {group, groups, readAhead} = options
  if (group !== undefined) checkFunction('group', group)
  else if (groups !== undefined) throw new TypeError('groups needs the option group, which gives the group of an item')
  const {capacity}: GroupOptions<Group> = groups ?? {}
  if (capacity !== undefined)
    throw new TypeError('groups.capacity is for a TaskQueue: readAhead bounds what waits here')
  return {
    groupOf: group as Grouping['groupOf'],
    rules: resolveGroups(groups),
    readAhead: readAhead === undefined ? undefined : checkBound('readAhead', readAhead, 0),
  }
}

/** How many items are read ahead by default where they have groups. */
const readAheadOfGroups = 100

/** How far a source is read ahead, and how its tasks are grouped. */
export interface ReadAhead extends Pick<Grouping, 'groupOf' | 'rules'> {
  /** How many tasks may wait in the line: at least 1. */
  readonly most: number
}

/** How far the items of a run are read ahead; `undefined` where they are not. */
export function readAheadFor(grouping: Grouping | undefined, {readAhead}: ResolvedOptions): ReadAhead | undefined {
  const groupOf = grouping?.groupOf
  const most = grouping?.readAhead ?? readAhead ?? (groupOf === undefined ? 0 : readAheadOfGroups)
  if (most === 0 && groupOf === undefined) return undefined
  return {most: Math.max(1, most), groupOf, rules: grouping?.rules ?? resolveGroups()}
}

/** A push's options with every default filled in. */
export function resolvePush(options: PushOptions): {
  readonly priority: number
  readonly signal: AbortSignal | undefined
  readonly timeout: number | undefined
  readonly item: unknown
  readonly group: unknown
} {
  checkOptions(options, ['priority', 'signal', 'timeout', 'item', 'group'])
  const {priority = 0, item, group} = options
  checkNumber('priority', priority, 'a number', (value) => !Number.isNaN(value))
  // In place of the runner's, which `Infinity` lifts.
  const timeout = options.timeout === Infinity ? Infinity : checkTimeout(options.timeout)
  return {priority, signal: checkSignal('signal', options.signal), timeout, item, group}
}

/** The signal of a wait for room. */
export function resolveRoom(options: RoomOptions = {}): AbortSignal | undefined {
  checkOptions(options, ['signal'])
  return checkSignal('signal', options.signal)
}

/** The options of a runner that a queue makes. */
export function resolveQueueRun(options: QueueRunOptions & {yieldExceptions?: unknown} = {}): QueueRunOptions {
  checkObject('options', options)
  if (options.yieldExceptions !== undefined)
    throw new TypeError('yieldExceptions is always true for a runner that a queue makes, and cannot be passed')
  return options
}

export function checkTask(task: unknown): void {
  if (typeof task !== 'function' && !isThenable(task))
    throw new TypeError(`task must be a function or a promise; got ${describe(task)}`)
}

/** A number that bounds something; `Infinity` for no bound. */
function checkBound(name: string, bound: number, least: 0 | 1): number {
  const expected = `an integer >= ${least}, or Infinity for no bound`
  return checkNumber(name, bound, expected, (value) => value === Infinity || isCount(value, least))
}

function checkTimeout(timeout: number | undefined): number | undefined {
  if (timeout === undefined || timeout === Infinity) return undefined
  return checkNumber(
    'timeout',
    timeout,
    `a number of milliseconds > 0 and <= ${longestDelay}, or Infinity for none`,
    (ms) => ms > 0 && ms <= longestDelay,
  )
}

function checkBoolean(name: string, value: boolean | undefined): boolean {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`${name} must be true or false; got ${describe(value)}`)
  return value ?? false
}
