/** One run of the tests' program, with a mutant switched on or without. */
import {spawn} from 'node:child_process'
import {createInterface} from 'node:readline'
import {Readable, Writable} from 'node:stream'
import type {Line, Order, TestId} from './protocol.js'
import type {Workshop} from './workshop.js'

export interface Ended extends Omit<Extract<Line, {kind: 'ended'}>, 'kind'> {
  readonly title: string
}

export interface Trial {
  readonly code: number | null
  /** The tests that have ended, in order. */
  readonly ended: readonly Ended[]
  /** The test in which the process ended, or the last one. */
  readonly last: (TestId & {readonly title: string}) | undefined
  readonly loading: Readonly<Record<string, number>>
  /** The process did not end by itself, or reached the mutant far too often. */
  readonly isEndless: boolean
  readonly errors: string
}

/** Milliseconds that a process has beyond what its test has, before it is taken for stuck. */
const grace = 3000
/** What a test may take whose time is not known. */
const unknown = 120_000

export function attempt({folder, program}: Workshop, order: Order, mutant?: string): Promise<Trial> {
  return new Promise((resolve) => {
    const env: NodeJS.ProcessEnv = {...process.env, TMPDIR: folder} // what a killed test leaves goes with the workshop
    if (mutant !== undefined) env['__STRYKER_ACTIVE_MUTANT__'] = mutant
    const stdio = ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] as const
    const child = spawn(process.execPath, [program], {cwd: folder, env, stdio: [...stdio], detached: true})
    // Programs that tests have started too: with a mutant they may never end.
    const killAll = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nothing runs any more.
      }
    }
    const asking = child.stdio[4]
    // A program that ends at once leaves its order unread, and its own errors say why.
    if (asking instanceof Writable) asking.on('error', () => {}).end(JSON.stringify(order))
    const ended: Ended[] = []
    let [errors, isStuck] = ['', false]
    let last: Trial['last']
    let over: Extract<Line, {kind: 'over'}> | undefined
    let watchdog: NodeJS.Timeout | undefined
    const watch = (test?: TestId): void => {
      clearTimeout(watchdog)
      const patience = order.tests?.find(({file, at}) => file === test?.file && at === test.at)?.patience
      watchdog = setTimeout(
        () => {
          isStuck = true
          killAll()
        },
        (patience ?? unknown) + grace,
      )
    }
    watch(order.tests?.[0])
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000)
    })
    const pipe = child.stdio[3]
    if (!(pipe instanceof Readable)) throw new Error('no pipe to the program')
    createInterface({input: pipe}).on('line', (text) => {
      const line = JSON.parse(text) as Line
      if (line.kind === 'begins') {
        last = {...line.test, title: line.title}
        watch(line.test)
      } else if (line.kind === 'ended') ended.push({...line, title: last?.title ?? ''})
      else over = line
    })
    child.on('exit', killAll)
    child.on('close', (code) => {
      clearTimeout(watchdog)
      const isEndless = isStuck || (over?.isEndless ?? false)
      resolve({code, ended, last, loading: over?.loading ?? {}, isEndless, errors})
    })
  })
}
