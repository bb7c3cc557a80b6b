import {spawnSync} from 'node:child_process'
import {EventEmitter, once} from 'node:events'
import ava from 'ava'
import {LiveView, type Observed} from '../../examples/live/view.js'
import {Progress, spoken} from '../../examples/progress.js'
import type {RunnerStats, TaskContext} from '../../src/index.js'
import {command, ended, start} from './child.js'

const test = ava.serial
const hasScript = spawnSync('script', ['--version']).error === undefined

class ByHand extends EventEmitter implements Observed {
  limit = 2
  running: TaskContext[] = []
  stats: RunnerStats = {started: 0, succeeded: 0, failed: 0, running: 0, waiting: 0, retrying: 0}
}

const contextOf = (index: number, item: string, attempt = 1): TaskContext => ({
  index,
  item,
  attempt,
  signal: new AbortController().signal,
})

test('the view tells what runs, its attempts and seconds, the rate, what is left, errors and limits', (t) => {
  let now = 0
  const runner = new ByHand()
  const view = new LiveView(runner, {total: 10, now: () => now})
  const [a, b] = [contextOf(0, 'a.html'), contextOf(1, 'b.html', 2)]
  runner.running = [b, a]
  runner.emit('start', a)
  runner.emit('retry', b, {error: new Error('busy'), attempt: 1, delay: 0})
  t.regex(view.summary, /^0\/10 done, 0\.0\/s, 0 failed, 1 retries, limit 2$/)
  now = 2000
  runner.limit = 3
  runner.emit('error', new Error('Task 5 failed'), contextOf(5, ''))
  runner.emit('result', 1, contextOf(6, ''))
  t.deepEqual(view.lines(), [
    '2 running',
    '#0       a.html                    attempt 1  2.0 s',
    '#1       b.html                    attempt 2  0.0 s',
    'last error: Task 5 failed',
    '2/10 done, 1.0/s, 8 s left, 1 failed, 1 retries, limit 2 → 3',
  ])
  view[Symbol.dispose]()
})

test('the time that is left falls steadily, though tasks end in bursts', (t) => {
  let now = 0
  const runner = new ByHand()
  const progress = new Progress(runner, () => now)
  progress.total = 600
  const left: number[] = []
  for (let second = 1; second <= 60; second++)
    for (let tenth = 0; tenth < 10; tenth++) {
      now += 100
      if (tenth === 9) for (let count = 0; count < 10; count++) runner.emit('result')
      if (second > 5 && progress.secondsLeft !== undefined) left.push(progress.secondsLeft)
    }
  for (const [index, seconds] of left.entries())
    t.true(Math.abs(seconds - (left[index - 1] ?? seconds)) < 12, `from ${left[index - 1]} to ${seconds}`)
  t.is(left.at(-1), 0)
})

test('times are told in steps that can be read', (t) => {
  t.deepEqual([7.2, 59.9, 64, 200, 7500].map(spoken), ['8 s', '60 s', '1 min 0 s', '3 min 20 s', '2 h 5 min'])
})

test('without a terminal it prints lines now and then, and the last one tells all', async (t) => {
  const {status, stdout, stderr} = await ended(start([...command('live'), '--tasks', '8']))
  t.is(status, 0)
  t.is(stdout, '')
  t.false(stderr.includes('\x1B'))
  t.regex(Buffer.from(stderr, 'latin1').toString(), /8\/8 done, .*, 1 failed, limit 4 → 6\n$/)
})

const onTerminal = hasScript ? test : test.skip
onTerminal('on a terminal the view is drawn, and only its last line stays', async (t) => {
  const line = command('live')
    .map((word) => `'${word}'`)
    .join(' ')
  const {status, stdout} = await ended(
    start(['script', '-qec', `stty rows 24 cols 100; ${line} --tasks 8`, '/dev/null']),
  )
  t.is(status, 0)
  t.regex(stdout, /#\d+ +page-\d\.html +attempt 1 +\d\.\d s/)
  t.true(stdout.lastIndexOf('\x1B[?25h') > stdout.lastIndexOf('\x1B[?25l'), 'the cursor is shown again')
})

test('Ctrl-C ends it with a last line', async (t) => {
  const child = start([...command('live'), '--tasks', '1000'])
  const closed = ended(child)
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  t.is((await closed).status, 130)
})

test('a wrong argument is told in one line', async (t) => {
  const {status, stderr} = await ended(start([...command('live'), '--tasks', 'x']))
  t.is(status, 2)
  t.regex(stderr, /^--tasks must be .*\n$/)
})
