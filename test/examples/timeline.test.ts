import {EventEmitter} from 'node:events'
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import ava, {type ExecutionContext} from 'ava'
import {type Bar, type Observed, Recorder, type Timeline} from '../../examples/timeline/recorder.js'
import {toSvg} from '../../examples/timeline/svg.js'
import {toTrace} from '../../examples/timeline/trace.js'
import {ConcurrentRunner, type TaskContext} from '../../src/index.js'
import {manuals, thunks, turn} from '../helpers/index.js'
import {command, ended, start} from './child.js'

/** One after the other: some start a process. */
const test = ava.serial

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly cat?: string
  readonly tid?: number
  readonly ts?: number
  readonly dur?: number
  readonly args: {readonly index?: number; readonly limit?: number}
}

const tasksOf = (trace: string): TraceEvent[] =>
  (JSON.parse(trace) as {traceEvents: TraceEvent[]}).traceEvents.filter(({ph, cat}) => ph === 'X' && cat !== 'waiting')

/** The tasks and lanes of the bars in a picture. */
const barsOf = (svg: string): Array<{task: number; lane: number}> =>
  [...svg.matchAll(/<g data-task="(\d+)" data-lane="(\d+)">/g)].map(([, task, lane]) => ({
    task: Number(task),
    lane: Number(lane),
  }))

const upTo = (count: number): number[] => Array.from({length: count}, (_, index) => index)
const ascending = (numbers: Array<number | undefined>): number[] => numbers.map(Number).sort((a, b) => a - b)

async function draw(t: ExecutionContext, args: string[]): Promise<{stdout: string; svg: string; trace: string}> {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-timeline-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  const out = join(folder, 'drawn')
  const {status, stdout, stderr} = await ended(start([...command('timeline'), ...args, '--out', out]))
  t.is(stderr, '')
  t.is(status, 0)
  return {stdout, svg: readFileSync(`${out}.svg`, 'utf8'), trace: readFileSync(`${out}.json`, 'utf8')}
}

test('the demonstration draws a bar for each task, in no more lanes than its limit ever allows', async (t) => {
  const {stdout, svg, trace} = await draw(t, ['--tasks', '24', '--limit', '3'])
  t.regex(stdout, /^24 tasks, \d+ failed: /)
  const bars = barsOf(svg)
  t.deepEqual(ascending(bars.map(({task}) => task)), upTo(24))
  t.true(
    bars.every(({lane}) => lane < 5),
    'the limit is 3, 5 and 2',
  )

  const tasks = tasksOf(trace)
  t.deepEqual(ascending(tasks.map(({args}) => args.index)), upTo(24))
  t.deepEqual(ascending(tasks.map(({tid = 0}) => tid - 1)), ascending(bars.map(({lane}) => lane)))
  const {traceEvents} = JSON.parse(trace) as {traceEvents: TraceEvent[]}
  t.deepEqual(
    traceEvents.filter(({name}) => name === 'limit').map(({args}) => args.limit),
    [3, 5, 2],
  )
  for (const label of ['limit 3', 'limit 5', 'limit 2']) t.true(svg.includes(`>${label}</text>`), label)
})

test('a folder is drawn with a bar for each of its files', async (t) => {
  const {stdout, svg, trace} = await draw(t, ['test/helpers', '--limit', '2'])
  const count = Number(/^(\d+) tasks, 0 failed/.exec(stdout)?.[1])
  t.true(count > 5)
  t.is(barsOf(svg).length, count)
  t.is(tasksOf(trace).length, count)
  t.true(barsOf(svg).every(({lane}) => lane < 2))
})

// What is recorded

/** A timeline without what the tests of it do not look at. */
const told = ({bars}: Timeline): Array<Pick<Bar, 'index' | 'lane' | 'start' | 'end'>> =>
  bars.map(({index, lane, start: from, end}) => ({index, lane, start: from, end}))

test('each start takes the lowest slot that is free, at the time that the clock says', async (t) => {
  let now = 100
  const tasks = manuals(4)
  const runner = new ConcurrentRunner(thunks(tasks), {limit: 2, yieldExceptions: true})
  const recorder = new Recorder(runner, () => now)
  const running = runner.run()
  const [a, b, c, d] = tasks
  await turn()
  now = 110
  b.resolve('b')
  await turn()
  now = 130
  a.reject(new Error('no'))
  await turn()
  now = 140
  recorder.waits({index: 3, signal: new AbortController().signal, item: undefined, attempt: 1}, 5)
  runner.limit = 1
  now = 150
  c.resolve('c')
  d.resolve('d')
  await running
  t.deepEqual(told(recorder.timeline), [
    {index: 0, lane: 0, start: 0, end: 30},
    {index: 1, lane: 1, start: 0, end: 10},
    {index: 2, lane: 1, start: 10, end: 50},
    {index: 3, lane: 0, start: 30, end: 50},
  ])
  t.deepEqual(recorder.timeline.limits, [
    {at: 0, limit: 2},
    {at: 50, limit: 1},
  ])
  t.deepEqual(
    recorder.timeline.bars.map(({error}) => error?.message),
    ['Task 0 failed: Error: no', undefined, undefined, undefined],
  )
  t.deepEqual(recorder.timeline.bars[3]?.waits, [{start: 40, end: 45}])
})

test('what is still running is drawn up to now', async (t) => {
  let now = 0
  const tasks = manuals(2)
  const runner = new ConcurrentRunner(thunks(tasks), {limit: 2})
  const recorder = new Recorder(runner, () => now)
  const running = runner.run()
  const [a, b] = tasks
  await turn()
  now = 20
  a.resolve('a')
  await turn()
  t.deepEqual(
    tasksOf(toTrace(recorder.timeline)).map(({dur}) => dur),
    [20_000, 20_000],
  )
  t.is(barsOf(toSvg('so far', recorder.timeline)).length, 2)
  b.resolve('b')
  await running
})

test('an error of the source is no bar, and a run without tasks is a picture too', async (t) => {
  const runner = new ConcurrentRunner<number>(() => {
    throw new Error('no tasks')
  })
  const recorder = new Recorder(runner)
  await t.throwsAsync(runner.run())
  t.deepEqual(recorder.timeline.bars, [])
  t.deepEqual(tasksOf(toTrace(recorder.timeline)), [])
  t.regex(toSvg('nothing', recorder.timeline), /^<svg [^]*0 tasks, 0 failed[^]*<\/svg>\n$/)
})

/** A runner by hand: its events are told by the test. */
class ByHand extends EventEmitter implements Observed {
  limit = 2
  running: TaskContext[] = []
}

const contextOf = (index: number, attempt = 1): TaskContext => ({
  index,
  attempt,
  item: undefined,
  signal: new AbortController().signal,
})

test('a task that is tried again has a bar for each attempt, and none while it waits', (t) => {
  let now = 0
  const runner = new ByHand()
  const recorder = new Recorder(runner, () => now)
  runner.emit('start', contextOf(0))
  now = 10
  runner.emit('retry', contextOf(0), {error: new Error('busy'), attempt: 1, delay: 20})
  runner.emit('start', contextOf(1))
  now = 35
  runner.running = [contextOf(0, 2), contextOf(1)]
  runner.emit('start', contextOf(2)) // by now the second attempt has begun, when its delay was over
  now = 50
  runner.emit('result', 'a', contextOf(0, 2))
  const {bars} = recorder.timeline
  t.deepEqual(
    bars.map(({index, attempt, isRetried, lane, start: from, end}) => [index, attempt, isRetried, lane, from, end]),
    [
      [0, 1, true, 0, 0, 10],
      [1, 1, false, 0, 10, undefined],
      [0, 2, false, 1, 30, 50],
      [2, 1, false, 2, 35, undefined],
    ],
  )
  const svg = toSvg('again', recorder.timeline)
  t.true(svg.includes('>0 ↻</text>') && svg.includes('>0.2</text>') && svg.includes('>tried again</text>'))
  t.true(svg.includes('3 tasks, 0 failed'))
})

// What is drawn

test('the picture has plain colours alone, so that every viewer shows them', (t) => {
  const svg = toSvg('plain', timeline)
  t.notRegex(svg, /var\(|<style|prefers-color-scheme/)
  for (const [rect] of svg.matchAll(/<rect [^>]*>/g)) t.regex(rect, / fill="#[0-9a-f]{6}"/)
})

const timeline: Timeline = {
  bars: [
    {
      index: 0,
      attempt: 1,
      isRetried: false,
      lane: 0,
      start: 0,
      end: 400,
      error: undefined,
      waits: [{start: 100, end: 900}],
    },
    {index: 1, attempt: 1, isRetried: false, lane: 0, start: 400, end: 1000, error: undefined, waits: []},
    {index: 2, attempt: 1, isRetried: false, lane: 1, start: 10, end: 11, error: undefined, waits: []},
  ],
  limits: [
    {at: 0, limit: 2},
    {at: 500, limit: 1},
    {at: 501, limit: Infinity},
  ],
  end: 1000,
}

test('bars of one lane do not overlap, and a wait does not reach beyond its bar', (t) => {
  const svg = toSvg('a <title> & "more"', timeline)
  t.true(svg.includes('>a &lt;title&gt; &amp; &quot;more&quot;</text>'))
  const rects = [...svg.matchAll(/<rect class="(good|wait)" x="([\d.]+)" y="\d+" width="([\d.]+)" height="24"/g)].map(
    ([, kind, x, wide]) => ({kind, from: Number(x), to: Number(x) + Number(wide)}),
  )
  const [first, wait, second] = rects
  t.deepEqual(
    rects.map(({kind}) => kind),
    ['good', 'wait', 'good', 'good'],
  )
  t.true((first?.to ?? NaN) < (second?.from ?? NaN))
  t.true((wait?.to ?? NaN) <= (first?.to ?? NaN) + 0.01)
})

test('labels of limits that changed at almost the same time stand one above the other', (t) => {
  const svg = toSvg('labels', timeline)
  const rows = ['limit 2', 'limit 1', 'no limit'].map((label) => new RegExp(`y="(\\d+)"[^>]*>${label}<`).exec(svg)?.[1])
  t.deepEqual(rows, ['84', '84', '102'])
})

test('Ctrl-C in the middle writes no picture', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-timeline-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  const child = start([...command('timeline'), '--tasks', '100000', '--out', join(folder, 'drawn')])
  const closed = ended(child)
  setTimeout(() => child.kill('SIGINT'), 1500)
  t.deepEqual(await closed, {status: 130, stdout: '', stderr: ''})
  t.deepEqual(readdirSync(folder), [])
})

test('a wrong argument of the timeline is told in one line, and --help says how it is used', async (t) => {
  const {status, stderr} = await ended(start([...command('timeline'), 'no-such-folder']))
  t.is(status, 2)
  t.is(stderr, "FOLDER must be an existing folder; got 'no-such-folder' (--help tells more)\n")
  t.regex((await ended(start([...command('timeline'), '--help']))).stdout, /^Usage: /)
})
