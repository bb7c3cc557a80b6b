/** A bad argument gets an error that names the expected and the given value, before a connection is opened. */
import {remoteTasks, workerTasks} from 'aio-tasks/bullmq'
import test from 'ava'

const connection = {host: '127.0.0.1', port: 1}
const handler = (): number => 1
type Call = (wrong: never) => unknown

const remote: Call = (wrong) => remoteTasks([1], {queue: 'q', connection, ...(wrong as object)})
const worker: Call = (wrong) => workerTasks('q', handler, {connection, ...(wrong as object)})
const both = [
  [{connection: undefined}, TypeError, 'connection must be an object; got undefined'],
  [
    {connection: 'http://:secret@localhost'},
    TypeError,
    'connection must be an object or a URL that begins with redis:// or rediss://',
  ],
  [{eventsLength: 0}, RangeError, 'eventsLength must be an integer >= 1; got 0'],
  [{prefix: 5}, TypeError, 'prefix must be a string; got 5'],
  [{onError: 'log'}, TypeError, 'onError must be a function; got "log"'],
] as const

const cases: ReadonlyArray<readonly [call: Call, wrong: unknown, type: ErrorConstructor, message: string]> = [
  ...both.map(([wrong, type, message]) => [remote, wrong, type, message] as const),
  ...both.map(([wrong, type, message]) => [worker, wrong, type, message] as const),
  [
    (jobs) => remoteTasks(jobs, {queue: 'q', connection}),
    5,
    TypeError,
    'jobs must be an iterable or an async iterable; got 5',
  ],
  [
    (jobs) => remoteTasks(jobs, {queue: 'q', connection}),
    'abc',
    TypeError,
    'jobs must be an iterable or an async iterable; got "abc"',
  ],
  [(options) => remoteTasks([1], options), undefined, TypeError, 'options must be an object; got undefined'],
  [remote, {queue: undefined}, TypeError, "queue must be a string that is not empty and has no ':'; got undefined"],
  [remote, {queue: ''}, RangeError, 'queue must be a string that is not empty and has no \':\'; got ""'],
  [remote, {queue: 'a:b'}, RangeError, 'queue must be a string that is not empty and has no \':\'; got "a:b"'],
  [remote, {run: ''}, RangeError, 'run must be a string that is not empty and has no \':\'; got ""'],
  [
    remote,
    {run: 'r', jobId: () => 'a'},
    TypeError,
    'run and jobId must not both be given: each says what the ids of the jobs are',
  ],
  [remote, {checkinterval: 5}, TypeError, 'There is no option checkinterval: did you mean checkInterval?'],
  [remote, {onProgress: 5}, TypeError, 'onProgress must be a function; got 5'],
  [remote, {telemetry: 5}, TypeError, 'telemetry must be an object; got 5'],
  [remote, {name: ''}, RangeError, 'name must be a string that is not empty; got ""'],
  [remote, {jobId: 'id'}, TypeError, 'jobId must be a function; got "id"'],
  [remote, {jobOptions: 5}, TypeError, 'jobOptions must be an object; got 5'],
  [remote, {jobOptions: {jobId: 'a'}}, TypeError, 'jobOptions must have no jobId: give jobId itself'],
  [remote, {jobOptions: {repeat: {every: 5}}}, TypeError, 'jobOptions must have no repeat: a job must run once'],
  [remote, {jobOptions: {parent: {}}}, TypeError, 'jobOptions must have no parent: a job must stand alone'],
  [
    remote,
    {jobOptions: {deduplication: {id: 'a'}}},
    TypeError,
    'jobOptions must have no deduplication: a job must run under its own id, which jobId gives',
  ],
  [
    remote,
    {checkInterval: 0},
    RangeError,
    'checkInterval must be a number of milliseconds > 0 and <= 2147483647; got 0',
  ],
  [
    remote,
    {checkInterval: '5'},
    TypeError,
    'checkInterval must be a number of milliseconds > 0 and <= 2147483647; got "5"',
  ],
  [
    remote,
    {checkInterval: Infinity},
    RangeError,
    'checkInterval must be a number of milliseconds > 0 and <= 2147483647; got Infinity',
  ],
  [
    remote,
    {timeout: -1},
    RangeError,
    'timeout must be a number of milliseconds > 0 and <= 2147483647, or Infinity for none; got -1',
  ],
  [
    (queue) => workerTasks(queue, handler, {connection}),
    5,
    TypeError,
    "queue must be a string that is not empty and has no ':'; got 5",
  ],
  [
    (wrong) => workerTasks('q', wrong, {connection}),
    './handler.js',
    TypeError,
    'handler must be a function; got "./handler.js"',
  ],
  [(options) => workerTasks('q', handler, options), null, TypeError, 'options must be an object; got null'],
  [worker, {concurrency: 5}, TypeError, "options must have no concurrency: it is the runner's limit"],
  [
    worker,
    {abortSignal: new AbortController().signal},
    TypeError,
    'There is no option abortSignal: did you mean signal?',
  ],
  [worker, {signal: {}}, TypeError, 'signal must be an AbortSignal; got an object of class Object'],
  [worker, {workerOptions: 5}, TypeError, 'workerOptions must be an object; got 5'],
  [
    worker,
    {workerOptions: {concurrency: 5}},
    TypeError,
    "workerOptions must have no concurrency: it is the runner's limit",
  ],
  [worker, {workerOptions: {connection}}, TypeError, 'workerOptions must have no connection: give connection itself'],
  [worker, {workerOptions: {prefix: 'x'}}, TypeError, 'workerOptions must have no prefix: give prefix itself'],
  [
    worker,
    {workerOptions: {autorun: true}},
    TypeError,
    'workerOptions must have no autorun: the source starts the worker',
  ],
]

for (const [call, wrong, type, message] of cases)
  test(`${type.name}: ${message}${call === worker ? ' (worker)' : ''}`, (t) => {
    t.is(t.throws(() => call(wrong as never), {instanceOf: type})?.message, message)
  })
