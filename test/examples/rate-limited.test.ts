import test from 'ava'
import {RateLimitedRunner} from '../../examples/rate-limited.js'
import {never, record, turn} from '../helpers/index.js'
import {command, ended, start} from './child.js'

const printsAtMost = test.macro(async (t, rate: number) => {
  const {status, stdout, stderr} = await ended(start([...command('rate-limited'), `${rate}`]))
  t.is(stderr, '')
  t.is(status, 0)
  const lines = stdout.trimEnd().split('\n')
  t.deepEqual(
    lines.slice(0, 25),
    Array.from({length: 25}, (_, index) => `request ${index + 1}`),
  )
  let started = 0
  for (const line of lines.slice(25)) {
    const [, second, count] = /^second (\d+): (\d+) starts$/.exec(line) ?? []
    started += Number(count)
    // A slow machine may start later than it may, and so more in one second; never sooner.
    t.true(started <= rate * Number(second), line)
  }
  t.is(started, 25)
})
test('with a rate of 10 the example starts at most 10 by the end of each second gone', printsAtMost, 10)
test('with a rate of 100 the example starts all at once', printsAtMost, 100)

/** A limiter that never gives more tokens than these. */
function tokens(count: number) {
  return {removeTokens: async (): Promise<number> => (count-- > 0 ? count : never())}
}
const tasks = ['a', 'b', 'c'].map((value) => () => value)

test('nothing starts without a token, and a run that waits for one can be left', async (t) => {
  const runner = new RateLimitedRunner(tasks, {limiter: tokens(2)})
  const log = record(runner)
  void runner.next()
  await turn()
  await runner[Symbol.asyncDispose]()
  t.deepEqual(log, ['start 0', 'result 0 a', 'start 1', 'result 1 b', 'drain'])
})

test('runners with the same limiter share its rate', async (t) => {
  const limiter = tokens(3)
  const runners = [new RateLimitedRunner(tasks, {limiter}), new RateLimitedRunner(tasks, {limiter})] as const
  for (const runner of runners) void runner.next()
  await turn()
  t.is(runners[0].stats.started + runners[1].stats.started, 3)
})
