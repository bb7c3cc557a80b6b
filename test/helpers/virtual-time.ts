/** Tests on a clock that stands still until the test moves it. */
import test, {type ExecutionContext} from 'ava'
import {VirtualClock} from '../governors/virtual-clock.js'
import {turn} from './turn.js'

/** The clock of the test that runs now. */
export let clock: VirtualClock

type Body = (t: ExecutionContext) => Promise<void>

/** Registers a test with a clock of its own. Such tests share the timers of the process, so they run one by one. */
export function serial(title: string, body: Body): void {
  test.serial(title, (t) => withClock(t, body))
}

/** The same for a defect that is known: the test fails when it passes. */
export function knownToFail(title: string, body: Body): void {
  test.serial.failing(title, (t) => withClock(t, body))
}

async function withClock(t: ExecutionContext, body: Body): Promise<void> {
  clock = VirtualClock.install()
  try {
    await body(t)
  } finally {
    VirtualClock.uninstall()
  }
}

/** Lets everything that is due happen, and then moves the clock by `ms`. */
export async function pass(ms: number): Promise<void> {
  await turn()
  await clock.advance(ms)
}
