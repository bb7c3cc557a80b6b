/** A bad argument gets an error that names the expected and the given value, before PostgreSQL is asked anything. */
import {ConcurrentIteratorError, ConcurrentRunner} from 'aio-tasks'
import {EngineError, remoteTasks, workerTasks} from 'aio-tasks/pg-boss'
import test from 'ava'
import {PgBoss} from 'pg-boss'
import {toUuid} from '../../src/pg-boss/ids.js'

const boss = new PgBoss('postgres://nobody@127.0.0.1:1/none')
type Call = (wrong: never) => unknown
const remote: Call = (wrong) => remoteTasks([1], {queue: 'q', boss, ...(wrong as object)})
const worker: Call = (wrong) => workerTasks('q', () => 1, {boss, ...(wrong as object)})

const cases: ReadonlyArray<readonly [call: Call, wrong: unknown, type: ErrorConstructor, message: string]> = [
  [remote, {boss: undefined}, TypeError, 'boss must be an object; got undefined'],
  [worker, {boss: {}}, TypeError, 'boss.fetch must be a function; got undefined'],
  [remote, {queue: ''}, RangeError, 'queue must be a string that is not empty; got ""'],
  [worker, {schema: 'a;b'}, RangeError, 'schema must be a name of letters, digits and _; got "a;b"'],
  [worker, {notify: 1}, TypeError, 'notify must be true or false; got 1'],
  [worker, {queueOptions: 5}, TypeError, 'queueOptions must be an object; got 5'],
  [worker, {pollInterval: 0}, RangeError, 'pollInterval must be a number of milliseconds > 0 and <= 2147483647; got 0'],
  [remote, {pollinterval: 5}, TypeError, 'There is no option pollinterval: did you mean pollInterval?'],
  [worker, {onErrors: () => {}}, TypeError, 'There is no option onErrors: did you mean onError?'],
  [remote, {jobOptions: 5}, TypeError, 'jobOptions must be an object; got 5'],
  [remote, {run: ''}, RangeError, 'run must be a string that is not empty; got ""'],
  [remote, {jobId: 5}, TypeError, 'jobId must be a function; got 5'],
  [
    remote,
    {run: 'r', jobId: () => 'a'},
    TypeError,
    'run and jobId must not both be given: each says what the ids of the jobs are',
  ],
]

for (const [call, wrong, type, message] of cases)
  test(`${type.name}: ${message}`, (t) => {
    t.is(t.throws(() => call(wrong as never), {instanceOf: type})?.message, message)
  })

test('an id becomes a UUID, the same one for the same queue and id, and a UUID stays as it is', (t) => {
  const uuid = toUuid('q', 'job-1')
  t.regex(uuid, /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/)
  t.is(toUuid('q', 'job-1'), uuid)
  t.not(toUuid('other', 'job-1'), uuid)
  t.is(toUuid('q', uuid), uuid)
})

test('a password that PostgreSQL refuses fails the run, on both sides', async (t) => {
  const refusal = Object.assign(new Error('password authentication failed'), {code: '28P01'})
  const refused = Object.assign(Object.create(boss) as PgBoss, {
    getQueue: () => Promise.reject(refusal),
    getDb: () => ({executeSql: () => Promise.reject(refusal)}),
  })
  const sources = [
    workerTasks<number, number>('q', ({data}) => data, {boss: refused}),
    remoteTasks<number, number>([1, 2], {queue: 'q', boss: refused}),
  ]
  for (const source of sources) {
    const runner = new ConcurrentRunner<unknown, true>(source, {limit: 1, yieldExceptions: true})
    const error = await t.throwsAsync(runner.run(), {instanceOf: ConcurrentIteratorError})
    t.true(error?.cause instanceof EngineError)
    t.regex(error?.message ?? '', /PostgreSQL refuses the connection: password authentication failed/)
  }
})
