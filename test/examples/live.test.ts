import {spawnSync} from 'node:child_process'
import {EventEmitter, once} from 'node:events'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import type {WriteStream} from 'node:tty'
import ava, {type ExecutionContext} from 'ava'
import {LiveView, type Observed} from '../../examples/live/view.js'
import {Progress, spoken} from '../../examples/progress.js'
import type {RunnerStats, TaskContext} from '../../src/index.js'
import {type Child, command, type Ended, ended, interruptedWhen, start, tellingPid, temporaryFolder} from './child.js'

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
  const written = new PassThrough({encoding: 'utf8'})
  const view = new LiveView(runner, {total: 10, now: () => now, stream: written as unknown as WriteStream})
  const [a, b] = [contextOf(0, 'a.html'), contextOf(1, 'b.html', 2)]
  runner.running = [b, a]
  runner.emit('start', a)
  runner.emit('retry', b, {error: new Error('busy\nnow'), attempt: 1, delay: 40.7})
  t.regex(view.summary, /^0\/10 done, 0\.0\/s, 0 failed, 1 tried again, limit 2$/)
  now = 2000
  runner.emit('limit', 3, 2)
  runner.stats = {...runner.stats, retrying: 1}
  runner.emit('error', new Error('Task 5 failed'), contextOf(5, ''))
  runner.emit('result', 1, contextOf(6, ''))
  t.deepEqual(view.lines(), [
    '2 running, 1 waiting for another attempt',
    '#0       a.html                    attempt 1  2.0 s',
    '#1       b.html                    attempt 2  0.0 s',
    'last retry: #1, attempt 2 in 41 ms, after Error: busy now',
    'last error: Task 5 failed',
    '2/10 done, 1.0/s, 8 s left, 1 failed, 1 tried again, limit 2 → 3',
  ])
  view[Symbol.dispose]()
  t.is(written.read(), '2/10 done, 1.0/s, 8 s left, 1 failed, 1 tried again, limit 2 → 3\n')
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

test('as long as nobody knows the total there is no time left to tell, and what fails without a task is not counted', (t) => {
  let now = 0
  const runner = new ByHand()
  const progress = new Progress(runner, () => now)
  now = 1000
  runner.emit('result')
  runner.emit('error', new Error('a task'), contextOf(1, ''))
  runner.emit('error', new Error('the source'))
  t.deepEqual([progress.done, progress.failed, progress.rate, progress.secondsLeft], [2, 1, 2, undefined])
  progress.total = 6
  t.is(progress.secondsLeft, 2)
})

test('times are told in steps that can be read', (t) => {
  t.deepEqual([7.2, 59.9, 64, 200, 7500].map(spoken), ['8 s', '60 s', '1 min 0 s', '3 min 20 s', '2 h 5 min'])
})

test('without a terminal it prints lines now and then, and the last one tells all', async (t) => {
  const {status, stdout, stderr} = await ended(start([...command('live'), '--tasks', '8']))
  t.is(status, 0)
  t.is(stdout, '')
  t.false(stderr.includes('\x1B'))
  t.regex(Buffer.from(stderr, 'latin1').toString(), /8\/8 done, .*, 1 failed, 2 tried again, limit 4 → 8 → 6\n$/)
})

const onTerminal = hasScript ? test : test.skip
const lineOf = (...args: string[]): string => [...command('live'), ...args].map((word) => `'${word}'`).join(' ')
/** What a terminal gets from the example. */
const startShown = (line: string): Child => start(['script', '-qec', `stty rows 24 cols 100; ${line}`, '/dev/null'])
const shown = (line: string): Promise<Ended> => ended(startShown(line))

/** Whether the cursor is shown again, and nothing of the view is left but its last line. */
function isTidy(t: ExecutionContext, output: string): void {
  t.true(output.lastIndexOf('\x1B[?25h') > output.lastIndexOf('\x1B[?25l'), 'the cursor is shown again')
  t.notRegex(output.slice(output.lastIndexOf('\x1B[2K')), /running|attempt/)
}

onTerminal('on a terminal the view is drawn, and only its last line stays', async (t) => {
  const {status, stdout} = await shown(lineOf('--tasks', '8'))
  t.is(status, 0)
  t.regex(stdout, /#\d+ +page-\d\.html +attempt 1 +\d\.\d s/)
  isTidy(t, stdout)
})

onTerminal('Ctrl-C on a terminal takes the view away, and shows the cursor again', async (t) => {
  const line = tellingPid(lineOf('--tasks', '1000'))
  const {status, stdout} = await interruptedWhen(startShown(line), /#\d+ +page-/)
  t.is(status, 130)
  t.regex(stdout, /#\d+ +page-/)
  isTidy(t, stdout)
})

onTerminal('the picture has what the terminal has shown, in plain colours', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'live.svg')
  const {status, stdout} = await shown(lineOf('--tasks', '40', '--picture', file))
  t.is(status, 0)
  const svg = readFileSync(file, 'utf8')
  t.notRegex(svg, /var\(|<style|class=/)
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)</g)].map(([, text = '']) => text)
  t.true(texts.length > 8)
  const terminal = Buffer.from(stdout, 'latin1').toString()
  for (const text of texts) t.true(terminal.includes(text), text)
  for (const part of [/^#\d+$/, /^page-\d+\.html$/, /^last retry: /, /^last error: /, / s left, .*, limit 4 → 8/])
    t.true(
      texts.some((text) => part.test(text)),
      String(part),
    )
})

test('Ctrl-C ends it with a last line', async (t) => {
  const child = start([...command('live'), '--tasks', '1000'])
  const closed = ended(child)
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  const {status, stdout, stderr} = await closed
  t.is(status, 130)
  t.is(stdout, '')
  t.regex(Buffer.from(stderr, 'latin1').toString(), /^(\d+\/1000 done, .*, limit .*\n)+$/)
})

test('a reader that has seen enough ends the view quietly', async (t) => {
  const child = start([...command('live'), '--tasks', '1000'])
  await once(child.stderr, 'data')
  child.stderr.destroy()
  t.deepEqual(await once(child, 'exit'), [0, null])
})
