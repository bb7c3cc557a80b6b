import test from 'ava'
import {RetryingRunner} from '../../examples/retrying.js'
import type {TaskContext} from '../../src/index.js'
import {caught, record, turn} from '../helpers/index.js'
import {command, ended, start} from './child.js'

const boom = new Error('boom')
const retrying = {retries: 2, minTimeout: 0}
/** Longer than any test. */
const pause = 1e9

function failing(times: number): (context: TaskContext) => string {
  return () => {
    if (times-- > 0) throw boom
    return 'at last'
  }
}

test('the example prints each retry and each result, and never runs more than three attempts at once', async (t) => {
  const {status, stdout, stderr} = await ended(start(command('retrying')))
  t.is(stderr, '')
  t.is(status, 0)
  const lines = stdout.trimEnd().split('\n')
  for (let job = 0; job < 9; job++)
    t.deepEqual(
      lines.filter((line) => line.startsWith(`job ${job} `)),
      [`job ${job} busy: attempt 2`, `job ${job} busy: attempt 3`].slice(0, job % 3).concat(`job ${job} done`),
    )
  t.is(lines.length, 9 + 9 + 1)
  t.regex(lines.at(-1) ?? '', /^at most [123] attempts at once$/)
})

test('a task that is retried starts once and ends once, with a retry event for each further attempt', async (t) => {
  const runner = new RetryingRunner([failing(2), failing(0)], {limit: 1, retrying})
  const log = record(runner)
  runner.on('again', ({index}, attempt, error) => log.push(`retry ${index} ${attempt} ${error.message}`))
  t.deepEqual(await runner.toArray(), ['at last', 'at last'])
  t.deepEqual(log, [
    'start 0',
    'retry 0 2 boom',
    'retry 0 3 boom',
    'result 0 at last',
    'start 1',
    'result 1 at last',
    'drain',
  ])
})

test('a task that fails once too often fails with its last error', async (t) => {
  const runner = new RetryingRunner([failing(3)], {retrying, yieldExceptions: true})
  const [error] = await runner.toArray()
  t.like(error, {cause: boom})
})

test('a promise that rejects is not retried', async (t) => {
  const runner = new RetryingRunner([Promise.reject(boom)], {retrying})
  runner.on('again', () => t.fail())
  t.like(await caught(runner.run()), {cause: boom})
})

test('while a task waits for its next attempt it keeps its slot, and an abort ends the wait', async (t) => {
  const runner = new RetryingRunner([failing(1), failing(0)], {limit: 1, retrying: {minTimeout: pause}})
  const log = record(runner)
  runner.on('again', () => t.fail())
  const run = caught(runner.run())
  await turn()
  t.deepEqual(log, ['start 0'])
  const reason = new Error('enough')
  runner.abort(reason)
  t.is(await run, reason)
  t.deepEqual(log, ['start 0', 'error 0 enough', 'drain'])
})

test("a task's timeout ends its retrying", async (t) => {
  const runner = new RetryingRunner([failing(1)], {timeout: 1, retrying: {minTimeout: pause}})
  t.like(await caught(runner.run()), {cause: {name: 'TimeoutError'}})
})
