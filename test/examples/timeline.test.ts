import {channel} from 'node:diagnostics_channel'
import {EventEmitter, once} from 'node:events'
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {fileURLToPath} from 'node:url'
import ava, {type ExecutionContext} from 'ava'
import pDefer from 'p-defer'
import {type Bar, type Observed, Recorder, type Timeline} from '../../examples/timeline/recorder.js'
import {toSvg} from '../../examples/timeline/svg.js'
import {toTrace} from '../../examples/timeline/trace.js'
import {type ConcurrentError, ConcurrentRunner, type Permit, type TaskContext, TaskQueue} from '../../src/index.js'
import {manuals, thunks, turn} from '../helpers/index.js'
import {command, ended, start, temporaryFolder} from './child.js'

/** One after the other: some start a process. */
const test = ava.serial

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly cat?: string
  readonly tid?: number
  readonly ts?: number
  readonly dur?: number
  readonly args: {readonly index?: number; readonly attempt?: number; readonly group?: string; readonly limit?: number}
}

const tasksOf = (trace: string): TraceEvent[] =>
  (JSON.parse(trace) as {traceEvents: TraceEvent[]}).traceEvents.filter(({ph, cat}) => ph === 'X' && cat !== 'held')

/** The tasks and lanes of the bars in a picture. */
const barsOf = (svg: string): Array<{task: number; lane: number}> =>
  [...svg.matchAll(/<g data-task="(\d+)" data-lane="(\d+)">/g)].map(([, task, lane]) => ({
    task: Number(task),
    lane: Number(lane),
  }))

const upTo = (count: number): number[] => Array.from({length: count}, (_, index) => index)
const ascending = (numbers: Array<number | undefined>): number[] => numbers.map(Number).sort((a, b) => a - b)

async function draw(t: ExecutionContext, args: string[]): Promise<{stdout: string; svg: string; trace: string}> {
  const folder = temporaryFolder(t)
  const out = join(folder, 'drawn')
  const {status, stdout, stderr} = await ended(start([...command('timeline'), ...args, '--out', out]))
  t.is(stderr, '')
  t.is(status, 0)
  return {stdout, svg: readFileSync(`${out}.svg`, 'utf8'), trace: readFileSync(`${out}.json`, 'utf8')}
}

test('the demonstration draws a bar for each attempt in no more lanes than its limit allows, with every mark', async (t) => {
  const {stdout, svg, trace} = await draw(t, ['--tasks', '40', '--limit', '3'])
  t.regex(stdout, /^40 tasks, 2 failed: /)
  const bars = barsOf(svg)
  t.deepEqual([...new Set(ascending(bars.map(({task}) => task)))], upTo(40))
  t.true(
    bars.every(({lane}) => lane < 5),
    'the limit is 3, 5 and 2',
  )

  const tasks = tasksOf(trace)
  t.is(tasks.length, bars.length)
  t.deepEqual(ascending(tasks.map(({tid = 0}) => tid - 1)), ascending(bars.map(({lane}) => lane)))
  t.true(tasks.some(({args}) => args.attempt === 2))
  t.deepEqual(new Set(tasks.map(({args}) => args.group)), new Set(['host a', 'host b', 'host c']))
  const {traceEvents} = JSON.parse(trace) as {traceEvents: TraceEvent[]}
  t.deepEqual(
    traceEvents.filter(({name}) => name === 'limit').map(({args}) => args.limit),
    [3, 5, 2],
  )
  t.true(traceEvents.some(({cat, dur = 0}) => cat === 'held' && dur > 0))
  for (const label of ['limit 3', 'limit 5', 'limit 2', 'tried again', 'failed', 'held by the governor', 'host a'])
    t.true(svg.includes(`>${label}</text>`), label)
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
  const recorder = new Recorder(() => now)
  recorder.record(runner)
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
    {at: 40, limit: 1},
  ])
  t.deepEqual(
    recorder.timeline.bars.map(({error}) => error?.message),
    ['Task 0 failed: Error: no', undefined, undefined, undefined],
  )
  t.false(channel('tracing:aio-tasks:task:start').hasSubscribers, 'a run that is over leaves no subscriber')
})

test('what is still running is drawn up to now', async (t) => {
  let now = 0
  const tasks = manuals(2)
  const runner = new ConcurrentRunner(thunks(tasks), {limit: 2})
  const recorder = new Recorder(() => now)
  recorder.record(runner)
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
  const recorder = new Recorder()
  recorder.record(runner)
  await t.throwsAsync(runner.run())
  t.deepEqual(recorder.timeline.bars, [])
  t.deepEqual(tasksOf(toTrace(recorder.timeline)), [])
  t.regex(toSvg('nothing', recorder.timeline), /^<svg [^]*0 tasks, 0 failed[^]*<\/svg>\n$/)
})

/** A runner by hand: its events and traces are told by the test. */
class ByHand extends EventEmitter implements Observed {
  limit = 2
  running: TaskContext[] = []

  start(index: number, attempt = 1): void {
    this.running = [...this.running.filter((context) => context.index !== index), contextOf(index, attempt)]
    publish(index, attempt)
  }
}

const publish = (index: number, attempt: number, group?: string): void =>
  channel('tracing:aio-tasks:task:start').publish({index, attempt, group})

const contextOf = (index: number, attempt = 1): TaskContext => ({
  index,
  attempt,
  item: undefined,
  signal: new AbortController().signal,
})

/** A runner by hand that is recorded, and its clock, which `at` sets. */
function recordedByHand(): {runner: ByHand; recorder: Recorder; at: (ms: number) => void} {
  let now = 0
  const runner = new ByHand()
  const recorder = new Recorder(() => now)
  recorder.record(runner)
  return {
    runner,
    recorder,
    at: (ms) => {
      now = ms
    },
  }
}

/** What is told of each bar, as one line. */
const linesOf = ({bars}: Timeline): string[] =>
  bars.map(
    ({index, attempt, isRetried, lane, start: from, end, error}) =>
      `${index}.${attempt} in ${lane} from ${from} to ${end}${isRetried ? ', again' : ''}${error ? ', failed' : ''}`,
  )

test('a task that is tried again has a bar for each attempt, and none while it waits', (t) => {
  const {runner, recorder, at} = recordedByHand()
  runner.start(0)
  at(10)
  runner.emit('retry', contextOf(0), {error: new Error('busy'), attempt: 1, delay: 20})
  runner.start(1)
  at(30)
  runner.start(0, 2)
  at(35)
  runner.start(2)
  at(50)
  runner.emit('result', 'a', contextOf(0, 2))
  t.deepEqual(linesOf(recorder.timeline), [
    '0.1 in 0 from 0 to 10, again',
    '1.1 in 0 from 10 to undefined',
    '0.2 in 1 from 30 to 50',
    '2.1 in 2 from 35 to undefined',
  ])
  const svg = toSvg('again', recorder.timeline)
  t.true(svg.includes('>0</text><path ') && svg.includes('>0.2</text>') && svg.includes('>tried again</text>'))
  t.true(svg.includes('3 tasks, 0 failed'))
  runner.emit('drain', {})
})

test('a task that is given up while it waits has failed in its last attempt, and one never begun at once', (t) => {
  const {runner, recorder, at} = recordedByHand()
  runner.start(0)
  at(10)
  runner.emit('retry', contextOf(0), {error: new Error('busy'), attempt: 1, delay: 1000})
  at(20)
  runner.emit('error', new Error('given up'), contextOf(0))
  at(30)
  runner.emit('error', new Error('refused by the governor'), contextOf(1))
  t.deepEqual(linesOf(recorder.timeline), ['0.1 in 0 from 0 to 10, again, failed', '1.1 in 0 from 30 to 30, failed'])
  runner.emit('drain', {})
})

test('attempts of another runner are no bars', (t) => {
  const [runner, other] = [new ByHand(), new ByHand()]
  const recorder = new Recorder(() => 0)
  recorder.record(runner)
  runner.start(0)
  for (const [index, attempt] of [
    [0, 1], // runs here too, and has its bar
    [0, 2],
    [1, 1],
  ] as const)
    other.start(index, attempt)
  t.deepEqual(linesOf(recorder.timeline), ['0.1 in 0 from 0 to undefined'])
  runner.emit('drain', {})
})

test('a governor that is watched governs as before, and the times in which it holds the run are known', async (t) => {
  let now = 0
  const [first, second] = [pDefer<Permit>(), pDefer<Permit>()]
  const permit: Permit = {release: () => {}}
  const answers = [permit, first.promise, second.promise, permit]
  const recorder = new Recorder(() => now)
  const governor = recorder.watch({acquire: () => answers.shift() ?? permit})
  const tasks = manuals(4)
  const runner = new ConcurrentRunner(thunks(tasks), {limit: 4, governor, yieldExceptions: true})
  recorder.record(runner)
  const errors: ConcurrentError[] = []
  runner.on('error', (error) => errors.push(error))
  const running = runner.run()
  await turn()
  now = 30
  first.resolve(permit)
  await turn()
  now = 45
  second.reject(new Error('no permit'))
  await turn()
  for (const task of tasks) task.resolve('done')
  await running
  t.deepEqual(recorder.timeline.holds, [
    {start: 0, end: 30},
    {start: 30, end: 45},
  ])
  t.deepEqual(
    errors.map(({index, cause}) => [index, (cause as Error).message]),
    [[2, 'no permit']],
  )
  const svg = toSvg('held', recorder.timeline)
  t.true(svg.includes('>held 30 ms</text>') && svg.includes('>held by the governor</text>'))
  t.regex(svg, /<title>held by the governor: 30 to 45 ms<\/title><rect class="held"/)
})

test('the groups of a queue are told apart by the colours below their bars', async (t) => {
  const queue = new TaskQueue<void>()
  for (const group of ['a', 7, undefined, 'a']) void queue.push(() => {}, {group})
  const recorder = new Recorder(() => 0)
  const runner = queue.run({limit: 1})
  recorder.record(runner)
  await queue.shutdown()
  await runner.drained
  t.deepEqual(recorder.timeline.bars.map(({group}) => String(group)).toSorted(), ['7', 'a', 'a', 'undefined'])
  const svg = toSvg('groups', recorder.timeline)
  const colours = [...svg.matchAll(/<rect class="group" .*?fill="(#\w+)"/g)].map(([, colour]) => colour)
  t.is(colours.length, 2 + 3, 'two in the legend, and three below bars')
  t.is(new Set(colours).size, 2)
  t.true(svg.includes('>a</text>') && svg.includes('>7</text>') && !svg.includes('>undefined</text>'))
})

// What is drawn

test('the picture has plain colours alone, so that every viewer shows them', (t) => {
  const svg = toSvg('plain', timeline)
  t.notRegex(svg, /var\(|<style|prefers-color-scheme/)
  for (const [rect] of svg.matchAll(/<rect [^>]*>/g)) t.regex(rect, / fill="#[0-9a-f]{6}"/)
  // Characters that fonts lack would look different everywhere.
  t.notRegex(svg, /[^\t\n\x20-\x7E]/)
})

test('the pictures in the README need no style sheet', (t) => {
  const folder = fileURLToPath(new URL('../../.github', import.meta.url))
  const pictures = readdirSync(folder).filter((name) => name.endsWith('.svg'))
  t.true(pictures.includes('timeline.svg') && pictures.includes('live.svg'))
  for (const name of pictures) {
    const svg = readFileSync(join(folder, name), 'utf8')
    t.notRegex(svg, /var\(|<style|style="|prefers-color-scheme|currentColor/, name)
  }
})

const settled = (index: number, lane: number, from: number, end: number): Bar => {
  return {index, attempt: 1, group: undefined, isRetried: false, lane, start: from, end, error: undefined}
}
const timeline: Timeline = {
  bars: [settled(0, 0, 0, 400), settled(1, 0, 400, 1000), settled(2, 1, 10, 11)],
  holds: [{start: 700, end: 701}],
  limits: [
    {at: 0, limit: 2},
    {at: 500, limit: 1},
    {at: 501, limit: Infinity},
  ],
  end: 1000,
}

test('bars of one lane do not overlap, and what is short has no label', (t) => {
  const svg = toSvg('a <title> & "more"', timeline)
  t.true(svg.includes('>a &lt;title&gt; &amp; &quot;more&quot;</text>'))
  const [first, second, short] = [
    ...svg.matchAll(/<rect class="good" x="([\d.]+)" y="\d+" width="([\d.]+)" height="24"/g),
  ].map(([, x, wide]) => ({from: Number(x), to: Number(x) + Number(wide)}))
  t.true((first?.to ?? NaN) < (second?.from ?? NaN))
  t.true((short?.to ?? NaN) > (short?.from ?? NaN))
  t.true(svg.includes('>0</text>') && !svg.includes('>2</text>') && !svg.includes('>held 1 ms</text>'))
})

test('labels of limits that changed at almost the same time stand one above the other', (t) => {
  const svg = toSvg('labels', timeline)
  const rows = ['limit 2', 'limit 1', 'no limit'].map((label) => new RegExp(`y="(\\d+)"[^>]*>${label}<`).exec(svg)?.[1])
  t.deepEqual(rows, ['84', '84', '102'])
})

test('Ctrl-C in the middle writes no picture', async (t) => {
  const folder = temporaryFolder(t)
  const preloads = ['./test/examples/listening.ts']
  const child = start([...command('timeline', preloads), '--tasks', '100000', '--out', join(folder, 'drawn')])
  const closed = ended(child)
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  t.deepEqual(await closed, {status: 130, stdout: '', stderr: 'listens\n'})
  t.deepEqual(readdirSync(folder), [])
})

test('the timeline is written though nobody reads the line that says so', async (t) => {
  const folder = temporaryFolder(t)
  const child = start([...command('timeline'), '--tasks', '3', '--out', join(folder, 'drawn')])
  child.stdout.destroy()
  const [[status], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  t.deepEqual([status, stderr], [0, ''])
  t.deepEqual(readdirSync(folder).toSorted(), ['drawn.json', 'drawn.svg'])
})
