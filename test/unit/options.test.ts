import test from 'ava'
import {ConcurrentRunner, concurrent, defaultLimit, inflate, mapped, TaskQueue} from '../../src/index.js'
import {
  checkLimit,
  highWaterMarkFor,
  readAheadFor,
  resolveBatches,
  resolveMapping,
  resolveOptions,
  resolvePush,
  resolveQueue,
  resolveQueueRun,
  resolveRoom,
  resolveStop,
} from '../../src/options.js'
import {withProperty} from './globals.js'

// What is given

test('without options every option has its default', (t) => {
  const defaults = {
    limit: defaultLimit(),
    yieldExceptions: false,
    ordered: false,
    highWaterMark: undefined,
    timeout: undefined,
    releaseOnTimeout: false,
    signal: undefined,
    governor: undefined,
    retry: undefined,
    readAhead: undefined,
  }
  t.deepEqual(resolveOptions(), defaults)
  t.deepEqual(resolveOptions({}), defaults)
})

test('an option that is undefined counts as left out', (t) => {
  const undefinedOptions = {
    limit: undefined,
    yieldExceptions: undefined,
    ordered: undefined,
    highWaterMark: undefined,
    timeout: undefined,
    releaseOnTimeout: undefined,
    signal: undefined,
  }
  t.deepEqual(resolveOptions(undefinedOptions), resolveOptions())
})

test('good options are taken as they are', (t) => {
  const options = {
    limit: 3,
    yieldExceptions: true,
    ordered: true,
    highWaterMark: 5,
    timeout: 1.5,
    releaseOnTimeout: true,
    signal: new AbortController().signal,
    governor: {acquire: () => ({release: () => {}})},
    retry: {attempts: 5, delay: 100, when: () => true, budget: {take: () => true, give: () => {}}, waiting: 7},
    readAhead: 4,
  }
  t.deepEqual(resolveOptions(options), options)
})

test('the least and the greatest values are good', (t) => {
  t.is(resolveOptions({limit: 1}).limit, 1)
  t.is(resolveOptions({limit: Number.MAX_SAFE_INTEGER}).limit, Number.MAX_SAFE_INTEGER)
  t.is(resolveOptions({highWaterMark: 0}).highWaterMark, 0)
  t.is(resolveOptions({highWaterMark: Infinity}).highWaterMark, Infinity)
  t.is(resolveOptions({timeout: 2 ** 31 - 1}).timeout, 2 ** 31 - 1)
  t.is(resolveOptions({timeout: 0.5}).timeout, 0.5)
})

test('no limit is -1 or Infinity', (t) => {
  t.is(checkLimit(-1), Infinity)
  t.is(checkLimit(Infinity), Infinity)
  t.is(resolveOptions({limit: -1}).limit, Infinity)
})

test('a timeout of Infinity is none', (t) => {
  t.is(resolveOptions({timeout: Infinity}).timeout, undefined)
})

test('a retry has three attempts unless it is told how many; the least and the greatest values are good', (t) => {
  const none = {delay: undefined, when: undefined, budget: undefined, waiting: undefined}
  t.deepEqual(resolveOptions({retry: {}}).retry, {attempts: 3, ...none})
  t.deepEqual(resolveOptions({retry: {...none, attempts: 1, waiting: 1}}).retry, {...none, attempts: 1, waiting: 1})
  const budget = {take: () => true, give: () => {}}
  for (const delay of [0, 2 ** 31 - 1, () => 1]) {
    const retry = {attempts: Infinity, delay, when: () => true, budget, waiting: Infinity}
    t.deepEqual(resolveOptions({retry}).retry, retry)
  }
})

test('with a governor there is no limit unless it is given one, and as many results wait as without', (t) => {
  const governor = {acquire: () => ({release() {}})}
  t.is(resolveOptions({governor}).limit, Infinity)
  t.is(resolveOptions({governor, limit: 3}).limit, 3)
  t.is(resolveOptions({governor}).governor, governor)
  t.is(highWaterMarkFor(Infinity), defaultLimit())
  t.is(highWaterMarkFor(3), 3)
})

test('batches wait for nothing unless they are told how long; the least and the greatest values are good', (t) => {
  t.deepEqual(resolveBatches(1), {most: 1, maxWait: 0})
  for (const maxWait of [0, 2 ** 31 - 1]) t.deepEqual(resolveBatches(2, {maxWait}), {most: 2, maxWait})
})

test('a then on every object is refused, since no promise of an object would settle', (t) => {
  const make = (): unknown => withProperty(Object.prototype, 'then', undefined, resolveOptions)
  t.throws(make, {
    instanceOf: TypeError,
    message: 'Object.prototype has a property then: a promise of an object may never settle',
  })
})

test('what is mapped is read ahead as far as it says, or the runner, or 100 items where there are groups', (t) => {
  const most = (mapping: object | undefined, readAhead?: number): number | undefined =>
    readAheadFor(mapping && resolveMapping(mapping), resolveOptions({readAhead}))?.most
  const group = String
  t.deepEqual(
    [most(undefined), most({}), most(undefined, 0), most(undefined, 1), most({}, 7), most({readAhead: 3}, 7)],
    [undefined, undefined, undefined, 1, 7, 3],
  )
  t.deepEqual(
    [most({group}), most({group}, 7), most({group, readAhead: 3}, 7), most({group, readAhead: 0})],
    [100, 7, 3, 1],
  )
  t.is(most({readAhead: Infinity}), Infinity)
})

test('without groups of its own a mapped source has no limit and no governor for a group', (t) => {
  const {rules, groupOf} = resolveMapping({group: String})
  t.is(groupOf?.(1), '1')
  t.is(rules.limitOf('a'), Infinity)
  t.is(rules.governorOf, undefined)
  t.deepEqual(resolveMapping().rules.capacity, Infinity)
})

test('what the functions of groups give is checked, and the group is what they get', (t) => {
  const governor = {acquire: () => ({release() {}}), tryAcquire: () => ({release() {}})}
  const {groups} = resolveQueue({groups: {limit: (key: number) => key, governor: () => governor, capacity: 2}})
  t.is(groups?.limitOf(3), 3)
  t.is(groups?.limitOf(-1), Infinity)
  t.is(groups?.governorOf?.('a'), governor)
  t.is(groups?.capacity, 2)
  t.throws(() => groups?.limitOf(0), {instanceOf: RangeError, message: /^groups\.limit must be an integer >= 1/})
  for (const wrong of [undefined, {}, {acquire: governor.acquire}, {tryAcquire: governor.tryAcquire}]) {
    const rules = resolveQueue({groups: {governor: () => bad(wrong)}}).groups
    t.throws(() => rules?.governorOf?.('a'), {
      instanceOf: TypeError,
      message: /^groups\.governor must give an object with methods acquire and tryAcquire; got /,
    })
  }
})

test('options without a prototype are good', (t) => {
  t.is(resolveOptions(Object.assign(Object.create(null) as object, {limit: 2})).limit, 2)
})

test('a signal is known by its shape, so one from elsewhere is good', (t) => {
  const signal = {
    aborted: false,
    reason: undefined,
    addEventListener: () => {},
    removeEventListener: () => {},
  } as unknown as AbortSignal
  t.is(resolveOptions({signal}).signal, signal)
})

test('stop has no deadline unless it is given one', (t) => {
  t.is(resolveStop(), undefined)
  t.is(resolveStop({}), undefined)
  t.is(resolveStop({timeout: undefined}), undefined)
  t.is(resolveStop({timeout: Infinity}), undefined)
  t.is(resolveStop({timeout: 0}), 0)
  t.is(resolveStop({timeout: 2 ** 31 - 1}), 2 ** 31 - 1)
})

test('a queue holds any number of tasks unless it is told how many', (t) => {
  for (const options of [undefined, {}, {capacity: undefined}, {capacity: Infinity}])
    t.deepEqual(resolveQueue(options), {capacity: Infinity, groups: undefined})
  t.deepEqual(resolveQueue({capacity: 1}), {capacity: 1, groups: undefined})
  t.deepEqual(resolveQueue({capacity: Number.MAX_SAFE_INTEGER}), {capacity: Number.MAX_SAFE_INTEGER, groups: undefined})
})

test('a push has the priority 0, and no signal, timeout or item unless it is given them', (t) => {
  const defaults = {priority: 0, signal: undefined, timeout: undefined, item: undefined, group: undefined}
  t.deepEqual(resolvePush({}), defaults)
  t.deepEqual(resolvePush({...defaults, priority: undefined}), defaults)
  const options = {priority: -1.5, signal: new AbortController().signal, timeout: 0.5, item: {}, group: 'a'}
  const resolved = resolvePush(options)
  t.deepEqual(resolved, options)
  t.is(resolved.item, options.item)
  t.is(resolvePush({timeout: Infinity}).timeout, Infinity) // lifts that of the runner
})

test('a wait for room has no signal unless it is given one', (t) => {
  t.is(resolveRoom(), undefined)
  t.is(resolveRoom({}), undefined)
  const {signal} = new AbortController()
  t.is(resolveRoom({signal}), signal)
})

test('the options of a runner that a queue makes are those of any runner, but for yieldExceptions', (t) => {
  t.deepEqual(resolveQueueRun(), {})
  const options = {limit: 3, ordered: true}
  t.is(resolveQueueRun(options), options)
  t.deepEqual(resolveQueueRun({...options, yieldExceptions: undefined}), {...options, yieldExceptions: undefined})
  for (const yieldExceptions of [true, false])
    t.throws(() => resolveQueueRun({yieldExceptions}), {
      instanceOf: TypeError,
      message: 'yieldExceptions is always true for a runner that a queue makes, and cannot be passed',
    })
})

test('every number that can be compared is a priority', (t) => {
  for (const priority of [Infinity, -Infinity, -0, Number.MAX_VALUE, Number.MIN_VALUE])
    t.is(resolvePush({priority}).priority, priority)
})

for (const [cores, limit] of [
  [1, 5],
  [8, 12],
  [28, 32],
  [96, 32],
] as const) {
  test(`the default limit is ${limit} where there are ${cores} cores`, (t) => {
    const process = {getBuiltinModule: () => ({availableParallelism: () => cores})}
    t.is(withProperty(globalThis, 'process', process, defaultLimit), limit)
  })
}

// Options that do not exist

test('an option that does not exist is refused wherever options are taken', (t) => {
  const colour = {colour: 'red'} as never
  for (const call of [
    () => new ConcurrentRunner([], colour),
    () => concurrent([], colour),
    () => inflate([], () => [], colour),
    () => ConcurrentRunner.map([], (item) => item, colour),
    () => new ConcurrentRunner([]).stop(colour),
    () => new TaskQueue(colour),
    () => new TaskQueue().push(() => 1, colour),
    () => new TaskQueue().room(colour),
    () => new TaskQueue().run(colour),
  ])
    t.throws(call, {instanceOf: TypeError, message: /^There is no option colour: there are /})
})

// What is refused: the call, the class, and what the message must name

type ErrorClass = typeof TypeError | typeof RangeError
type Row = readonly [title: string, call: () => unknown, Class: ErrorClass, option: string, want: string, got: string]

const bad = (value: unknown): never => value as never
const make = (options: unknown): unknown => new ConcurrentRunner([], bad(options))
const runner = (): ConcurrentRunner<number> => new ConcurrentRunner([() => 1])

const push = (options: unknown): unknown => new TaskQueue().push(() => 1, bad(options))

const retry = (options: object): unknown => make({retry: options})

const aDelay = 'a number of milliseconds from 0 to 2147483647'
const aGovernor = 'an object with a method acquire'
const aBudget = 'an object with methods take and give'
const aLimit = 'an integer >= 1, or -1 or Infinity for no limit'
const aMark = 'an integer >= 0, or Infinity for no bound'
const aTimeout = 'a number of milliseconds > 0 and <= 2147483647, or Infinity for none'
const aDeadline = 'a number of milliseconds from 0 to 2147483647, or Infinity for no bound'
const aCapacity = 'an integer >= 1, or Infinity for no bound'
const aPriority = 'a number'
const aTask = 'a function or a promise'
const aBoolean = 'true or false'
const aSignal = 'an AbortSignal'
const anObject = 'an object'
const aFunction = 'a function'
const anIterable = 'an iterable, an async iterable or a function that returns one'

/** Values that are not numbers of any kind, and what a message calls them. */
const noNumbers: ReadonlyArray<readonly [value: unknown, got: string]> = [
  ['2', '"2"'],
  [null, 'null'],
  [true, 'true'],
  [2n, '2n'],
  [[2], 'an array of length 1'],
  [{}, 'an object of class Object'],
]
const noBooleans: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [1, '1'],
  ['true', '"true"'],
  [null, 'null'],
]
const noFunctions: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [undefined, 'undefined'],
  [null, 'null'],
  ['name', '"name"'],
  [{handleEvent: () => {}}, 'an object of class Object'],
]
const noIterables: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  ['text', '"text"'],
  [{}, 'an object of class Object'],
  [
    new (class ArrayLike {
      length = 0
    })(),
    'an object of class ArrayLike',
  ],
  [
    new (class Cursor {
      next(): IteratorResult<never> {
        return {done: true, value: undefined}
      }
    })(),
    'an object of class Cursor',
  ],
  [Promise.resolve([]), 'an object of class Promise'],
  [
    new (class Fake {
      readonly [Symbol.iterator] = 'no function'
    })(),
    'an object of class Fake',
  ],
  [new WeakSet(), 'an object of class WeakSet'],
]
/** What `map` cannot read either. */
const noItems: typeof noIterables = noIterables.filter(([value]) => typeof value !== 'string')

const noObjects: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [null, 'null'],
  [4, '4'],
  ['limit', '"limit"'],
  [true, 'true'],
  [[4], 'an array of length 1'],
  [
    (
      () => () =>
        4
    )(),
    'a function',
  ],
]
const noSignals: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [null, 'null'],
  ['abort', '"abort"'],
  [true, 'true'],
  [{}, 'an object of class Object'],
  [
    new (class Half {
      readonly aborted = false
    })(),
    'an object of class Half',
  ],
  [new AbortController(), 'an object of class AbortController'],
  [new EventTarget(), 'an object of class EventTarget'],
  [(() => () => {})(), 'a function'],
]
const noTasks: ReadonlyArray<readonly [value: unknown, got: string]> = [
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  ['task', '"task"'],
  [{}, 'an object of class Object'],
  [[() => 1], 'an array of length 1'],
  [Symbol.iterator, 'Symbol(Symbol.iterator)'],
]

const rows: Row[] = [
  ...noObjects.map(
    ([options, got]): Row => [`options: ${got}`, () => make(options), TypeError, 'options', anObject, got],
  ),
  ...[0, -2, 1.5, Number.NaN, -Infinity, 2 ** 53].map(
    (limit): Row => [`limit: ${limit}`, () => make({limit}), RangeError, 'limit', aLimit, String(limit)],
  ),
  ...noNumbers.map(([limit, got]): Row => [`limit: ${got}`, () => make({limit}), TypeError, 'limit', aLimit, got]),
  ...[-1, 0.5, Number.NaN, -Infinity].map(
    (highWaterMark): Row => [
      `highWaterMark: ${highWaterMark}`,
      () => make({highWaterMark}),
      RangeError,
      'highWaterMark',
      aMark,
      String(highWaterMark),
    ],
  ),
  ...noNumbers.map(
    ([highWaterMark, got]): Row => [
      `highWaterMark: ${got}`,
      () => make({highWaterMark}),
      TypeError,
      'highWaterMark',
      aMark,
      got,
    ],
  ),
  ...[0, -1, Number.NaN, 2 ** 31, -Infinity].map(
    (timeout): Row => [`timeout: ${timeout}`, () => make({timeout}), RangeError, 'timeout', aTimeout, String(timeout)],
  ),
  ...noNumbers.map(
    ([timeout, got]): Row => [`timeout: ${got}`, () => make({timeout}), TypeError, 'timeout', aTimeout, got],
  ),
  ...['yieldExceptions', 'ordered', 'releaseOnTimeout'].flatMap((option) =>
    noBooleans.map(
      ([value, got]): Row => [`${option}: ${got}`, () => make({[option]: value}), TypeError, option, aBoolean, got],
    ),
  ),
  ...noSignals.map(([signal, got]): Row => [`signal: ${got}`, () => make({signal}), TypeError, 'signal', aSignal, got]),
  ...noIterables.map(
    ([source, got]): Row => [
      `new ConcurrentRunner(${got})`,
      () => new ConcurrentRunner(bad(source)),
      TypeError,
      'source',
      anIterable,
      got,
    ],
  ),
  ['concurrent(null)', () => concurrent(bad(null)), TypeError, 'source', anIterable, 'null'],
  ['concurrent([], {limit: 0})', () => concurrent([], {limit: 0}), RangeError, 'limit', aLimit, '0'],
  ...noItems.map(
    ([items, got]): Row => [
      `map(${got}, mapper)`,
      () => ConcurrentRunner.map(bad(items), (item: string) => item),
      TypeError,
      'items',
      anIterable,
      got,
    ],
  ),
  ...noFunctions.map(
    ([mapper, got]): Row => [
      `map([], ${got})`,
      () => ConcurrentRunner.map([], bad(mapper)),
      TypeError,
      'mapper',
      aFunction,
      got,
    ],
  ),
  [
    'map([], mapper, {limit: 0})',
    () => ConcurrentRunner.map([], (item) => item, {limit: 0}),
    RangeError,
    'limit',
    aLimit,
    '0',
  ],
  ...noFunctions.map(
    ([awaitables, got]): Row => [
      `inflate([], ${got})`,
      () => inflate([], bad(awaitables)),
      TypeError,
      'awaitables',
      aFunction,
      got,
    ],
  ),
  ['inflate([], awaitables, {limit: 0})', () => inflate([], () => [], {limit: 0}), RangeError, 'limit', aLimit, '0'],
  ...[0, -2, 1.5, Number.NaN].map(
    (limit): Row => [
      `runner.limit = ${limit}`,
      () => {
        runner().limit = limit
      },
      RangeError,
      'limit',
      aLimit,
      String(limit),
    ],
  ),
  ...[...noNumbers, [undefined, 'undefined'] as const].map(
    ([limit, got]): Row => [
      `runner.limit = ${got}`,
      () => {
        runner().limit = bad(limit)
      },
      TypeError,
      'limit',
      aLimit,
      got,
    ],
  ),
  ...(
    [
      [null, 'null'],
      [5, '5'],
      [[], 'an array of length 0'],
    ] as const
  ).map(
    ([options, got]): Row => [`stop(${got})`, () => runner().stop(bad(options)), TypeError, 'options', anObject, got],
  ),
  ...[-1, Number.NaN, 2 ** 31].map(
    (timeout): Row => [
      `stop({timeout: ${timeout}})`,
      () => runner().stop({timeout}),
      RangeError,
      'timeout',
      aDeadline,
      String(timeout),
    ],
  ),
  ...noNumbers.map(
    ([timeout, got]): Row => [
      `stop({timeout: ${got}})`,
      () => runner().stop({timeout: bad(timeout)}),
      TypeError,
      'timeout',
      aDeadline,
      got,
    ],
  ),
  ...(['on', 'once', 'addListener'] as const).flatMap((method) =>
    noFunctions.map(
      ([listener, got]): Row => [
        `${method}('drain', ${got})`,
        () => runner()[method]('drain', bad(listener)),
        TypeError,
        'listener',
        aFunction,
        got,
      ],
    ),
  ),
  ...noObjects.map(
    ([options, got]): Row => [
      `new TaskQueue(${got})`,
      () => new TaskQueue(bad(options)),
      TypeError,
      'options',
      anObject,
      got,
    ],
  ),
  ...[0, -1, 1.5, Number.NaN, -Infinity, 2 ** 53].map(
    (capacity): Row => [
      `capacity: ${capacity}`,
      () => new TaskQueue({capacity}),
      RangeError,
      'capacity',
      aCapacity,
      String(capacity),
    ],
  ),
  ...noNumbers.map(
    ([capacity, got]): Row => [
      `capacity: ${got}`,
      () => new TaskQueue({capacity: bad(capacity)}),
      TypeError,
      'capacity',
      aCapacity,
      got,
    ],
  ),
  ...noTasks.map(
    ([task, got]): Row => [`push(${got})`, () => new TaskQueue().push(bad(task)), TypeError, 'task', aTask, got],
  ),
  ...noObjects.map(
    ([options, got]): Row => [`push(task, ${got})`, () => push(options), TypeError, 'options', anObject, got],
  ),
  ...noNumbers.map(
    ([priority, got]): Row => [
      `push(task, {priority: ${got}})`,
      () => push({priority}),
      TypeError,
      'priority',
      aPriority,
      got,
    ],
  ),
  ['push(task, {priority: NaN})', () => push({priority: Number.NaN}), RangeError, 'priority', 'a number', 'NaN'],
  ...noSignals.map(
    ([signal, got]): Row => [`push(task, {signal: ${got}})`, () => push({signal}), TypeError, 'signal', aSignal, got],
  ),
]

rows.push(
  ...[0, -1, Number.NaN, 2 ** 31].map(
    (timeout): Row => [
      `push(task, {timeout: ${timeout}})`,
      () => push({timeout}),
      RangeError,
      'timeout',
      aTimeout,
      String(timeout),
    ],
  ),
  ...noNumbers.map(
    ([timeout, got]): Row => [
      `push(task, {timeout: ${got}})`,
      () => push({timeout}),
      TypeError,
      'timeout',
      aTimeout,
      got,
    ],
  ),
  ...noObjects.map(
    ([options, got]): Row => [
      `room(${got})`,
      () => new TaskQueue().room(bad(options)),
      TypeError,
      'options',
      anObject,
      got,
    ],
  ),
  ...noSignals.map(
    ([signal, got]): Row => [
      `room({signal: ${got}})`,
      () => new TaskQueue().room({signal: bad(signal)}),
      TypeError,
      'signal',
      aSignal,
      got,
    ],
  ),
  ...noObjects.map(
    ([options, got]): Row => [
      `queue.run(${got})`,
      () => new TaskQueue().run(bad(options)),
      TypeError,
      'options',
      anObject,
      got,
    ],
  ),
  ...noObjects.flatMap(([options, got]): Row[] => [
    [`retry: ${got}`, () => make({retry: options}), TypeError, 'retry', anObject, got],
    [`groups: ${got}`, () => new TaskQueue({groups: bad(options)}), TypeError, 'groups', anObject, got],
    [`batches(1, ${got})`, () => runner().batches(1, bad(options)), TypeError, 'options', anObject, got],
    [`mapped(${got})`, () => mapped([], String, bad(options)), TypeError, 'options', anObject, got],
  ]),
  ...[0, -1, 1.5, Number.NaN, -Infinity].flatMap((count): Row[] => [
    [`attempts: ${count}`, () => retry({attempts: count}), RangeError, 'retry.attempts', aCapacity, String(count)],
    [`waiting: ${count}`, () => retry({waiting: count}), RangeError, 'retry.waiting', aCapacity, String(count)],
    [
      `groups.capacity: ${count}`,
      () => new TaskQueue({groups: {capacity: count}}),
      RangeError,
      'groups.capacity',
      aCapacity,
      String(count),
    ],
  ]),
  ...[-1, Number.NaN, 2 ** 31].map(
    (delay): Row => [`delay: ${delay}`, () => retry({delay}), RangeError, 'retry.delay', aDelay, String(delay)],
  ),
  ...noNumbers.map(
    ([delay, got]): Row => [`delay: ${got}`, () => retry({delay}), TypeError, 'retry.delay', aDelay, got],
  ),
  ...[null, 5, 'when'].flatMap((value): Row[] => [
    [`when: ${value}`, () => retry({when: value}), TypeError, 'retry.when', aFunction, JSON.stringify(value)],
    [
      `groups.governor: ${value}`,
      () => new TaskQueue({groups: {governor: bad(value)}}),
      TypeError,
      'groups.governor',
      aFunction,
      JSON.stringify(value),
    ],
    [`governor: ${value}`, () => make({governor: value}), TypeError, 'governor', aGovernor, JSON.stringify(value)],
    [`budget: ${value}`, () => retry({budget: value}), TypeError, 'retry.budget', aBudget, JSON.stringify(value)],
  ]),
  ...[{take: () => true}, {give: () => {}}, {}].map(
    (budget): Row => [
      `a budget with ${Object.keys(budget).join()}`,
      () => retry({budget}),
      TypeError,
      'retry.budget',
      aBudget,
      'an object',
    ],
  ),
  [
    'a governor without acquire',
    () => make({governor: {tryAcquire: () => {}}}),
    TypeError,
    'governor',
    aGovernor,
    'an object',
  ],
  ['queue.run({limit: 0})', () => new TaskQueue().run({limit: 0}), RangeError, 'limit', aLimit, '0'],
)

for (const [title, call, Class, option, want, got] of rows) {
  test(`${title} is refused with a ${Class.name} that says so`, (t) => {
    const error = t.throws(call, {any: true})
    t.true(error instanceof Class, `threw ${String(error)}`)
    const {message} = error as Error
    t.true(message.startsWith(`${option} must be ${want}; got ${got}`), message)
  })
}

test('inflate(null, awaitables) is refused with a TypeError that names the parameter objects', (t) => {
  t.throws(() => inflate(bad(null), () => []), {
    instanceOf: TypeError,
    message: /^objects must be .*; got null$/,
  })
})

test('a signal whose listeners cannot be removed is refused with a TypeError', (t) => {
  t.throws(() => make({signal: {aborted: false, addEventListener: () => {}}}), {instanceOf: TypeError})
})

test('a signal that cannot be listened to is refused with a TypeError', (t) => {
  t.throws(() => make({signal: {aborted: false, removeEventListener: () => {}}}), {instanceOf: TypeError})
})

test('a function is no signal, whatever it has', (t) => {
  const signal = Object.assign(() => {}, {aborted: false, addEventListener: () => {}, removeEventListener: () => {}})
  t.throws(() => make({signal}), {instanceOf: TypeError, message: /^signal must be an AbortSignal; got /})
})

test('a limit that is refused changes nothing', (t) => {
  const limited = new ConcurrentRunner([], {limit: 3})
  t.throws(() => {
    limited.limit = 0
  })
  t.is(limited.limit, 3)
})

test('a stop that is refused stops nothing', (t) => {
  const idle = runner()
  t.throws(() => idle.stop({timeout: -1}))
  t.is(idle.state, 'idle')
})

test('a push that is refused pushes nothing, also on a closed or full queue', (t) => {
  const queue = new TaskQueue({capacity: 1})
  t.throws(() => queue.push(() => 1, {priority: Number.NaN}))
  t.is(queue.size, 0)
  void queue.push(() => 1)
  t.throws(() => queue.push(bad(5)), {instanceOf: TypeError})
  queue.close()
  t.throws(() => queue.push(bad(5)), {instanceOf: TypeError})
  t.is(queue.size, 1)
})
